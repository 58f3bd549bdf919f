"""The front page: what it says of a home, and that nothing else can be reached through it."""

import http.client
import re
import socket
from datetime import UTC, datetime
from html import unescape

import pytest

from exposition import front_page, site
from tests.orchestration import client
from tests.tradehouse.test_streams import HOSTILE
from tests.tradehouse.test_summary import batch_of, facts_of
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.home.records import Outcome
from tradehouse.observe import status
from tradehouse.publish import releases

ADDRESSES = {"assets": "http://127.0.0.1:3000", "docs": "http://127.0.0.1:3001/docs/index.html"}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PROBLEM = {
    "key": "source/crm",
    "title": "crm: the source is late",
    "what": "Promised is a sync every day; it was never loaded.",
    "since": "2026-01-01T00:00:00+00:00",
    "owner": "crm-team",
}


@pytest.fixture
def home(tmp_path):
    found = Home(tmp_path / "new")
    found.prepare()
    return found


def read(page):
    """What a person reads on a page."""
    without_head = page.partition("</head>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", without_head)))


def test_a_new_home_is_told_what_to_do_first(home):
    said = read(front_page.render(home, ADDRESSES, now=NOW))

    assert "as of 2026-01-02 03:04 UTC" in said
    assert "Nothing is published yet: make run loads, builds and publishes." in said
    assert "Documentation What every table and column is, with its tests. The first" in said
    assert "Last release None yet." in said
    assert "brokerage never loaded a sync every 36 hours nothing" in said


@pytest.mark.parametrize(
    ("changes", "standing", "more"),
    [
        ({}, "All is well.", "Last build bronze 1 rows in 1 tables"),
        ({"problems": [PROBLEM]}, "1 problem to look at.", "for crm-team: Promised is a sync"),
        ({"problems": [PROBLEM, PROBLEM]}, "2 problems to look at.", "crm: the source is late"),
        (
            {"held": [{"batch": 2, "message": "Batch2 is held: a file is cut."}]},
            "Something that was delivered is held.",
            "2 refused 1 2019-06-29 10 0 published",
        ),
        ({"resume": "Go on: `tradehouse run`."}, "A run has not finished", "Go on: tradehouse run"),
        (
            {"release_fault": "It is cut off."},
            "The published release is damaged.",
            "It is cut off.",
        ),
        (
            {"held": [{"batch": 2, "message": "Cut.", "file": "Batch2/Trade.txt", "line": 7}]},
            "Something that was delivered is held.",
            "error: Batch2/Trade.txt, line 7: Cut.",
        ),
        (
            {
                "publishing_held": {
                    "since": "2026-01-01",
                    "rolled_back_from": "20260101T000000.000Z",
                }
            },
            "Nothing new is published since a rollback.",
            "Let it go on: tradehouse publish --release-hold",
        ),
        (
            {"build": {"status": Outcome.TESTS_FAILED, "error": ""}},
            "All is well.",
            "Last build bronze 1 rows in 1 tables",
        ),
        (
            {"unmatched": {"unknown_day": 1234}},
            "All is well.",
            "1,234 rows not published: unknown_day",
        ),
        (
            {"ignored": ["notes.txt"]},
            "All is well.",
            "No stream reads 1 of the landing directory's",
        ),
        (
            {"warnings": [{"test": "assert_x", "message": "Got 3 results"}]},
            "All is well.",
            "Warned: assert_x: Got 3 results",
        ),
        ({"release": None}, "Nothing is published yet", "Last release None yet."),
        ({"loads_waiting": {"crm": 7}, "sources": [{"source": "crm"}]}, "All is well.", "load 7"),
        (
            {"writing": {"command": "tradehouse run", "pid": 7, "since": "2026-01-01T05:06:07"}},
            "All is well.",
            "Writing now: tradehouse run , process 7, since 2026-01-01 05:06.",
        ),
    ],
)
def test_it_says_how_things_stand(home, monkeypatch, changes, standing, more):
    release = facts_of(home.root)["release"] | {
        "created_at": "2026-01-01T00:00:00Z",
        "batches": [batch_of(1)],
        "tests": {"passed": 3, "warned": 1},
    }
    facts = facts_of(home.root, release_fault="", release=release) | changes
    monkeypatch.setattr(status, "collect", lambda _: facts)
    monkeypatch.setattr("tradehouse.loads.syncs.describe", lambda one: f"{one['source']} synced")

    page = front_page.render(home, ADDRESSES, now=NOW)
    said = read(page)

    assert f"UTC {standing}" in said
    assert more in said
    assert ('"standing sound"' in page) == (standing == "All is well.")


