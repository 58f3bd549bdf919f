"""A mail server and a webhook server of this machine, and homes whose state is written by hand."""

import json
import socket
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiosmtpd.controller import Controller

from tradehouse.home import state
from tradehouse.home.paths import Home


class Letters:
    """What a mail server got: sender, recipients, subject and text of every letter."""

    def __init__(self):
        self.all = []
        self.port = 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        body = message.get_body(("plain",)).get_content()
        self.all.append((envelope.rcpt_tos, message["Subject"], body.replace("\r\n", "\n")))
        return "250 OK"


@pytest.fixture
def mail():
    """A mail server; `all` has (recipients, subject, text) of every letter it took."""
    letters = Letters()
    with socket.create_server(("127.0.0.1", 0)) as free:
        letters.port = free.getsockname()[1]
    controller = Controller(letters, hostname="127.0.0.1", port=letters.port)
    controller.start()
    letters.url = lambda to: (
        f"mailto://127.0.0.1:{letters.port}?from=tradehouse@example.com&to={to}"
    )
    yield letters
    controller.stop()


class Hook:
    """What a webhook server got, and what it answers."""

    def __init__(self, port):
        self.all = []
        self.answer = 200
        self.url = f"json://user:secret-token@127.0.0.1:{port}/hook"


@pytest.fixture
def webhook():
    """A webhook server; `all` has every document it was sent, `answer` is what it says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if hook.answer == 200:
                hook.all.append(content)
            self.send_response(hook.answer)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = Hook(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield hook
    server.shutdown()
    server.server_close()


def node(kind, name, owner, *parents, tests=None):
    return {
        "kind": kind, "name": name, "layer": "gold", "owner": owner, "parents": list(parents),
        "tests": tests,
    }  # fmt: skip


TRADES, PRICES, MART = (f"model.tradehouse.{one}" for one in ("trades", "prices", "mart"))
TEST = "test.tradehouse.unique_trades.1"
GRAPH = {
    "source.tradehouse.brokerage.trade": node("source", "brokerage.trade", None),
    TRADES: node("model", "trades", "Data engineering", "source.tradehouse.brokerage.trade"),
    PRICES: node("model", "prices", "Data engineering", "source.tradehouse.brokerage.trade"),
    MART: node("model", "mart", "Analytics", TRADES, PRICES),
    TEST: node("test", "unique_trades", "Data engineering", TRADES, tests=TRADES),
    "exposure.tradehouse.board": node("exposure", "Board", "Sales", MART),
}


@pytest.fixture
def quiet_home(tmp_path, monkeypatch):
    """A home in which everything is well; no channel is configured."""
    for name in ("TRADEHOUSE_ALERTS", "TRADEHOUSE_ALERTS_DATA_ENGINEERING"):
        monkeypatch.delenv(name, raising=False)
    home = Home(tmp_path / "home")
    home.prepare()
    state.write(home, "graph", {"project_digest": "1", "nodes": GRAPH})
    build(home)
    return home


def build(home, status="passed", failures=(), **nodes):
    """Write the record of a build; `nodes` are (status, message) by name of the model."""
    good = {TRADES: "success", PRICES: "success", MART: "success", TEST: "pass"}
    record = {name: {"status": one, "seconds": 0.1} for name, one in good.items()}
    for name, (one, message) in nodes.items():
        unique_id = TEST if name == "unique_trades" else f"model.tradehouse.{name}"
        record[unique_id] = {"status": one, "seconds": 0.1, "message": message}
    state.write(
        home,
        "build",
        {
            "id": "1", "status": status, "error": "see the log", "nodes": record,
            "started_at": "2026-01-05T06:00:00+00:00", "finished_at": "2026-01-05T06:01:00+00:00",
            "failures": [{"message": "", "kept_in": None, **one} for one in failures],
        },
    )  # fmt: skip
