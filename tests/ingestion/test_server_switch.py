"""Switching a source between the embedded runner and a server: nothing lost, nothing doubled."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import IngestionError
from ingestion.repeated_records import canonical
from ingestion.server import committing
from tests.ingestion.airbyte_server import Behaviour
from tests.ingestion.server_home import ServedHome, order

pytestmark = pytest.mark.xdist_group("airbyte_server")


def history(served: ServedHome) -> list[tuple[int, int, str | None]]:
    return served.query("select id, updated, note from shop.orders order by all")


def expected(served: ServedHome) -> list[tuple[int, int, str | None]]:
    rows = [(r["id"], r["updated"], r["note"]) for r in served.orders.records]
    return sorted(rows, key=lambda row: (row[0], row[1], row[2] is None, row[2]))


def test_there_and_back_and_there(served: ServedHome) -> None:
    served.orders.records = [order(n) for n in range(1, 6)]
    served.plan(apply=True)
    for number, runner in enumerate(["embedded", "server", "embedded", "server", "server"]):
        served.runner = runner
        served.orders.records += [
            order(10 + number),
            order(1, updated=100 + number, note=f"version {number}"),
        ]
        result = served.sync()
        assert result.status == "succeeded", result.errors
        assert history(served) == expected(served), runner
        new = f"select distinct _load from shop.orders where id = {10 + number} or updated >= 100"
        new += f" and updated = {100 + number}"
        assert served.query(new) == [(number + 1,)]
    counts = served.query(
        "select runner, sum(records)::int from _tradehouse.syncs group by 1 order by 1"
    )
    assert counts == [("embedded", 7 + 4), ("server", 9 + 4 + 2)]


def test_a_switch_that_fails_halfway_goes_on(served: ServedHome) -> None:
    served.runner = "embedded"
    served.orders.records = [order(n) for n in range(1, 9)]
    served.plan(apply=True)
    served.sync()
    served.runner = "server"
    served.orders.records.append(order(9))
    served.server.behaviours = [Behaviour(["running", "failed"], written=4)]
    assert served.sync().status == "failed"
    assert served.sync().status == "succeeded"
    assert history(served) == expected(served)


def test_a_switch_away_from_a_sync_that_died_while_landing(
    served: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.orders.records = [order(n) for n in range(1, 9)]
    served.plan(apply=True)
    whole = committing.Landing._record
    calls: list[int] = []

    def broken(self: Any, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise IngestionError("the disk is full.")
        whole(self, *arguments)

    monkeypatch.setattr(committing.Landing, "_record", broken)
    assert served.sync().status == "failed"
    assert len(served.ids()) == 4
    for number, runner in enumerate(["embedded", "server", "embedded", "server"]):
        served.runner = runner
        if number != 1:  # This one lands the rest of the job that had ended, and starts none.
            served.orders.records.append(order(100 + number))
        assert served.sync().status == "succeeded"
        assert history(served) == expected(served)
    assert len(served.server.sync_jobs()) == 2


def test_the_newest_row_of_a_key_stays_the_newest(served: ServedHome) -> None:
    served.streams = {"orders": {"sync_mode": "incremental_deduplicated"}}
    served.orders.records = [order(1), order(2)]
    served.plan(apply=True)
    for number, runner in enumerate(["embedded", "server", "embedded", "server"]):
        served.runner = runner
        served.orders.records.append(order(1, updated=10 + number, note=runner))
        assert served.sync().status == "succeeded"
        assert history(served) == [(1, 10 + number, runner), (2, 2, 'says "2" \u00e9')]


def test_without_a_key_only_with_reset(served: ServedHome) -> None:
    served.orders.key = []
    served.orders.records = [order(1), order(2)]
    served.plan(apply=True)
    served.runner = "embedded"
    served.sync()
    served.runner = "server"
    with pytest.raises(IngestionError, match=r"orders has no key.*--reset"):
        served.sync()
    assert served.server.sync_jobs() == []
    assert served.sync(reset=True).status == "succeeded"
    assert served.ids() == [1, 2]
    served.orders.records.append(order(3))
    assert served.sync().status == "succeeded"
    assert served.ids() == [1, 2, 3]
    served.runner = "embedded"
    with pytest.raises(IngestionError, match=r"orders has no key.*runner: embedded.*--reset"):
        served.sync()
    served.embedded_position = 0
    assert served.sync(reset=True).status == "succeeded"
    assert served.ids() == [1, 2, 3]


def test_full_copies_switch_freely(served: ServedHome) -> None:
    served.orders.key = []
    served.streams = {"orders": {"sync_mode": "full_refresh_overwrite"}}
    served.orders.records = [order(1), order(2)]
    served.plan(apply=True)
    for runner in ("embedded", "server", "embedded", "server"):
        served.runner, served.embedded_position = runner, 0
        served.orders.records.append(order(len(served.orders.records) + 1))
        assert served.sync().status == "succeeded"
        assert served.ids() == list(range(1, len(served.orders.records) + 1))


def test_a_refresh_on_the_server_doubles_nothing(served: ServedHome) -> None:
    """Somebody clears the connection there: everything comes again, as a new generation."""
    served.orders.records = [order(n) for n in range(1, 6)]
    served.plan(apply=True)
    served.sync()
    [connection] = served.server.objects["connection"].values()
    served.server._clear(connection)
    served.orders.records.append(order(6))
    assert served.sync().status == "succeeded"
    assert history(served) == expected(served)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_json_has_one_spelling(value: Any) -> None:
    import json

    loose = json.dumps(value, indent=2)
    tight = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    assert canonical(loose) == canonical(tight)
    if isinstance(value, dict):
        assert canonical(json.dumps(value | {"\u0001extra": None})) == canonical(tight)
        assert canonical(json.dumps(value | {"\u0001extra": 1})) != canonical(tight)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":1,"b":2}', '{ "b": 2.0, "a": 1 }'),
        ("[1, null]", "[1,null]"),
        ("{no json", "{no json"),
    ],
)
def test_spellings(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)
