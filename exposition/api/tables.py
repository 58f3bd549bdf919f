"""The endpoints of tables: what there is, pages of rows, extracts."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import move_on_after
from fastapi import APIRouter, Path, Query
from fastapi.responses import Response, StreamingResponse

from exposition.api import cache, extracts, problems, queries
from exposition.api.extracts import Format
from exposition.api.models import Page, TableFacts
from exposition.api.opened import Opened
from exposition.api.problems import ProblemError, documented
from exposition.api.queries import Question, View
from exposition.api.service import Asked, Known

MOST_ROWS = 10_000
EXTRACT_SECONDS = 3600
"""How long a client may take to read an extract; a slower one is cut off."""
PAGES = """
Rows in the order of the table's key. `next` is the address of the following page, `null` behind the
last one. All pages of one reading are of one release: some minutes after the next one is published,
`next` answers 404, and reading begins anew; an extract has no such limit.
"""
EXTRACTS = """
All rows that the filters leave, as a stream, of the release that is published when it begins. In
CSV a text that a spreadsheet would take for a formula has an apostrophe in front.
"""
FILTERS = """

**Filters**: every other parameter is the name of a column, alone (equal) or with a comparison
behind two underscores: `branch=North`, `traded_value_usd__ge=1000`,
`month_start_date__lt=2026-01-01`, `status__in=Active&status__in=Inactive`, `phone__null=true`.
Comparisons: `eq`, `ne`, `lt`, `le`, `gt`, `ge`, `in` (several times), `null`. All filters have to
hold.
"""
Name = Annotated[
    str,
    Path(
        description="Table, as /v1/tables lists it.",
        min_length=1,
        max_length=200,
        examples=["dim_date"],
    ),
]
Columns = Annotated[
    str | None, Query(description="Columns, separated by commas; default: all.", max_length=5000)
]
FAULTS = documented(400, 401, 404, 422, 429, 503)
router = APIRouter(prefix="/v1/tables", tags=["tables"])


@router.get("", summary="Tables and their columns", responses={**documented(401, 429, 503)},
            response_model=list[TableFacts])  # fmt: skip
async def list_tables(asked: Known) -> Response:
    """Tables of the release, with the columns that this token may see."""
    opened = await asked.service.open(asked)

    def make() -> bytes:
        views = (queries.see(asked.edition, table) for table in opened.tables.values())
        return extracts.dumps([_facts(asked, view) for view in views if view.columns])

    return await asked.service.answer(asked, make)


@router.get("/{name}", summary="Rows of a table, page by page", responses=FAULTS,
            response_model=Page, description=PAGES + FILTERS)  # fmt: skip
async def read_page(
    asked: Known,
    name: Name,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.")] = 1000,
    cursor: Annotated[
        str | None, Query(max_length=2000, description="Where the page begins: see `next`.")
    ] = None,
    columns: Columns = None,
) -> Response:
    """Return a page of the release that is published, or of the one that a cursor is of."""
    asked, opened = await _at_cursor(asked, cursor)
    question = _question(asked, opened, name)
    if question.view.table.is_view and not question.view.key:
        raise problems.bad_request(
            f"{name} has no key that this token sees, so its rows have no order and there are no "
            f"pages of it. All of them: /v1/tables/{name}/extract."
        )
    if cursor is not None:
        try:
            question = queries.after(question, queries.read_cursor(cursor)[1])
        except (ValueError, ProblemError) as error:
            raise _no_page() from error

    def make() -> bytes:
        sql, values = queries.page_sql(question, limit)
        with opened.cursor() as connection:
            rows = connection.execute(sql, values).fetchall()
        names = [column.name for column in question.columns]
        page = {
            "release": opened.release.id,
            "table": question.view.table.name,
            "rows": [dict(zip(names, row, strict=False)) for row in rows[:limit]],
            "next": _next(asked, question, rows[limit - 1]) if len(rows) > limit else None,
        }
        return extracts.dumps(page)

    return await asked.service.answer(asked, make)


@router.get("/{name}/extract", summary="All rows as one file",
            responses={**FAULTS, 200: {"description": "The rows.", "content": {
                kind.partition(";")[0]: {} for kind in extracts.MEDIA_TYPES.values()}}},
            response_class=StreamingResponse, description=EXTRACTS + FILTERS)  # fmt: skip
async def read_extract(
    asked: Known,
    name: Name,
    form: Annotated[Format, Query(alias="format", description="What the file is.")] = Format.ARROW,
    columns: Columns = None,
) -> Response:
    """Stream all rows of the release that is published now, even if another one is meanwhile."""
    opened = await asked.service.open(asked)
    question = _question(asked, opened, name)
    tag = asked.tag
    headers = asked.service.headers(asked, tag)
    if cache.matches(asked.request.headers.get("if-none-match"), tag):
        return Response(None, HTTPStatus.NOT_MODIFIED, headers)
    file = f"{question.view.table.name}-{opened.release.id}.{form}"
    headers["Content-Disposition"] = f'attachment; filename="{file}"'
    slot = ExitStack()
    slot.enter_context(asked.service.slots.taken(asked.token_id))
    figure = asked.service.figures.extracts
    figure.inc()
    slot.callback(figure.dec)
    pieces = extracts.stream(opened, question, form)
    try:
        first = await asked.service.work(lambda: next(pieces, b""))
    except BaseException:
        slot.close()
        raise
    return _Extract(first, pieces, slot, extracts.MEDIA_TYPES[form], headers)


class _Extract(StreamingResponse):
    """A stream that gives its slot back however it ends, also when the client has gone."""

    def __init__(
        self,
        first: bytes,
        pieces: Iterator[bytes],
        slot: ExitStack,
        media_type: str,
        headers: dict[str, str],
    ) -> None:
        def joined() -> Iterator[bytes]:
            yield first
            yield from pieces

        self._pieces, self._slot = joined(), slot
        super().__init__(self._pieces, media_type=media_type, headers=headers)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            with move_on_after(EXTRACT_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            self._slot.close()
            self._pieces.close()  # type: ignore[attr-defined]


async def _at_cursor(asked: Asked, cursor: str | None) -> tuple[Asked, Opened]:
    """Return the request, and the release that its pages are of."""
    if cursor is not None:
        try:
            release_id = queries.read_cursor(cursor)[0]
        except ValueError as error:
            raise _no_page() from error
        if release_id != asked.edition.release.id:
            former = asked.service.releases.find(release_id)
            if former is None:
                raise _no_page()
            edition = replace(asked.edition, release=former.release)
            asked.request.state.release_id = release_id
            return replace(asked, edition=edition), former
    return asked, await asked.service.open(asked)


def _question(asked: Asked, opened: Opened, name: str) -> Question:
    table = opened.tables.get(name)
    view = queries.see(asked.edition, table) if table else None
    if view is None or not view.columns:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"There is no table {name[:60]!a}. /v1/tables lists them."
        )
    question = queries.ask(view, asked.parameters)
    if asked.edition.may_see_personal and any(
        not replace(asked.edition, may_see_personal=False).may_see(view.table.name, one.name)
        for one in question.used
    ):
        asked.note_personal()
    return question


def _next(asked: Asked, question: Question, row: tuple[Any, ...]) -> str:
    kept = [(key, text) for key, text in asked.parameters if key != "cursor"]
    place = queries.place_in(row, question)
    cursor = queries.write_cursor(asked.edition.release.id, place)
    return f"{asked.request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"


def _no_page() -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        "There is no such page: it is of a release that is not served any more, or the cursor was "
        "changed. Begin anew without `cursor`.",
    )


def _facts(asked: Asked, view: View) -> dict[str, Any]:
    table, edition = view.table, asked.edition
    return {
        "name": table.name,
        "description": table.description,
        "rows": edition.release.rows.get(table.name),
        "key": [one.name for one in view.key],
        "columns": [
            {
                "name": one.name,
                "type": one.type,
                "description": one.description,
                "class": edition.class_of(table.name, one.name),
            }
            for one in view.columns
        ],
        "columns_left_out": view.left_out,
    }
