"""One alert a root cause, to the owner of what broke, and one when it is over."""

import itertools
import json
import multiprocessing
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tradehouse.alerts.conftest import MART, TEST, TRADES, build
from tradehouse.errors import BusyError, TradehouseError
from tradehouse.home import locks, state
from tradehouse.home.paths import Home
from tradehouse.loads import freshness
from tradehouse.observe import alerts
from tradehouse.observe.alerts import channels, find_problems

NOW = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
FAILED_TEST = {"test": "unique_trades", "failing_rows": 1234, "kept_in": "/logs/rows.csv"}


def fail_test(home):
    build(
        home,
        "tests failed",
        [FAILED_TEST],
        unique_trades=("fail", "Got 1234 results"),
        mart=("skipped", ""),
    )


def titles(told):
    return [message.title.removeprefix("[Tradehouse] ") for message in told]


def test_a_blocking_test_is_told_once_to_its_owner_and_its_end_once(
    quiet_home, mail, webhook, monkeypatch
):
    monkeypatch.setenv("TRADEHOUSE_ALERTS", webhook.url)
    monkeypatch.setenv("TRADEHOUSE_ALERTS_DATA_ENGINEERING", mail.url("engineers@example.com"))
    fail_test(quiet_home)

    for _ in range(3):
        alerts.report(quiet_home, command="run", now=NOW)

    [(recipients, subject, body)] = mail.all
    assert recipients == ["engineers@example.com"]
    assert subject == "[Tradehouse] trades: a blocking test failed"
    assert body.strip().split("\n") == [
        "unique_trades: 1,234 rows fail. What is downstream was not built, the release is as it "
        "was.",
        "",
        "Since: 2026-01-05T06:01:00+00:00",
        "Affected: 1 models: mart",
        "Behind them: Board (Sales)",
        "Readers see: no release yet",
        f"Home: {quiet_home.root}",
        "",
        "How to look:",
        "  tradehouse status",
        "  less /logs/rows.csv",
        "  tradehouse run --resume",
    ]
    assert webhook.all == []
    [entry] = alerts.list_open(quiet_home)
    assert (entry.key, entry.is_told) == (f"test/{TEST}", True)

    build(quiet_home)
    for _ in range(3):
        alerts.report(quiet_home, command="run", now=NOW)

    assert [subject for _, subject, _ in mail.all] == [
        "[Tradehouse] trades: a blocking test failed",
        "[Tradehouse] recovered: trades: a blocking test failed",
    ]
    assert "It lasted from 2026-01-05T06:01:00+00:00 to 2026-01-05T07:00:00" in mail.all[1][2]
    assert alerts.list_open(quiet_home) == []


