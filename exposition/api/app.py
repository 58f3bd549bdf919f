"""The application: endpoints beside those of tables, errors, documentation without a network."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

import duckdb
from fastapi import APIRouter, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from exposition import access_log
from exposition.api import extracts, metrics, problems, tables
from exposition.api.models import Health, ReleaseFacts
from exposition.api.observing import Observer
from exposition.api.problems import ProblemError, documented
from exposition.api.service import Known, Service
from exposition.release import NothingPublishedError, Reader, find_edition
from tradehouse import __version__
from tradehouse.home.paths import Home

DESCRIPTION = """
Metrics and tables of the brokerage, from the published release. Every answer names its release
(`X-Release`) and has an `ETag`; asked with `If-None-Match`, an answer that did not change is a 304
without a body. Errors are problem details (RFC 9457); `detail` says what to do.
"""
DAY = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
router = APIRouter()


def create_app(home: Home, computed: metrics.Metrics | None = None) -> FastAPI:
    """Return the application for a home; `computed` are its metrics, if there are any."""
    app = FastAPIOffline(
        title="Tradehouse",
        version=__version__,
        description=DESCRIPTION,
        redirect_slashes=False,
        redoc_url=None,
    )
    service = Service(home, computed or metrics.NoMetrics())
    app.state.service = service
    app.include_router(tables.router)
    app.include_router(router)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(duckdb.OutOfMemoryException, _too_large)
    app.add_middleware(Observer, home=home, figures=service.figures)
    access_log.remove_old(home)
    return app


@router.get("/v1/release", tags=["release"], summary="The published release",
            response_model=ReleaseFacts, responses=documented(401, 429, 503))  # fmt: skip
async def show_release(asked: Known) -> Response:
    """When it was made, from what, how many rows its tables have."""
    release = asked.edition.release

    def make() -> bytes:
        return extracts.dumps(
            {
                "id": release.id,
                "created_at": release.created_at,
                "batches": [
                    {"batch": one.batch, "batch_date": one.batch_date} for one in release.batches
                ],
                "loads": release.loads,
                "rows": release.rows,
                "tests_passed": release.tests.passed,
                "tests_warned": release.tests.warned,
            }
        )

    return await asked.service.answer(asked, make)


@router.get("/v1/metrics", tags=["metrics"], summary="Metrics and what they mean",
            response_model=list[metrics.Metric], responses=documented(401, 429, 503))  # fmt: skip
async def list_metrics(asked: Known) -> Response:
    """Metrics that this token may ask for."""

    def make() -> bytes:
        found = asked.service.metrics.list(asked.edition)
        return extracts.dumps([one.model_dump() for one in found])

    return await asked.service.answer(asked, make)


@router.get("/v1/metrics/{name}", tags=["metrics"], summary="A metric's figures",
            response_model=metrics.MetricAnswer,
            responses=documented(400, 401, 404, 422, 429, 503))  # fmt: skip
async def query_metric(
    asked: Known,
    name: Annotated[str, Path(max_length=200)],
    by: Annotated[str | None, Query(description="Dimensions, separated by commas.")] = None,
    grain: Annotated[metrics.Grain | None, Query(description="Length of a period.")] = None,
    since: Annotated[str | None, Query(pattern=DAY, description="First day, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, Query(pattern=DAY, description="Last day, YYYY-MM-DD.")] = None,
) -> Response:
    """Figures by dimension and period. Every other parameter filters a dimension, as columns of
    tables are filtered: `branch=North`, `branch__in=A`.
    """
    try:
        question = metrics.read_question(asked.parameters)
    except ValidationError as error:
        raise problems.bad_request(_said(error.errors())) from error

    def make() -> bytes:
        try:
            found = asked.service.metrics.query(asked.edition, name, question)
        except KeyError as error:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                f"There is no metric {name[:60]!a}. /v1/metrics lists them.",
            ) from error
        except metrics.MetricQuestionError as error:
            raise problems.bad_request(str(error)) from error
        return extracts.dumps({"columns": found.columns, "rows": found.rows})

    return await asked.service.answer(asked, make, is_of_now=True)


@router.get("/health", tags=["operation"], summary="Whether the API can answer",
            response_model=Health, responses=documented(503))  # fmt: skip
async def show_health(request: Request) -> Response:
    """Needs no token; 503 while there is no release that can be read."""
    service: Service = request.app.state.service
    try:
        release = find_edition(service.home, Reader("health")).release
    except NothingPublishedError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, "No release can be read at the moment."
        ) from error
    body = extracts.dumps({"status": "ok", "release": release.id})
    return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/json")


@router.get("/metrics", tags=["operation"], summary="Figures for Prometheus",
            responses={200: {"content": {"text/plain": {}}}, **documented(401, 429, 503)},
            response_class=Response)  # fmt: skip
async def show_figures(asked: Known) -> Response:
    """Requests, seconds and bytes by endpoint, extracts that run, age of the release."""
    figures = asked.service.figures
    made_at = datetime.fromisoformat(asked.edition.release.created_at)
    figures.published.set(made_at.timestamp())
    body = generate_latest(figures.registry)
    return Response(body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _problem(request: Request, error: Any) -> Response:
    return problems.answer(error.status, error.detail, _id(request), error.headers)


def _http(request: Request, error: Any) -> Response:
    detail = {
        404: f"There is nothing at {request.url.path[:100]!a}. /docs lists what there is.",
        405: "This can only be read: GET.",
    }.get(error.status_code, str(error.detail))
    return problems.answer(error.status_code, detail, _id(request), error.headers)


def _invalid(request: Request, error: Any) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return problems.answer(status, _said(error.errors()), _id(request))


def _said(errors: Any) -> str:
    found = (f"{one['loc'][-1] if one['loc'] else 'it'}: {one['msg']}" for one in errors)
    return f"{'; '.join(found)}. /docs says what is expected."


def _too_large(request: Request, _: Any) -> Response:
    detail = "This needs more memory than the API has. Ask for fewer columns, or an extract."
    return problems.answer(HTTPStatus.SERVICE_UNAVAILABLE, detail, _id(request))


def _id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))
