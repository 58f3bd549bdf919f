"""Talking to the server through the `airbyte-api` SDK: credentials, back-off, errors in words.

Answers are the JSON that the server sent, not the SDK's models: those drop unknown fields and
mistake the configuration of an unknown connector for that of another one. Not here: what is asked
for (`reconciliation`, `jobs`).
"""

import time
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from ingestion.errors import ServerError
from ingestion.redaction import Redactor
from ingestion.server.settings import Server

if TYPE_CHECKING:
    from airbyte_api import AirbyteAPI

PAGE = 100
WORDS_SHOWN = 1000
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
_ADVICE = {
    401: "check client_id and client_secret in ingestion/airbyte.yml",
    403: "the application of these credentials may not do this: give its user the role for it",
    404: "check api_url and workspace, or whether somebody removed it; "
    "`tradehouse airbyte plan` shows what is there",
}
_TRANSIENT = (429, 500, 502, 503, 504)


class Client:
    """The server, as far as Tradehouse needs it. Every method raises ServerError."""

    def __init__(
        self,
        server: Server,
        redact: Redactor,
        *,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self.server = server
        self._redact = redact
        self._on_wait = on_wait
        base = server.api_url.rstrip("/")
        from airbyte_api import AirbyteAPI, models

        # A relative token address would be resolved against the host and lose the base path.
        credentials = models.SchemeClientCredentials(
            client_id=server.client_id,
            client_secret=server.client_secret,
            token_url=f"{base}/applications/token",
        )
        self.models = models
        self._http = httpx.Client(follow_redirects=True, timeout=server.timeout_seconds)
        self._sdk: AirbyteAPI = AirbyteAPI(
            security=models.Security(client_credentials=credentials),
            server_url=base,
            client=self._http,
            timeout_ms=int(server.timeout_seconds * 1000),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def call(self, doing: str, ask: Callable[["AirbyteAPI"], Any], *, again: bool = True) -> Any:
        """Ask, and return the answer's JSON. `doing` says in errors what was tried.

        Waits and asks again on 429, on 5xx and where there was no answer; `again` False means that
        asking twice could do something twice: then only 429 is asked again.
        """
        deadline = time.monotonic() + self.server.give_up_seconds
        wait, refreshed = FIRST_WAIT_SECONDS, False
        while True:
            try:
                return self._ask(ask)
            except _RefusedError as refusal:
                failure = refusal
            if failure.status == 401 and not refreshed:
                refreshed = True  # The token ended; the SDK has dropped it and gets a new one.
                continue
            is_passing = failure.status is None or failure.status in _TRANSIENT
            pause = wait if failure.retry_after is None else failure.retry_after
            may = failure.status == 429 or (again and is_passing)
            if not may or time.monotonic() + pause > deadline:
                raise ServerError(self._words(doing, failure), failure.status)
            if self._on_wait is not None:
                self._on_wait(f"{failure}; asking again in {pause:g} seconds")
            time.sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _ask(self, ask: Callable[["AirbyteAPI"], Any]) -> Any:
        from airbyte_api import errors

        try:
            with warnings.catch_warnings():
                # A configuration goes as declared, not as one of the SDK's models.
                warnings.filterwarnings("ignore", message="Pydantic serializer warnings")
                body = ask(self._sdk).raw_response.content
        except errors.ResponseValidationError as error:
            # A connector the SDK does not know makes it refuse the whole answer.
            body = error.raw_response.content
        except errors.AirbyteAPIError as error:
            response = error.raw_response
            raise _RefusedError(
                self._redact(_own_words(response))[:WORDS_SHOWN],
                error.status_code,
                _retry_after(response),
            ) from error
        except (httpx.HTTPError, errors.NoResponseError) as error:
            words = self._redact(str(error)) or type(error).__name__
            raise _RefusedError(f"no answer ({words})") from error
        except Exception as error:  # The SDK's token request raises nothing more specific.
            words = str(error)
            if "token endpoint" not in words:
                raise
            found = [int(word) for word in words.split() if word.isdigit()]
            raise _RefusedError(
                f"no access token: {self._redact(words)}", found[0] if found else None
            ) from error
        return orjson.loads(body) if body else None

    def _words(self, doing: str, failure: "_RefusedError") -> str:
        advice = _ADVICE.get(failure.status or 0)
        said = f" answered {failure.status}" if failure.status else ""
        return f"{doing}: the server {self.server.api_url}{said}: {failure}" + (
            f". What to do: {advice}." if advice else ""
        )

    def pages(
        self, doing: str, ask: Callable[["AirbyteAPI", int], Any]
    ) -> Iterator[dict[str, Any]]:
        """Every entry of a list that comes in pages; `ask` gets the offset."""
        offset = 0
        while True:
            found = self.call(doing, partial(_ask_page, ask, offset))["data"]
            yield from found
            if len(found) < PAGE:
                return
            offset += len(found)

    def workspace_id(self) -> str:
        """The id of the declared workspace, which may be named by id or by name."""
        from airbyte_api import api

        def ask(sdk: "AirbyteAPI", offset: int) -> Any:
            return sdk.workspaces.list_workspaces(
                request=api.ListWorkspacesRequest(limit=PAGE, offset=offset)
            )

        wanted = self.server.workspace
        found = list(self.pages("Looking for the workspace", ask))
        ids = [
            each["workspaceId"] for each in found if wanted in (each["workspaceId"], each["name"])
        ]
        if len(ids) == 1:
            return str(ids[0])
        names = ", ".join(f"{each['name']} ({each['workspaceId']})" for each in found) or "none"
        many = "several workspaces are called so: give the id" if ids else "there is none"
        raise ServerError(f"workspace {wanted!r} of ingestion/airbyte.yml: {many}. Found: {names}.")


def _ask_page(ask: Callable[["AirbyteAPI", int], Any], offset: int, sdk: "AirbyteAPI") -> Any:
    return ask(sdk, offset)


class _RefusedError(Exception):
    """One request that brought no answer to go on with."""

    def __init__(
        self, words: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(words)
        self.status = status
        self.retry_after = retry_after


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait by the header Retry-After, which holds seconds or a date."""
    given = response.headers.get("retry-after")
    if not given:
        return None
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    seconds: float = (moment - datetime.now(moment.tzinfo)).total_seconds()
    return max(0.0, seconds)


def _own_words(response: httpx.Response) -> str:
    """What the server said, out of the shapes in which it says it."""
    try:
        body = response.json()
    except ValueError:
        return response.text.strip() or response.reason_phrase or "nothing"
    if isinstance(body, dict):
        said = [str(body[key]) for key in ("title", "detail", "message") if body.get(key)]
        if said:
            return ": ".join(dict.fromkeys(said))
    return orjson.dumps(body).decode()
