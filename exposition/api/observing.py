"""What goes with every request: its id, a line of the access log, figures for Prometheus, headers.

An ASGI middleware and not one of Starlette's, as it has to see when a streamed answer has ended.
"""

import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exposition import access_log
from exposition.api import problems
from tradehouse.home.paths import Home

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SHOWN = ("format", "limit")
"""Parameters whose values are logged; of filters only the name is, as the value may be personal."""
DOCS_POLICY = "default-src 'self' 'unsafe-inline' data:"
POLICY = "default-src 'none'"
UNFORESEEN = "Something went wrong here. Tell whoever runs the API the request's id."


class Figures:
    """What `/metrics` shows."""

    def __init__(self) -> None:
        """All at zero, in a registry of its own."""
        self.registry = CollectorRegistry()
        prefix, of = "tradehouse_api", self.registry
        labels = ["route", "status"]
        self.requests = Counter(f"{prefix}_requests", "Requests answered.", labels, registry=of)
        self.seconds = Histogram(
            f"{prefix}_request_seconds", "Seconds to the answer's end.", ["route"], registry=of
        )
        self.bytes = Counter(f"{prefix}_answer_bytes", "Bytes answered.", ["route"], registry=of)
        self.cached = Counter(f"{prefix}_cached_answers", "Answers from the cache.", registry=of)
        self.extracts = Gauge(f"{prefix}_extracts_running", "Extracts that run.", registry=of)
        self.published = Gauge(
            f"{prefix}_release_timestamp_seconds", "When the release was made.", registry=of
        )


class Observer:
    """The middleware."""

    def __init__(self, app: Any, home: Home, figures: Figures) -> None:
        """`app` is what answers."""
        self._app, self._home, self._figures = app, home, figures

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, sent = time.perf_counter(), {"status": 0, "bytes": 0}
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        policy = DOCS_POLICY if scope["path"] in ("/docs", "/redoc") else POLICY
        extra = [
            (b"x-request-id", request_id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", policy.encode()),
        ]

        async def observed(message: Any) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)
            sent["bytes"] += len(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                sent["ended"] = 1

        try:
            await self._app(scope, receive, observed)
        except Exception:
            if not sent["status"]:
                failed = problems.answer(500, UNFORESEEN, request_id)
                await failed(scope, receive, observed)
            raise
        finally:
            self._note(scope, sent, time.perf_counter() - began)

    def _note(self, scope: Any, sent: dict[str, int], seconds: float) -> None:
        state = scope["state"]
        route = getattr(scope.get("route"), "path", "other")
        self._figures.requests.labels(route, str(sent["status"])).inc()
        self._figures.seconds.labels(route).observe(seconds)
        self._figures.bytes.labels(route).inc(sent["bytes"])
        token, client = state.get("token"), scope.get("client")
        access_log.write(
            self._home,
            {
                "event": "request",
                "request_id": state["request_id"],
                "token": token and token.name,
                "token_id": token and token.id,
                "client": client and client[0],
                "method": scope["method"],
                "path": scope["path"][:300],
                "parameters": _parameters(scope),
                "status": sent["status"],
                "ms": round(seconds * 1000, 1),
                "bytes": sent["bytes"],
                "is_whole": bool(sent.get("ended")),
                "personal": state.get("is_personal", False),
                "release": state.get("release_id"),
            },
        )


def _request_id(scope: Any) -> str:
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return str(given) if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _parameters(scope: Any) -> list[str]:
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return [f"{key}={value}"[:100] if key in SHOWN else key[:100] for key, value in pairs[:30]]