def test_what_a_source_delivers_is_text_on_it(home):
    refused = {"batch": 1, "stream": HOSTILE, "reason": "<script>alert(1)</script>"}
    quarantine = [{**refused, "disposition": "quarantined", "rows": 1234}]
    state.write(home, "build", {"status": "passed", "quarantine": quarantine})

    page = front_page.render(home, ADDRESSES, now=NOW)

    assert "<script" not in page
    assert "<script>alert(1)</script> quarantined 1,234" in read(page)


def test_a_home_that_cannot_be_read_says_why(home):
    state.write(home, "build", {"status": "passed", "version": 999})

    said = read(front_page.render(home, ADDRESSES, now=NOW))

    assert "build.json was written by a newer Tradehouse (version 999" in said
    assert "Last release" in said


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def served(home):
    home.docs.mkdir(parents=True)
    (home.docs / "index.html").write_text("the documentation")
    (home.root / "secret.txt").write_text("secret")
    port = free_port()
    server = site.serve(home, "127.0.0.1", port, ADDRESSES)
    yield port
    server.shutdown()
    server.server_close()


def fetch(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_is_served_with_the_documentation_beside_it(served):
    code, page = fetch(served, "/")
    assert (code, "Nothing is published yet" in page) == (200, True)
    assert fetch(served, "/?again", "HEAD") == (200, "")
    assert fetch(served, "/docs/index.html") == (200, "the documentation")
    assert fetch(served, "/docs/") == (200, "the documentation")


def test_what_nobody_foresaw_is_in_the_log_and_the_next_reader_is_served(
    served, home, monkeypatch, capfd
):
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home.root))
    with monkeypatch.context() as patch:
        patch.setattr(front_page, "render", lambda *_: 1 / 0)
        code, said = fetch(served, "/")
    assert code == 500
    assert str(home.logs / "errors.log") in said
    assert "ZeroDivisionError" in (home.logs / "errors.log").read_text()
    assert "Traceback" not in said + "".join(capfd.readouterr())
    assert fetch(served, "/")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/secret.txt", "/docs/../secret.txt", "/docs/%2e%2e/secret.txt", "//secret.txt"),
        *("/docs/..%2fsecret.txt", "/docs/....//secret.txt", "/state/build.json", "/docs/nothing"),
        *("/docs%2f..%2fsecret.txt", "/./secret.txt", "/index.html", "/docs/\x00"),
    ],
)
def test_nothing_else_of_the_home_is_served(served, path):
    try:
        code, content = fetch(served, path)
    except http.client.InvalidURL:
        return
    assert code == 404
    assert "secret" not in content.replace("secret.txt", "")


@pytest.mark.slow
@pytest.mark.xdist_group("run")
def test_in_a_browser_it_leads_to_the_documentation_by_keyboard(published):
    path = client.require_browser()
    from playwright.sync_api import sync_playwright

    home, port = Home(published), free_port()
    server = site.serve(home, "127.0.0.1", port, {**ADDRESSES, "docs": "/docs/index.html"})
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            tab = chromium.new_page(viewport={"width": 360, "height": 740})
            outside = []
            tab.on("request", lambda one: outside.append(one.url))
            tab.goto(f"http://127.0.0.1:{port}/")
            assert releases.find_current(home) in tab.inner_text("main")
            assert tab.evaluate("document.documentElement.scrollWidth") <= 360
            tab.keyboard.press("Tab")
            tab.keyboard.press("Tab")
            assert tab.evaluate("document.activeElement.innerText") == "Documentation"
            tab.keyboard.press("Enter")
            tab.wait_for_url("**/docs/index.html*")
            assert tab.title() != ""
            chromium.close()
    finally:
        server.shutdown()
        server.server_close()
    assert all(url.startswith((f"http://127.0.0.1:{port}", "data:")) for url in outside)
