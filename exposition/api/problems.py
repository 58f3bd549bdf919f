"""Errors of the API: problem details (RFC 9457), each with a sentence that says what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.responses import Response
from pydantic import BaseModel

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What an error's body holds."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str


class ProblemError(Exception):
    """A request that cannot be answered; `detail` is for the person who sent it."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """`headers` go with the answer."""
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def answer(
    status: int, detail: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a problem as an answer."""
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, request_id=request_id
    )
    body = orjson.dumps(problem.model_dump())
    return Response(body, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def bad_request(detail: str) -> ProblemError:
    """Return the error of a request that says something that cannot be meant."""
    return ProblemError(HTTPStatus.BAD_REQUEST, detail)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return for OpenAPI that these statuses come with a problem."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }
