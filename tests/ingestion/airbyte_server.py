"""A local Airbyte server for tests: its public API with state, and faults on request.

Every request and every answer is validated against the models of the SDK itself. A job goes one
status on whenever it is asked for; what it writes is `airbyte_destinations`' business.
"""

import itertools
import json
import re
import threading
import time
import traceback
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

from airbyte_api import models

from tests.ingestion.airbyte_destinations import write

BASE = "/api/public/v1"
CLIENT_ID, CLIENT_SECRET = "client-of-tests", "the-secret-of-the-client"
SECRETS = {"secret_access_key", "access_key_id", "password", "api_key"}
MASK = "**********"
ENDED = {"succeeded", "failed", "cancelled"}
USUAL = ["pending", "queued", "running", "succeeded"]


@dataclass
class Fault:
    """What goes wrong with requests of a method and path, so many times."""

    method: str
    path: str
    times: int = 1
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    latency: float = 0.0
    drop: str = ""
    """`before`: the request is not carried out; `after`: it is; either way no answer comes."""
    skip: int = 0


@dataclass
class Behaviour:
    """How a job goes."""

    statuses: list[str] = field(default_factory=lambda: list(USUAL))
    rows_reported: int | None = None
    written: int | None = None
    """How many rows of each stream it writes before it ends; None writes all."""
    words: dict[str, Any] = field(default_factory=dict)


@dataclass
class Data:
    """One stream of a source: its JSON schema's properties and its records so far."""

    properties: dict[str, Any]
    records: list[dict[str, Any]]
    key: list[str] = field(default_factory=list)
    cursor: list[str] = field(default_factory=list)
    namespace: str | None = None


class RefusalError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"status": status, "type": "about:blank", "detail": detail} | more


class AirbyteServer:
    """The state, and what the API does to it."""

    def __init__(self) -> None:
        self.workspaces = {str(uuid.uuid4()): "brokerage"}
        self.objects: dict[str, dict[str, dict[str, Any]]] = {
            "source": {},
            "destination": {},
            "connection": {},
        }
        self.jobs: dict[int, dict[str, Any]] = {}
        self.data: dict[str, dict[str, Data]] = {}
        self.positions: dict[tuple[str, str], int] = {}
        self.generations: dict[tuple[str, str], int] = {}
        self.behaviours: list[Behaviour] = []
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []
        self.tokens: set[str] = set()
        self._numbers = itertools.count(7001)
        self._lock = threading.RLock()
        self.url = ""

    # What tests ask for.

    def calls(self, method: str, path: str) -> list[int]:
        """The statuses of the requests of a method whose path matches."""
        return [
            status
            for each, found, status in self.requests
            if each == method and re.fullmatch(path, found)
        ]

    def sync_jobs(self) -> list[dict[str, Any]]:
        return [job for job in self.jobs.values() if job["jobType"] == "sync"]

    def expire_tokens(self) -> None:
        self.tokens.clear()

    # The API.

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        kind, _, object_id = path.strip("/").partition("/")
        if kind == "workspaces":
            return self._page(query, [self._workspace(*each) for each in self.workspaces.items()])
        if kind == "streams":
            return self._streams(query["sourceId"][0])
        if kind == "jobs":
            return self._job_answer(method, object_id, query, body)
        singular = kind.removesuffix("s")
        if singular not in self.objects:
            raise RefusalError(404, f"no such path: {path}")
        if method == "GET" and not object_id:
            of = {**self.objects[singular]}
            return self._page(query, [self._shown(singular, each) for each in of.values()])
        if method == "POST":
            return self._shown(singular, self._create(singular, body))
        found = self.objects[singular].get(object_id)
        if found is None:
            raise RefusalError(404, f"Could not find configuration for {singular}: {object_id}")
        if method in ("PUT", "PATCH"):
            self._update(singular, found, method, body)
        return self._shown(singular, found)

    def _page(self, query: dict[str, list[str]], every: list[Any]) -> dict[str, Any]:
        offset, limit = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["20"])[0])
        return {"data": every[offset : offset + limit], "next": "", "previous": ""}

    def _workspace(self, workspace_id: str, name: str) -> dict[str, Any]:
        answer = {
            "workspaceId": workspace_id,
            "name": name,
            "dataResidency": "auto",
            "notifications": {},
        }
        models.WorkspaceResponse.model_validate(answer)
        return answer

    def _streams(self, source_id: str) -> list[dict[str, Any]]:
        source = self.objects["source"].get(source_id)
        if source is None:
            raise RefusalError(404, f"Could not find configuration for source: {source_id}")
        answer = []
        for name, data in self.data.get(source["sourceType"], {}).items():
            modes = ["full_refresh_overwrite", "full_refresh_append"]
            if data.cursor:
                modes += ["incremental_append", "incremental_deduped_history"]
            one = {
                "streamName": name,
                "syncModes": modes,
                "defaultCursorField": data.cursor,
                "sourceDefinedCursorField": bool(data.cursor),
                "sourceDefinedPrimaryKey": [[part] for part in data.key],
                "propertyFields": [[name] for name in data.properties],
            }
            if data.namespace:
                one["streamnamespace"] = data.namespace
            models.StreamProperties.model_validate(one)
            answer.append(one)
        return answer

    def _create(self, kind: str, body: Any) -> dict[str, Any]:
        request = {
            "source": models.SourceCreateRequest,
            "destination": models.DestinationCreateRequest,
            "connection": models.ConnectionCreateRequest,
        }[kind]
        if body.get("definitionId") is None:
            self._validate(request, body)
        object_id = str(uuid.uuid4())
        made = dict(body) | {f"{kind}Id": object_id, "createdAt": int(time.time())}
        if kind == "connection":
            workspace = self.objects["source"][body["sourceId"]]["workspaceId"]
            made = (
                {"status": "active", "prefix": "", "tags": []} | made | {"workspaceId": workspace}
            )
            made.setdefault("schedule", {"scheduleType": "manual"})
        else:
            made[f"{kind}Type"] = body["configuration"].get(f"{kind}Type", "custom")
            made.setdefault("definitionId", str(uuid.uuid4()))
        self.objects[kind][object_id] = made
        return made

    def _update(self, kind: str, found: dict[str, Any], method: str, body: Any) -> None:
        request = {
            "source": models.SourcePutRequest,
            "destination": models.DestinationPutRequest,
            "connection": models.ConnectionPatchRequest,
        }[kind]
        if method != ("PATCH" if kind == "connection" else "PUT"):
            raise RefusalError(405, f"{method} of a {kind}")
        if found.get(f"{kind}Type") != "custom":
            self._validate(request, body)
        found |= body

    def _validate(self, model: Any, body: Any) -> None:
        """As the server: settings that the connector does not know are refused."""
        try:
            parsed = model.model_validate(body)
        except ValueError as error:
            raise RefusalError(
                400, f"The body of the request was not valid: {error!s:.300}"
            ) from None
        given, kept = body.get("configuration"), parsed.model_dump(by_alias=True)
        for key in given or ():
            if key not in kept["configuration"]:
                raise RefusalError(400, f"json schema validation failed: unknown setting {key}")

    def _shown(self, kind: str, stored: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(json.dumps(stored))
        for key, value in (answer.get("configuration") or {}).items():
            if key in SECRETS and value:
                answer["configuration"][key] = MASK
        if kind == "connection":
            for stream in answer["configurations"]["streams"]:
                stream.setdefault("primaryKey", [])
                stream.setdefault("selectedFields", [])
                stream.setdefault("mappers", [])
        response = {
            "source": models.SourceResponse,
            "destination": models.DestinationResponse,
            "connection": models.ConnectionResponse,
        }[kind]
        if answer.get(f"{kind}Type") != "custom":
            response.model_validate(answer)
        return answer

    # Jobs.

    def _job_answer(
        self, method: str, object_id: str, query: dict[str, list[str]], body: Any
    ) -> Any:
        if method == "POST":
            return self._shown_job(self._start(body))
        if not object_id:
            connection = query.get("connectionId", [None])[0]
            of = [j for j in self.jobs.values() if connection in (None, j["connectionId"])]
            of.sort(key=lambda job: job["jobId"], reverse="DESC" in query.get("orderBy", [""])[0])
            return self._page(query, [self._shown_job(job) for job in of])
        job = self.jobs.get(int(object_id))
        if job is None:
            raise RefusalError(404, f"Could not find job: {object_id}")
        if method == "DELETE":
            if job["status"] in ENDED:
                raise RefusalError(400, f"job {object_id} has ended")
            job["status"] = "cancelled"
        elif method == "GET":
            self._advance(job)
        return self._shown_job(job)

    def _shown_job(self, job: dict[str, Any]) -> dict[str, Any]:
        answer = {key: value for key, value in job.items() if not key.startswith("_")}
        models.JobResponse.model_validate(answer)
        return answer

    def _start(self, body: Any) -> dict[str, Any]:
        request = models.JobCreateRequest.model_validate(body)
        connection_id = request.connection_id
        if connection_id not in self.objects["connection"]:
            raise RefusalError(404, f"Could not find configuration for connection: {connection_id}")
        if any(
            job["connectionId"] == connection_id and job["status"] not in ENDED
            for job in self.jobs.values()
        ):
            raise RefusalError(409, f"A sync is already running for: {connection_id}")
        is_sync = body["jobType"] == "sync"
        behaviour = self.behaviours.pop(0) if is_sync and self.behaviours else Behaviour()
        number = next(self._numbers)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        self.jobs[number] = {
            "jobId": number,
            "connectionId": connection_id,
            "jobType": body["jobType"],
            "status": behaviour.statuses[0],
            "startTime": moment,
            "lastUpdatedAt": moment,
            "_left": behaviour.statuses[1:],
            "_behaviour": behaviour,
        }
        return self.jobs[number]

    def _advance(self, job: dict[str, Any]) -> None:
        if job["status"] in ENDED or not job["_left"]:
            return
        status = job["_left"].pop(0)
        if status in ENDED:
            self._finish(job)
        job["status"] = status
        job["lastUpdatedAt"] = datetime.now(UTC).isoformat()

    def _finish(self, job: dict[str, Any]) -> None:
        behaviour: Behaviour = job["_behaviour"]
        connection = self.objects["connection"][job["connectionId"]]
        if job["jobType"] != "sync":
            self._clear(connection)
            return
        rows = size = 0
        source = self.objects["source"][connection["sourceId"]]
        for stream in connection["configurations"]["streams"]:
            data = self.data[source["sourceType"]][stream["name"]]
            count, written = self._write(job, connection, stream, data, behaviour.written)
            rows, size = rows + count, size + written
        job["rowsSynced"] = rows if behaviour.rows_reported is None else behaviour.rows_reported
        job["bytesSynced"] = size
        job["duration"] = "PT3S"
        job.update(behaviour.words)

    def _write(
        self,
        job: dict[str, Any],
        connection: dict[str, Any],
        stream: dict[str, Any],
        data: Data,
        most: int | None,
    ) -> tuple[int, int]:
        at = (connection["connectionId"], stream["name"])
        mode = stream["syncMode"]
        if mode.startswith("full_refresh"):
            self.positions[at] = 0
            self.generations[at] = self.generations.get(at, -1) + 1
        begin = self.positions.get(at, 0)
        records = data.records[begin:][:most]
        self.positions[at] = begin + len(records)
        destination = self.objects["destination"][connection["destinationId"]]
        size = write(
            destination["configuration"],
            namespace=connection["namespaceFormat"],
            stream=stream["name"],
            properties=data.properties,
            records=records,
            sync_id=job["jobId"] + 40_000,  # It only has to grow; it is not the job's number.
            generation=self.generations.get(at, 0),
            overwrite=mode == "full_refresh_overwrite",
        )
        return len(records), size

    def _clear(self, connection: dict[str, Any]) -> None:
        destination = self.objects["destination"][connection["destinationId"]]
        source = self.objects["source"][connection["sourceId"]]
        for stream in connection["configurations"]["streams"]:
            at = (connection["connectionId"], stream["name"])
            self.positions[at] = 0
            self.generations[at] = self.generations.get(at, 0) + 1
            write(
                destination["configuration"],
                namespace=connection["namespaceFormat"],
                stream=stream["name"],
                properties=self.data[source["sourceType"]][stream["name"]].properties,
                records=[],
                sync_id=0,
                generation=self.generations[at],
                overwrite=True,
            )

    # HTTP.

    def fault_of(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and re.fullmatch(fault.path, path) and fault.times:
                if fault.skip:
                    fault.skip -= 1
                    return None
                fault.times -= 1
                return fault
        return None

    def token(self, form: dict[str, list[str]]) -> dict[str, Any]:
        if (form.get("client_id"), form.get("client_secret")) != ([CLIENT_ID], [CLIENT_SECRET]):
            raise RefusalError(401, "Invalid client credentials")
        token = uuid.uuid4().hex
        self.tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": 180}

    def handle(self, method: str, target: str, headers: Any, body: bytes) -> Any:
        """Status, headers and answer; None drops the connection."""
        parsed = urlparse(target)
        path = parsed.path.removeprefix(BASE)
        with self._lock:
            fault = self.fault_of(method, path)
        if fault is not None and fault.latency:
            time.sleep(fault.latency)
        with self._lock:
            if fault is not None and fault.drop == "before":
                self.requests.append((method, path, 0))
                return None
            if fault is not None and fault.status:
                self.requests.append((method, path, fault.status))
                return fault.status, fault.headers, fault.body or {"detail": "fault of the test"}
            status, answer = self._carry_out(method, path, parsed.query, headers, body)
            if fault is not None and fault.drop == "after":
                self.requests.append((method, path, 0))
                return None
            self.requests.append((method, path, status))
            return status, {}, answer

    def _carry_out(
        self, method: str, path: str, query: str, headers: Any, body: bytes
    ) -> tuple[int, Any]:
        try:
            if path == "/applications/token":
                return 200, self.token(parse_qs(body.decode()))
            if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                raise RefusalError(401, "Unauthorized: the access token has expired")  # noqa: TRY301
            content = json.loads(body) if body else None
            return 200, self.answer(method, path, parse_qs(query), content)
        except RefusalError as refusal:
            return refusal.status, refusal.body
        except Exception as error:
            # A fault of this server is no fault of the client: the test shall see it.
            traceback.print_exc()
            return 501, {"detail": f"the test's own server broke: {error!r}"}


def _handler(server: AirbyteServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = server.handle(self.command, self.path, self.headers, body)
            if found is None:
                self.close_connection = True
                return
            status, headers, answer = found
            content = json.dumps(answer).encode()
            self.send_response(status)
            for key, value in (headers | {"Content-Type": "application/json"}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    return Handler


@contextmanager
def serving(prepare: Callable[[AirbyteServer], None] | None = None) -> Iterator[AirbyteServer]:
    """A server on a free port while the block runs."""
    server = AirbyteServer()
    if prepare is not None:
        prepare(server)
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}{BASE}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
