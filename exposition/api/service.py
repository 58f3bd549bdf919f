"""What the endpoints share: who asks, which release answers, from the cache or anew."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

import duckdb
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from fastapi.responses import Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from exposition import tokens
from exposition.api import cache
from exposition.api.limits import Rates, Slots
from exposition.api.metrics import Metrics
from exposition.api.observing import Figures
from exposition.api.opened import Opened, OpenReleases
from exposition.api.problems import ProblemError
from exposition.release import Edition, NothingPublishedError, Reader, find_edition
from tradehouse.home.paths import Home, whole_number_setting

RATE, RATE_A_MINUTE = "TRADEHOUSE_API_REQUESTS_PER_MINUTE", 6000
REFUSALS_A_MINUTE = 120
EXTRACTS, EXTRACTS_AT_ONCE = "TRADEHOUSE_API_EXTRACTS", 4
EXTRACTS_OF_ONE = 2
QUERIES_AT_ONCE = 4
bearer = HTTPBearer(
    auto_error=False, description="A token: `tradehouse tokens create NAME` prints it."
)


T = TypeVar("T")


@dataclass
class Service:
    """The state of one server."""

    home: Home
    metrics: Metrics
    figures: Figures = field(default_factory=Figures)
    releases: OpenReleases = field(default_factory=OpenReleases)
    answers: cache.Answers = field(default_factory=cache.Answers)

    def __post_init__(self) -> None:
        """Read the settings."""
        self.book = tokens.Book(self.home)
        per_minute = whole_number_setting(RATE, RATE_A_MINUTE, least=1)
        self.rates = Rates(per_minute, "requests with this token")
        self.refusals = Rates(REFUSALS_A_MINUTE, "requests without a valid token")
        self.slots = Slots(
            whole_number_setting(EXTRACTS, EXTRACTS_AT_ONCE, least=1), EXTRACTS_OF_ONE
        )
        self.queries = CapacityLimiter(QUERIES_AT_ONCE)

    async def open(self, asked: "Asked") -> Opened:
        """Return the release that a request is answered from, opened."""
        if opened := self.releases.find(asked.edition.release.id):
            return opened
        try:
            return await self.work(self.releases.get, asked.edition)
        except duckdb.IOException as error:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The release went while it was being opened. Try again.",
                {"Retry-After": "1"},
            ) from error

    async def work(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run something that takes a while beside the event loop, a few at a time."""
        return await to_thread.run_sync(function, *arguments, limiter=self.queries)

    async def answer(
        self, asked: "Asked", make: Callable[[], bytes], *, is_of_now: bool = False
    ) -> Response:
        """Return JSON that depends on release and question alone: not at all, kept or made.

        What `is_of_now` also depends on the day, UTC.
        """
        tag = asked.tag_on(datetime.now(UTC).date()) if is_of_now else asked.tag
        headers = self.headers(asked, tag)
        if cache.matches(asked.request.headers.get("if-none-match"), tag):
            return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        body = self.answers.get(tag)
        if body is None:
            body = await self.work(make)
            self.answers.keep(tag, body)
        else:
            self.figures.cached.inc()
        return Response(body, headers=headers, media_type="application/json")

    def headers(self, asked: "Asked", tag: str) -> dict[str, str]:
        """Return the headers of what a release answers."""
        return {
            "ETag": tag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization",
            "X-Release": asked.edition.release.id,
        }


@dataclass
class Asked:
    """A request of a reader who is known, and what the reader gets."""

    request: Request
    service: Service
    token_id: str
    edition: Edition

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The parameters of the query, in order."""
        return self.request.query_params.multi_items()

    @property
    def tag(self) -> str:
        """The entity tag of the answer."""
        edition = self.edition
        path = self.request.url.path
        return cache.tag_of(edition.release.id, path, self.parameters, edition.may_see_personal)

    def tag_on(self, day: date) -> str:
        """The entity tag of an answer that also depends on the day."""
        edition, path = self.edition, self.request.url.path
        asked = [*self.parameters, ("", day.isoformat())]
        return cache.tag_of(edition.release.id, path, asked, edition.may_see_personal)

    def note_personal(self) -> None:
        """Have the access log say that the answer has personal columns."""
        self.request.state.is_personal = True


async def know(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Asked:
    """Return who asks and what they get, or refuse.

    Raises:
        ProblemError: without a valid token, after too many requests, while nothing is published.
    """
    service: Service = request.app.state.service
    token = service.book.find(credentials.credentials) if credentials else None
    if token is None:
        service.refusals.take(request.client.host if request.client else "")
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "A valid token is needed, as `Authorization: Bearer <token>`: it may be missing, "
            "mistyped, expired or revoked. Whoever runs the API makes one.",
            {"WWW-Authenticate": "Bearer"},
        )
    request.state.token = token
    service.rates.take(token.id)
    try:
        edition = find_edition(service.home, Reader(token.name, token.may_see_personal))
    except NothingPublishedError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "No release can be read at the moment. Try again later.",
            {"Retry-After": "60"},
        ) from error
    request.state.release_id = edition.release.id
    return Asked(request, service, token.id, edition)


Known = Annotated[Asked, Depends(know)]