def test_models_that_fail_with_the_same_words_are_one_cause(quiet_home, webhook, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_ALERTS", webhook.url)
    said = "Runtime Error in model {} (models/{}.sql)\n  Out of Memory Error: {} bytes are missing"
    build(
        quiet_home,
        "failed",
        trades=("error", said.format("trades", "trades", 17)),
        prices=("error", said.format("prices", "prices", 4096)),
        mart=("skipped", ""),
    )

    told = alerts.report(quiet_home, now=NOW)

    assert titles(told) == ["trades and 1 more could not be built"]
    [sent] = webhook.all
    assert (sent["title"], sent["type"]) == (told[0].title, "failure")
    assert "Out of Memory Error: 17 bytes are missing (trades, prices)" in sent["message"]
    assert "Affected: 1 models: mart" in sent["message"]

    # One of them fails by itself: still the same incident, until both are good.
    build(quiet_home, "failed", prices=("error", said.format("prices", "prices", 5)))
    assert alerts.report(quiet_home, now=NOW) == []
    build(quiet_home)
    assert titles(alerts.report(quiet_home, now=NOW)) == ["recovered: prices could not be built"]
    assert [one["type"] for one in webhook.all] == ["failure", "success"]


def test_what_was_skipped_has_not_recovered_and_another_error_takes_its_place(quiet_home):
    fail_test(quiet_home)
    assert len(alerts.report(quiet_home, now=NOW)) == 1

    build(quiet_home, "failed", trades=("error", "no such column"), unique_trades=("skipped", ""))
    assert titles(alerts.report(quiet_home, now=NOW)) == ["trades could not be built"]
    assert len(alerts.list_open(quiet_home)) == 2

    build(quiet_home, "failed", trades=("error", "no such table"), unique_trades=("skipped", ""))
    assert titles(alerts.report(quiet_home, now=NOW)) == ["trades could not be built"]
    assert {one.what for one in alerts.list_open(quiet_home)} >= {"no such table (trades)"}
    assert len(alerts.list_open(quiet_home)) == 2

    build(quiet_home, "begun")
    with locks.writing(quiet_home):
        assert alerts.report(quiet_home, now=NOW) == []
    build(quiet_home)
    assert titles(alerts.report(quiet_home, now=NOW)) == [
        "recovered: trades could not be built",
        "recovered: trades: a blocking test failed",
    ]


def test_a_project_that_does_not_parse_is_the_platform_s(quiet_home):
    record = state.read(quiet_home, "build")
    state.write(quiet_home, "build", {**record, "status": "failed", "error": "no dbt_project.yml"})

    [told] = alerts.report(quiet_home, now=NOW)

    assert (told.owner, titles([told])) == ("data-platform", ["nothing could be built"])
    state.write(quiet_home, "build", {**record, "status": "begun"})
    with locks.writing(quiet_home):
        assert alerts.report(quiet_home, now=NOW) == []
    state.write(quiet_home, "build", record)
    assert titles(alerts.report(quiet_home, now=NOW)) == ["recovered: nothing could be built"]


def set_syncs(home, succeeded_at, status="succeeded", error=None):
    """The ledger's snapshot after a sync of the brokerage."""
    home.raw.touch()
    stream = {"source": "brokerage", "stream": "trade", "succeeded_at": succeeded_at}
    sync = {**stream, "sync_id": "2", "status": status, "error": error, "started_at": "2026"}
    (home.state / "ingestion.json").write_text(
        json.dumps({"written_at": None, "syncs": [sync], "streams": [stream], "batches": []})
    )


def test_a_source_is_one_cause_whatever_waits_for_it(quiet_home, webhook, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_ALERTS_DATA_PLATFORM", webhook.url)
    now = datetime.now(UTC)
    set_syncs(quiet_home, (now - timedelta(hours=35)).isoformat())
    assert alerts.report(quiet_home) == []

    set_syncs(quiet_home, "2026-01-02T05:00:00+00:00")
    assert titles(alerts.report(quiet_home)) == ["brokerage: the source is late"]
    assert alerts.report(quiet_home) == []
    message = webhook.all[0]["message"]
    assert "every 36 hours; last loaded 2026-01-02 05:00 UTC." in message
    assert "Affected: 3 models: mart, prices, trades\nBehind them: Board (Sales)" in message

    faults = [
        {"code": "batch_waits", "batch": 5, "message": "Batch5 waits."},
        {"code": "file_missing", "batch": 4, "message": "Batch4/HR.csv is not there."},
    ]
    sync = {"status": "failed", "at": "2026-01-05T06:00:00+00:00", "errors": faults}
    state.write(quiet_home, "sync", sync)
    told = alerts.report(quiet_home)
    assert titles(told) == ["brokerage: batch 4 was refused (file_missing)"]
    assert "Batch4/HR.csv is not there. 1 more faults follow." in webhook.all[1]["message"]

    sync = {"status": "succeeded", "at": "2026-01-05T06:30:00+00:00", "errors": []}
    state.write(quiet_home, "sync", sync)
    set_syncs(quiet_home, now.isoformat())
    assert titles(alerts.report(quiet_home)) == [
        "recovered: brokerage: batch 4 was refused (file_missing)"
    ]
    set_syncs(quiet_home, "2026-01-02T05:00:00+00:00")
    assert titles(alerts.report(quiet_home)) == ["brokerage: the source is late"]
    with locks.writing(quiet_home):
        assert alerts.report(quiet_home) == []
    set_syncs(quiet_home, now.isoformat())
    assert titles(alerts.report(quiet_home)) == ["recovered: brokerage: the source is late"]
    assert alerts.list_open(quiet_home) == []


def test_a_declaration_that_cannot_be_read_ends_no_other_problem(quiet_home, tmp_path, monkeypatch):
    folder = tmp_path / "sources"
    shutil.copytree(freshness.DECLARATIONS, folder)
    monkeypatch.setattr(freshness, "DECLARATIONS", folder)
    set_syncs(quiet_home, "2026-01-02T05:00:00+00:00")
    assert titles(alerts.report(quiet_home)) == ["brokerage: the source is late"]
    declared = (folder / "brokerage.yml").read_text()
    for name in ("brokerage", "other"):
        (folder / f"{name}.yml").write_text("description: [")
    assert sorted(titles(alerts.report(quiet_home))) == [
        "brokerage: the declaration cannot be read",
        "other: the declaration cannot be read",
    ]
    assert alerts.report(quiet_home) == []
    (folder / "brokerage.yml").write_text(declared)
    (folder / "other.yml").unlink()
    assert sorted(titles(alerts.report(quiet_home))) == [
        "recovered: brokerage: the declaration cannot be read",
        "recovered: other: the declaration cannot be read",
    ]


def test_a_held_batch_names_file_and_line(quiet_home):
    quiet_home.warehouse.touch()
    batch = {"delivery": 1, "file": "Batch3/Trade.txt", "line": 7, "reason": "too many bad rows"}
    record = state.read(quiet_home, "build")
    held = [{**batch, "batch": number, "is_accepted": number < 3} for number in (2, 3, 4)]
    state.write(quiet_home, "build", {**record, "batches": held})

    [told] = alerts.report(quiet_home)

    assert titles([told]) == ["brokerage: batch 3 is held"]
    expected = "Batch3/Trade.txt, line 7: too many bad rows. 1 later batches wait for it."
    assert told.body.startswith(expected)
    assert "tradehouse quarantine --batch 3" in told.body
    state.write(quiet_home, "build", record)
    assert titles(alerts.report(quiet_home)) == ["recovered: brokerage: batch 3 is held"]


def test_a_channel_that_fails_is_logged_without_its_secrets_and_tried_again(
    quiet_home, mail, webhook, monkeypatch, caplog
):
    monkeypatch.setenv("TRADEHOUSE_ALERTS", f"{webhook.url} nonsense://secret-token")
    webhook.answer = 500
    fail_test(quiet_home)

    [told] = alerts.report(quiet_home, now=NOW)

    assert [(one.service, one.error) for one in told.deliveries] == [
        ("JSON", "did not take the message"),
        (
            "address 2 of TRADEHOUSE_ALERTS",
            "is none that Apprise knows; TRADEHOUSE_ALERTS should hold addresses such as "
            "mailtos://, slack://, msteams:// or jsons://",
        ),
    ]
    log = (quiet_home.logs / "alerts.log").read_text()
    assert "JSON: did not take the message" in log
    assert "secret" not in log + caplog.text + str(told) + str(alerts.list_open(quiet_home))
    assert alerts.report(quiet_home, now=NOW + timedelta(minutes=9)) == []

    webhook.answer = 200
    assert len(alerts.report(quiet_home, now=NOW + timedelta(minutes=11))) == 1
    assert [one["type"] for one in webhook.all] == ["failure"]
    assert alerts.report(quiet_home, now=NOW + timedelta(minutes=30)) == []

    webhook.answer = 500
    build(quiet_home)
    alerts.report(quiet_home, now=NOW + timedelta(minutes=31))
    webhook.answer = 200
    alerts.report(quiet_home, now=NOW + timedelta(minutes=42))
    assert [one["type"] for one in webhook.all] == ["failure", "success"]
    assert state.read(quiet_home, "alerts") == {"open": {}}


def test_nothing_configured_is_a_line_in_the_log(quiet_home):
    fail_test(quiet_home)

    alerts.report(quiet_home, now=NOW)
    alerts.report(quiet_home, now=NOW)

    [line] = (quiet_home.logs / "alerts.log").read_text().splitlines()
    assert line.endswith(
        "[Tradehouse] trades: a blocking test failed -> Data engineering, no channel "
        "(TRADEHOUSE_ALERTS_DATA_ENGINEERING and TRADEHOUSE_ALERTS are not set)"
    )


def test_a_command_that_failed_is_told_until_it_works(quiet_home):
    error = TradehouseError("The disk is full.")

    assert titles(alerts.report(quiet_home, command="publish", error=error)) == [
        "tradehouse publish failed"
    ]
    assert alerts.report(quiet_home, command="publish", error=error) == []
    assert alerts.report(quiet_home, command="publish", error=BusyError("somebody writes")) == []
    assert alerts.report(quiet_home, command="sync") == []
    assert alerts.report(quiet_home) == []
    assert titles(alerts.report(quiet_home, command="run")) == [
        "recovered: tradehouse publish failed"
    ]


def test_a_run_that_died_is_told_to_the_platform_until_one_works(quiet_home):
    holder = {"pid": 4711, "command": "tradehouse run", "since": "2026-01-05 06:00:00 UTC"}
    locks.lock_path(quiet_home).write_text(json.dumps(holder))

    [told] = alerts.report(quiet_home)

    assert (told.owner, titles([told])) == ("data-platform", ["a run was killed"])
    assert told.body.startswith("`tradehouse run` (process 4711) was killed.")
    with locks.writing(quiet_home) as dead:
        assert dead == {**holder, "started": 0}
        assert alerts.report(quiet_home, dead=dead) == []
    assert alerts.report(quiet_home) == []
    assert titles(alerts.report(quiet_home, command="run")) == ["recovered: a run was killed"]


def test_alerts_never_fail_what_they_speak_of(quiet_home, monkeypatch):
    def break_down(*_):
        raise RuntimeError("something unforeseen")

    monkeypatch.setattr(find_problems, "find", break_down)

    assert alerts.report(quiet_home, command="run") == []
    assert "something unforeseen" in (quiet_home.logs / "alerts.log").read_text()
    (quiet_home.state / "alerts.json").write_text("[")
    assert alerts.report(quiet_home, command="run") == []
    assert alerts.report(Home(quiet_home.root / "nowhere")) == []


def report_in_a_process(root):
    return len(alerts.report(Home(root)))


def test_processes_that_look_at_the_same_time_tell_once(quiet_home):
    fail_test(quiet_home)

    with multiprocessing.get_context("spawn").Pool(4) as pool:
        told = pool.map(report_in_a_process, [quiet_home.root] * 4)

    assert sorted(told) == [0, 0, 0, 1]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    days=st.lists(
        st.dictionaries(
            st.sampled_from(["trades", "prices", "unique_trades"]),
            st.sampled_from(["column is gone", "disk is full"]),
        ),
        max_size=8,
    )
)
def test_openings_and_recoveries_alternate_whatever_happens(quiet_home, days):
    state.forget(quiet_home, "alerts")
    told = []
    for broken in [*days, {}]:
        status = {"unique_trades": "fail"}
        nodes = {name: (status.get(name, "error"), words) for name, words in broken.items()}
        models = {name for name in broken if name != "unique_trades"}
        kind = "failed" if models else "tests failed" if broken else "passed"
        build(quiet_home, kind, **nodes)
        new = alerts.report(quiet_home, now=NOW)
        told += new
        open_nodes = {one for entry in alerts.list_open(quiet_home) for one in entry.nodes}
        assert {one.split(".")[2] for one in open_nodes} == set(broken)
        assert alerts.report(quiet_home, now=NOW) == []

    assert alerts.list_open(quiet_home) == []
    opened = [message for message in told if message.event == alerts.OPENED]
    assert bool(opened) == any(days)
    of_test = [message.event for message in told if message.key == f"test/{TEST}"]
    assert of_test == [alerts.OPENED, alerts.RECOVERED] * (len(of_test) // 2)
    was_broken = ["unique_trades" in broken for broken in [{}, *days]]
    assert len(of_test) // 2 == sum(
        now and not before for before, now in itertools.pairwise(was_broken)
    )


@pytest.mark.parametrize(
    ("owner", "environment", "expected"),
    [
        ("Data engineering", {"TRADEHOUSE_ALERTS": "a://"}, ("TRADEHOUSE_ALERTS", "a://")),
        (
            "Data engineering",
            {"TRADEHOUSE_ALERTS": "a://", "TRADEHOUSE_ALERTS_DATA_ENGINEERING": "b://"},
            ("TRADEHOUSE_ALERTS_DATA_ENGINEERING", "b://"),
        ),
        ("data-platform", {"TRADEHOUSE_ALERTS_DATA_PLATFORM": " "}, ("", "")),
    ],
    ids=["for_all", "own", "blank"],
)
def test_an_owner_s_own_channels_come_first(owner, environment, expected):
    assert channels.find_urls(owner, environment) == expected


def test_what_is_affected_is_downstream_and_nothing_else(quiet_home):
    from tradehouse.dbt import graph

    nodes = graph.read(quiet_home)
    assert graph.affected_by(nodes, {TRADES}) == graph.Affected(("mart",), ("Board (Sales)",))
    assert graph.affected_by(nodes, {MART}) == graph.Affected((), ("Board (Sales)",))
    assert graph.affected_by(nodes, {TEST}).models == ("mart",)
