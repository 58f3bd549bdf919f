"""Sync modes: overwrite, refresh, de-duplication; by value."""

import random
from datetime import timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion import ledger, merging, sync_modes
from ingestion.errors import DeclarationError, IngestionError
from tests.ingestion.conftest import Source, error_trace, record, state, status, stream
from tradehouse.home.paths import Home
from tradehouse.loads import freshness
from tradehouse.loads.syncs import last_syncs
from tradehouse.observe.alerts import sources as alerts

A = [stream("a", n="integer", text="string")]


def declare(source: Source, mode: str, **more: Any) -> None:
    source.declared["streams"] = {"a": {"sync_mode": mode} | more}


def play(source: Source, *numbers: int, complete: bool = True) -> None:
    lines = [record("a", {"n": n, "text": str(n)}) for n in numbers]
    end = status("a") if complete else error_trace("gone")
    source.plays([*lines, state("a", {"at": 1}), end], streams=A, exit_code=0 if complete else 1)


def numbers(source: Source) -> list[int]:
    return [row[0] for row in source.query("select n from played.a order by n")]


def test_the_catalogue_says_modes_and_generation(source: Source) -> None:
    declare(source, "full_refresh_overwrite", cursor="n", key=["n", ["text"]])
    for generation in (1, 2):
        play(source, 1)
        source.sync()
        [configured] = source.got("catalog")["streams"]
        assert configured["sync_mode"] == "full_refresh"
        assert configured["destination_sync_mode"] == "overwrite"
        assert configured["cursor_field"] == ["n"]
        assert configured["primary_key"] == [["n"], ["text"]]
        assert configured["generation_id"] == configured["minimum_generation_id"] == generation


def test_overwrite_replaces_when_complete(source: Source) -> None:
    declare(source, "full_refresh_overwrite")
    play(source, 1, 2)
    assert source.sync().status == "succeeded"
    play(source, 3, complete=False)
    assert source.sync().status == "failed"
    assert numbers(source) == [1, 2]
    play(source, 4, 5, 6)
    assert source.sync().status == "succeeded"
    assert numbers(source) == [4, 5, 6]
    assert source.got("state") is None


def test_an_empty_overwrite_keeps_what_is_there(source: Source) -> None:
    declare(source, "full_refresh_overwrite")
    play(source, 1)
    source.sync()
    play(source)
    result = source.sync()
    assert result.status == "succeeded"
    assert "a brought no records" in result.warnings[0]
    assert numbers(source) == [1]
    declare(source, "full_refresh_overwrite", allow_empty_overwrite=True)
    assert source.sync().status == "succeeded"
    assert numbers(source) == []


@pytest.mark.parametrize("first", [(), (3,)])
def test_more_of_a_stream_that_was_complete_replaces_once(source: Source, first: Any) -> None:
    declare(source, "full_refresh_overwrite")
    play(source, 1, 2)
    source.sync()
    rows = [record("a", {"n": n, "text": str(n)}) for n in (*first, 4)]
    source.plays([*rows[:-1], status("a"), rows[-1], status("a"), status("a")], streams=A)
    result = source.sync()
    assert (result.status, result.warnings) == ("succeeded", [])
    assert numbers(source) == [*first, 4]


def test_a_stream_that_is_incomplete_after_all_fails_the_sync(source: Source) -> None:
    declare(source, "incremental_append")
    source.plays([status("a"), status("a", "INCOMPLETE")], streams=A)
    result = source.sync()
    assert result.status == "failed"
    assert "without saying that these streams are complete: a." in result.errors[0].message


def test_full_refresh_append_adds_everything_again(source: Source) -> None:
    declare(source, "full_refresh_append")
    play(source, 1, 2)
    source.sync()
    source.sync()
    assert numbers(source) == [1, 1, 2, 2]
    assert source.got("state") is None
    generations = source.query("select distinct _airbyte_generation_id from played.a order by 1")
    assert generations == [(1,), (2,)]


def test_an_empty_full_copy_is_told_where_another_stays_in_force(source: Source) -> None:
    declare(source, "full_refresh_append")
    play(source)
    assert source.sync().warnings == []
    play(source, 1, 2)
    assert source.sync().warnings == []
    play(source)
    result = source.sync()
    assert (result.status, result.warnings) == (
        "succeeded",
        [
            "a brought no records: what was there is kept (models go on with the copy before, the "
            "newest that has records)"
        ],
    )
    assert numbers(source) == [1, 2]


def test_a_full_copy_that_was_cut_off_is_not_added(source: Source) -> None:
    declare(source, "full_refresh_append")
    play(source, 1, 2)
    source.sync()
    play(source, 3, complete=False)
    assert source.sync().status == "failed"
    assert numbers(source) == [1, 2]
    play(source, 3, 4)
    source.sync()
    assert numbers(source) == [1, 2, 3, 4]


def test_incremental_append_keeps_all_history_and_its_generation(source: Source) -> None:
    play(source, 1)
    source.sync()
    play(source, 1)
    source.sync()
    assert numbers(source) == [1, 1]
    assert source.got("state")[0]["stream"]["stream_state"] == {"at": 1}
    assert source.query("select distinct _airbyte_generation_id from played.a") == [(1,)]


def test_full_refresh_and_reset_on_request(source: Source) -> None:
    play(source, 1)
    source.sync()
    play(source, 2)
    source.sync(full_refresh=True)
    assert source.got("state") is None
    assert numbers(source) == [1, 2]
    play(source, 3, complete=False)
    source.sync(reset=True)
    assert numbers(source) == [1, 2]
    play(source, 4)
    source.sync(reset=True)
    assert numbers(source) == [4]


def versions(source: Source) -> list[tuple[Any, ...]]:
    return source.query("select n, text, version from played.a order by all")


V = [stream("a", n="integer", text="string", version="integer", _ab_cdc_deleted_at="string")]


def deliver(source: Source, rows: list[dict[str, Any]], *, complete: bool = True) -> None:
    lines = [record("a", row) for row in rows]
    end = status("a") if complete else error_trace("gone")
    source.plays([*lines, state("a", {"at": 1}), end], streams=V, exit_code=0 if complete else 1)
    source.sync()


def test_the_newest_row_of_a_key_stays(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(
        source,
        [
            {"n": 1, "text": "old", "version": 1},
            {"n": 1, "text": "new", "version": 2},
            {"n": 1, "text": "none", "version": None},
            {"n": 2, "text": "only", "version": 1},
        ],
    )
    assert versions(source) == [(1, "new", 2), (2, "only", 1)]
    deliver(
        source, [{"n": 1, "text": "late", "version": 1}, {"n": 2, "text": "next", "version": 2}]
    )
    assert versions(source) == [(1, "new", 2), (2, "next", 2)]
    deliver(source, [{"n": 2, "version": 3, "_ab_cdc_deleted_at": "2026-01-01"}])
    assert versions(source) == [(1, "new", 2)]


@pytest.mark.parametrize(
    ("mode", "key"),
    [("incremental_append", "n"), ("incremental_deduplicated", [["n"], ["text"]])],
)
def test_what_was_stored_under_another_key_is_merged_by_the_new_one(
    source: Source, mode: str, key: Any
) -> None:
    declare(source, mode, key=key, cursor="version")
    deliver(
        source,
        [
            {"n": 1, "text": "old", "version": 1},
            {"n": 1, "text": "new", "version": 2},
            {"n": 2, "text": "one", "version": 1},
            {"n": 2, "text": "two", "version": 1},
            {"n": 3, "text": "gone", "version": 1},
            {"n": 3, "text": "gone", "version": 2, "_ab_cdc_deleted_at": "2026-01-01"},
        ],
    )
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(source, [])
    assert versions(source) == [(1, "new", 2), (2, "two", 1)]
    deliver(source, [{"n": 3, "text": "late", "version": 1}, {"n": 2, "text": "x", "version": 2}])
    assert versions(source) == [(1, "new", 2), (2, "x", 2)]
    loads = source.query("select load, records from _tradehouse.loads order by all")
    assert loads == [(1, 6), (2, 0), (3, 2)]


KEYED = stream("a", n="integer", m="integer", text="string")


def offer(source: Source, key: Any, *rows: dict[str, Any], complete: bool = True) -> None:
    """What the connector delivers of a stream whose key it says itself."""
    lines = [record("a", row) for row in rows]
    end = status("a") if complete else error_trace("gone")
    offered = [KEYED | {"source_defined_primary_key": key}]
    at = state("a", {"at": len(rows)})
    source.plays([*lines, at, end], streams=offered, exit_code=0 if complete else 1)


PAIRS = [{"n": 1, "m": m, "text": str(m)} for m in range(5)]


def test_a_key_that_the_catalogue_changes_takes_no_stored_row(source: Source) -> None:
    declare(source, "incremental_deduplicated")
    offer(source, [["n"], ["m"]], *PAIRS)
    source.sync()
    for full_refresh in (False, True):
        offer(source, [["n"]], {"n": 1, "m": 9, "text": "x"})
        with pytest.raises(IngestionError, match=r"key: \[\[\"n\"\],\[\"m\"\]\].*--reset"):
            source.sync(full_refresh=full_refresh)
    assert source.query("select count(*), max(m) from played.a") == [(5, 4)]
    offer(source, [["m"], ["n"]], {"n": 1, "m": 4, "text": "new"})
    result = source.sync()
    assert (result.status, result.warnings) == ("succeeded", [])
    assert source.query("select text from played.a where m = 4") == [("new",)]
    assert source.got("state")[0]["stream"]["stream_state"] == {"at": 5}


def test_a_key_that_the_catalogue_changed_is_taken_when_declared_or_loaded_anew(
    source: Source,
) -> None:
    declare(source, "incremental_deduplicated")
    offer(source, [["n"], ["m"]], *PAIRS)
    source.sync()
    declare(source, "incremental_deduplicated", key=[["n"], ["m"]])
    offer(source, [["n"]], {"n": 2, "m": 2, "text": "2"})
    assert source.sync().status == "succeeded"
    assert numbers(source) == [1] * 5 + [2]
    declare(source, "incremental_deduplicated")
    offer(source, [["n"]], {"n": 1, "m": 8, "text": "8"}, {"n": 1, "m": 9, "text": "9"})
    result = source.sync(reset=True)
    assert (result.status, result.warnings) == ("succeeded", [])
    assert source.query("select n, m from played.a") == [(1, 9)]


@pytest.mark.parametrize("declared", [None, "n"])
def test_a_reset_that_fails_merges_no_stored_row_by_another_key(
    source: Source, declared: Any
) -> None:
    declare(source, "incremental_deduplicated", key=declared and [["n"], ["m"]])
    offer(source, [["n"], ["m"]], *PAIRS)
    source.sync()
    declare(source, "incremental_deduplicated", key=declared)
    offer(source, [["n"]], {"n": 1, "m": 9, "text": "x"}, complete=False)
    assert source.sync(reset=True).status == "failed"
    assert source.query("select count(*) from played.a") == [(5,)]


def test_rows_that_a_declared_key_takes_are_counted(source: Source) -> None:
    declare(source, "incremental_deduplicated", key=[["n"], ["m"]])
    offer(source, None, *PAIRS)
    source.sync()
    declare(source, "incremental_deduplicated", key="n")
    offer(source, None, {"n": 1, "m": 7, "text": "new"}, {"n": 2, "m": 0, "text": "two"})
    result = source.sync()
    assert result.warnings == [
        "4 stored rows of a went, of 5: rows are merged by n now, no longer by n, m, and of each "
        "key the newest stays"
    ]
    assert source.query("select n, text from played.a order by n") == [(1, "new"), (2, "two")]
    assert source.query("select rows from _tradehouse.loads order by load") == [(5,), (2,)]


def test_what_a_dead_sync_staged_is_merged_by_the_key_of_its_table(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(source, "incremental_deduplicated")
    offer(source, [["n"], ["m"]], *PAIRS)
    source.sync()
    offer(source, [["n"], ["m"]], {"n": 1, "m": 5, "text": "5"})
    with monkeypatch.context() as dying:
        dying.setattr(sync_modes, "merge", lambda *_: [])
        source.sync()
    offer(source, [["n"]])
    with pytest.raises(IngestionError, match="is n, and the rows"):
        source.sync()
    assert source.query("select m from played.a order by m") == [(m,) for m in range(6)]


GONE = {"n": 1, "_ab_cdc_deleted_at": "2026-01-01"}
BLIND: dict[str, tuple[list[dict[str, Any]], list[int]]] = {
    "deletes": ([{"n": 1, "version": 3}, GONE], []),
    "whatever came before it": ([{"n": 1, "version": v} for v in (3, None, 5)] + [GONE], []),
    "not what comes behind it": ([{"n": 1, "version": 3}, GONE, {"n": 1, "version": 2}], [2]),
    "the newest behind it": (
        [{"n": 1, "version": 9}, GONE, {"n": 1, "version": 2}, {"n": 1, "version": 1}],
        [2],
    ),
    "also a deletion with one": (
        [{"n": 1, "version": 9}, GONE | {"version": 10}, GONE, {"n": 1, "version": 8}],
        [8],
    ),
    "twice": ([{"n": 1, "version": 9}, GONE, {"n": 1, "version": 9}, GONE], []),
}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("name", BLIND)
def test_a_deletion_without_a_cursor_deletes_what_came_before_it(
    source: Source, name: str, at_once: bool
) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    rows, left = BLIND[name]
    for some in [rows] if at_once else [[row] for row in rows]:
        deliver(source, some)
    assert [version for _, _, version in versions(source)] == left
    deliver(source, [{"n": 2, "version": 1}])
    assert [version for _, _, version in versions(source)] == [*left, 1]


@pytest.mark.parametrize("reset", [False, True])
def test_a_key_may_name_a_field_that_is_new(source: Source, reset: bool) -> None:
    declare(source, "incremental_deduplicated", key="n")
    deliver(source, [{"n": 1, "text": "old"}])
    declare(source, "incremental_deduplicated", key=[["n"], ["region"]])
    wider = [stream("a", n="integer", text="string", region="string")]
    source.plays([record("a", {"n": 1, "region": "x"}), state("a", 2), status("a")], streams=wider)
    result = source.sync(reset=reset)
    assert result.status == "succeeded", result.errors
    found = source.query("select n, region from played.a order by all")
    assert found == ([(1, "x")] if reset else [(1, "x"), (1, None)])


def test_the_last_sync_of_every_source_is_known_however_many_others_came(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "KEPT_SYNCS", 2)
    declare(source, "incremental_append")
    play(source, 1)
    source.sync()
    source.declared["name"] = "other"
    for _ in range(3):
        source.sync()
    found = {one["source"]: one["status"] for one in last_syncs(Home(source.home))}
    assert found == {"played": "succeeded", "other": "succeeded"}


def test_an_older_row_does_not_bring_a_deleted_one_back(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(source, [{"n": 1, "text": "x", "version": 1}, {"n": 2, "text": "y", "version": 1}])
    deliver(source, [{"n": 1, "version": 3, "_ab_cdc_deleted_at": "2026-01-01"}])
    assert versions(source) == [(2, "y", 1)]
    deliver(source, [{"n": 1, "text": "late", "version": 2}])
    deliver(source, [{"n": 1, "text": "later", "version": None}])
    assert versions(source) == [(2, "y", 1)]
    deliver(source, [{"n": 1, "text": "new", "version": 4}])
    assert versions(source) == [(1, "new", 4), (2, "y", 1)]
    deliver(source, [{"n": 1, "text": "late", "version": 2}])
    assert versions(source) == [(1, "new", 4), (2, "y", 1)]


def test_a_deletion_of_what_never_came_counts_too(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(source, [{"n": 7, "version": 5, "_ab_cdc_deleted_at": "2026-01-01"}])
    deliver(source, [{"n": 7, "text": "late", "version": 4}])
    assert versions(source) == []


def test_deletions_outlive_a_change_of_columns(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(source, [{"n": 1, "version": 3, "_ab_cdc_deleted_at": "2026-01-01"}])
    wider = stream(
        "a", n="string", text="string", version="number", _ab_cdc_deleted_at="string", more="object"
    )
    lines = [record("a", {"n": "1", "version": 2.5}), record("a", {"n": "x", "version": 0.5})]
    source.plays([*lines, status("a")], streams=[wider])
    assert source.sync().status == "succeeded"
    assert source.query("select n, version, more from played.a") == [("x", 0.5, None)]


def test_a_reset_that_dies_before_its_end_leaves_the_old_rows_until_the_new_are_merged(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"sync_mode": "incremental_deduplicated", "key": "n"}
    source.declared["streams"] = {"a": declared, "b": declared}
    both = [*A, stream("b", n="integer", text="string")]
    old = [record("a", {"n": n, "text": "old"}) for n in (1, 2)]
    source.plays([*old, status("a"), status("b")], streams=both)
    source.sync()
    new = [record("a", {"n": n, "text": "new"}) for n in (2, 3)]
    source.plays([*new, status("a"), error_trace("gone")], exit_code=1)
    with monkeypatch.context() as dying:
        dying.setattr(sync_modes, "merge", lambda *_: [])
        source.sync(reset=True)
    assert source.query("select n, text from played.a order by n") == [(1, "old"), (2, "old")]
    source.plays([status("b")])
    assert source.sync(streams=["b"]).status == "succeeded"
    assert source.query("select n, text from played.a order by n") == [(2, "new"), (3, "new")]


@pytest.mark.parametrize(("key", "cursor"), [("n", None), ("text", "n")])
def test_a_column_that_rows_are_compared_by_stays_one(
    source: Source, key: str, cursor: str | None
) -> None:
    more = {"key": key, "cursor": cursor, "on_type_change": "new_column"}
    declare(source, "incremental_deduplicated", **more)
    play(source, 1)
    source.sync()
    source.plays([status("a")], streams=[stream("a", n="string", text="string")])
    with pytest.raises(IngestionError, match="Rows are compared by it"):
        source.sync()
    declare(source, "incremental_append", **more)
    assert source.sync().status == "succeeded"


def test_a_reset_forgets_deletions(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(source, [{"n": 1, "version": 3, "_ab_cdc_deleted_at": "2026-01-01"}])
    source.plays([record("a", {"n": 1, "text": "again", "version": 2}), status("a")])
    assert source.sync(reset=True).status == "succeeded"
    assert versions(source) == [(1, "again", 2)]


@pytest.mark.parametrize("change", ["widen", "new_column"])
def test_whatever_stands_as_time_of_a_deletion_deletes(source: Source, change: str) -> None:
    declare(source, "incremental_deduplicated", key="n", on_type_change=change)
    mark = "_ab_cdc_deleted_at"
    moment = {"type": ["null", "string"], "format": "date-time"}
    steps: list[tuple[Any, list[tuple[int, Any]]]] = [
        (moment, [(n, None) for n in range(1, 8)]),
        (moment, [(1, "2024-05-05T00:00:00Z"), (2, 1714867200000), (3, "May 05"), (4, True)]),
        ("string", [(5, "2024-05-05T00:00:00Z"), (6, None)]),
    ]
    for kind, rows in steps:
        lines = [record("a", {"n": n, "text": str(said), mark: said}) for n, said in rows]
        streams = [stream("a", n="integer", text="string", **{mark: kind})]
        source.plays([*lines, status("a")], streams=streams)
        assert source.sync().status == "succeeded"
    assert source.query("select n, text from played.a order by n") == [(6, "None"), (7, "None")]


WHEN = {"type": ["null", "string"], "format": "date-time"}
PLAIN = WHEN | {"airbyte_type": "timestamp_without_timezone"}
DAY = {"type": ["null", "string"], "format": "date"}
HOUR = {"type": ["null", "string"], "format": "time"}
LARGE = {"type": ["null", "integer"], "airbyte_type": "big_integer"}
CHANGED: dict[str, tuple[Any, list[Any], Any, list[Any]]] = {
    "day to moment": (DAY, ["2024-01-02T05:00:00Z"], WHEN, ["2024-01-02T05:00:00Z"]),
    "day to its midnight": (DAY, ["2024-01-02"], WHEN, ["2024-01-02T00:00:00Z"]),
    "day to time of day": (DAY, ["2024-01-02T05:00:00"], PLAIN, ["2024-01-02T05:00:00"]),
    "integer to number": ("integer", [1.5, 7], "number", [1.5, 7.0]),
    "integer to large": ("integer", [2**63, 7], LARGE, [2**63, 7]),
    "large to number": (LARGE, [1.5, 7], "number", [1.5, 7]),
    "no zone to zone": (PLAIN, ["2024-01-01T05:00:00"], WHEN, ["2024-01-01T05:00:00Z"]),
    "moment to text": (WHEN, ["2024-01-01T05:00:00Z"], "string", ["2024-01-01T05:00:00Z"]),
    "hour to text": (HOUR, ["05:00:00+02:00"], "string", ["05:00:00+02:00"]),
    "number to text": ("number", [1e20, 1.5, 3], "string", ["100000000000000000000", "1.5", "3"]),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_key_whose_type_changes_is_the_same_key(source: Source, name: str) -> None:
    before, old, after, new = CHANGED[name]
    declare(source, "incremental_deduplicated", key="k", cursor="v")
    for version, (kind, keys) in enumerate([(before, old), (after, new)]):
        lines = [record("a", {"k": key, "v": version}) for key in keys]
        source.plays([*lines, status("a")], streams=[stream("a", k=kind, v="integer")])
        assert source.sync().status == "succeeded"
    assert source.query("select v from played.a") == [(1,)] * len(old)


def test_a_cursor_that_its_column_did_not_hold_is_compared_when_it_does(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="k", cursor="at")
    for kind, at in ((DAY, "2024-05-01T10:00:00Z"), (WHEN, "2024-04-01T10:00:00Z")):
        line = record("a", {"k": 1, "at": at})
        source.plays([line, status("a")], streams=[stream("a", k="integer", at=kind)])
        assert source.sync().status == "succeeded"
    assert source.query('select "at"::varchar from played.a') == [("2024-05-01T10:00:00Z",)]


def test_moments_that_become_texts_are_named_with_what_to_do(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="k")
    for kind in (WHEN, "string"):
        line = record("a", {"k": "2024-01-01T05:00:00.000Z"})
        source.plays([line, status("a")], streams=[stream("a", k=kind)])
        result = source.sync()
    assert "tradehouse sources reset played --stream a" in " ".join(result.warnings)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(
        st.tuples(st.integers(0, 3), st.integers(0, 9)), st.booleans(), min_size=1, max_size=12
    ),
    data=st.data(),
)
def test_deletions_and_rows_in_any_order_end_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    changes: dict[tuple[int, int], bool],
    data: st.DataObject,
) -> None:
    source = Source(tmp_path_factory.mktemp("deleted"))
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    rows = [
        {"n": n, "text": "t", "version": version}
        | ({"_ab_cdc_deleted_at": "2026-01-01"} if is_deletion else {})
        for (n, version), is_deletion in changes.items()
    ]
    shuffled = data.draw(st.permutations(rows))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), min_size=2, max_size=2)))
    for first, last in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        deliver(source, shuffled[first:last])
    newest = {n: max(v for m, v in changes if m == n) for n, _ in changes}
    expected = [(n, "t", version) for n, version in newest.items() if not changes[n, version]]
    assert versions(source) == sorted(expected)


def test_what_a_failed_sync_committed_is_merged(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(source, [{"n": 1, "text": "x", "version": 1}] * 2, complete=False)
    assert versions(source) == [(1, "x", 1)]


def test_composite_and_nested_keys(source: Source) -> None:
    declare(source, "incremental_deduplicated", key=["n", ["who", "id"]], cursor=["who", "at"])
    rows = [
        {"n": 1, "who": {"id": "a", "at": "1"}},
        {"n": 1, "who": {"id": "a", "at": "2"}},
        {"n": 1, "who": {"id": "b", "at": "1"}},
        {"n": None, "who": {"id": "b", "at": "1"}},
        {"n": None, "who": {"id": "b", "at": "3"}},
    ]
    lines = [record("a", row) for row in rows]
    source.plays([*lines, status("a")], streams=[stream("a", n="integer", who="object")])
    assert source.sync().status == "succeeded"
    assert source.query("select n, who ->> 'id', who ->> 'at' from played.a order by all") == [
        (1, "a", "2"),
        (1, "b", "1"),
        (None, "b", "3"),
    ]


@pytest.mark.parametrize("word", ["key", "cursor"])
def test_a_key_or_a_cursor_that_is_no_field_is_refused_before_reading(
    source: Source, word: str
) -> None:
    wanted: Any = ["gone"]
    declare(source, "incremental_deduplicated", **({"key": "n"} | {word: wanted}))
    play(source, 1)
    with pytest.raises(
        DeclarationError, match=f"has no field gone, which its {word} names; it has"
    ):
        source.sync()
    assert source.got("catalog") is None


@pytest.mark.parametrize("key", [[[]], [["n"], []]])
def test_a_key_with_a_part_that_names_nothing_is_none(source: Source, key: Any) -> None:
    streams = [A[0] | {"source_defined_primary_key": key}]
    lines = [record("a", {"n": 1, "text": text}) for text in ("x", "y")]
    source.plays([*lines, state("a", {"at": 1}), status("a")], streams=streams)
    declare(source, "incremental_deduplicated")
    with pytest.raises(DeclarationError, match="needs a key"):
        source.sync()
    assert source.got("catalog") is None
    declare(source, "incremental_append")
    assert source.sync().status == "succeeded"
    assert numbers(source) == [1, 1]
    assert source.got("catalog")["streams"][0]["primary_key"] == []


def test_a_source_may_have_a_cursor_that_no_record_has(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n")
    streams = [A[0] | {"default_cursor_field": ["gone"]}]
    lines = [record("a", {"n": 1, "text": text}) for text in ("first", "last")]
    source.plays([*lines, status("a")], streams=streams)
    assert source.sync().status == "succeeded"
    assert source.query("select text from played.a") == [("last",)]
    assert source.got("catalog")["streams"][0]["cursor_field"] == ["gone"]


def test_deduplication_without_a_key_is_refused(source: Source) -> None:
    declare(source, "incremental_deduplicated")
    play(source, 1)
    with pytest.raises(Exception, match="needs a key"):
        source.sync()


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    keys=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 20)), min_size=1, max_size=12, unique=True
    ),
    seed=st.integers(0, 1000),
)
def test_every_record_one_to_five_times_in_shuffled_batches(
    tmp_path_factory: pytest.TempPathFactory, keys: list[tuple[int, int]], seed: int
) -> None:
    chance = random.Random(seed)
    source = Source(tmp_path_factory.mktemp("shuffled"))
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    copies = [
        {"n": n, "text": f"{n}.{version}", "version": version}
        for n, version in keys
        for _ in range(chance.randint(1, 5))
    ]
    chance.shuffle(copies)
    cut = chance.randint(0, len(copies))
    deliver(source, copies[:cut])
    deliver(source, copies[cut:])
    newest = {n: max(v for m, v in keys if m == n) for n, _ in keys}
    assert versions(source) == sorted((n, f"{n}.{v}", v) for n, v in newest.items())


class Killed(BaseException):
    """As if the process had ended here."""


def test_rows_stay_until_those_that_replace_them_are_merged(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the sync dies between the end of a stream and its own."""
    declare(source, "incremental_deduplicated", key="n", cursor="version")
    deliver(source, [{"n": 1, "text": "old", "version": 9}, {"n": 2, "text": "old", "version": 9}])
    old, new = [(1, "old", 9), (2, "old", 9)], {"n": 1, "text": "new", "version": 1}
    source.plays([record("a", new), state("a", {"at": 2}), status("a")])

    def kill(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(merging, "merge", kill)
    with pytest.raises(Killed):
        source.sync(reset=True)
    assert versions(source) == old
    monkeypatch.undo()
    source.plays([status("a")])
    assert source.sync().status == "succeeded"
    assert versions(source) == [(1, "new", 1)]
    assert source.got("state")[0]["stream"]["stream_state"] == {"at": 2}


def test_an_empty_reset_that_is_allowed_leaves_no_rows(source: Source) -> None:
    declare(source, "incremental_deduplicated", key="n", allow_empty_overwrite=True)
    deliver(source, [{"n": 1, "text": "old", "version": 9}])
    source.plays([status("a")])
    assert source.sync(reset=True).status == "succeeded"
    assert versions(source) == []


@pytest.mark.parametrize("emitted", [1_000, 0, -5, None])
@pytest.mark.parametrize("cursor", [False, True])
def test_what_came_last_is_newest_whatever_the_clock_of_the_connector_says(
    source: Source, emitted: Any, cursor: bool
) -> None:
    more = {"cursor": "day"} if cursor else {}
    declare(source, "incremental_deduplicated", key="n", **more)
    streams = [stream("a", n="integer", day="string", text="string")]

    def come(text: str, moment: Any) -> None:
        row = record("a", {"n": 1, "day": "2020-01-01", "text": text}, emitted_at=moment)
        source.plays([row, state("a", text), status("a")], streams=streams)
        assert source.sync().status == "succeeded"

    come("old", 1_700_000_000_000)
    come("new", emitted)
    assert source.query("select text from played.a") == [("new",)]


@pytest.mark.parametrize("is_first_good", [True, False])
def test_the_last_sync_is_the_one_that_came_last_whatever_the_clock_said(
    source: Source, monkeypatch: pytest.MonkeyPatch, is_first_good: bool
) -> None:
    now = ledger.now()
    source.declared["freshness"] = "1 hours"
    for is_good, moment in (
        (is_first_good, now + timedelta(days=730)),
        (not is_first_good, now),
    ):
        monkeypatch.setattr("ingestion.ledger.now", lambda moment=moment: moment)
        play(source, 1, complete=is_good)
        source.sync()
    home = Home(source.home)
    [last] = last_syncs(home)
    assert last["status"] == ("failed" if is_first_good else "succeeded")
    syncs, successes = freshness.read_syncs(home)
    problem = alerts._not_loaded("played", "tests", syncs)
    assert (problem is not None) == is_first_good
    promise = freshness.Promise("played", "tests", True, "1 hours", 3600.0)
    assert promise.is_late(successes["played"], now) == is_first_good


@pytest.mark.parametrize("statement", ["drop table played.a", "drop schema played cascade"])
@pytest.mark.parametrize("mode", ["incremental_append", "incremental_deduplicated"])
def test_a_stream_whose_table_was_removed_is_read_from_the_start(
    source: Source, statement: str, mode: str
) -> None:
    declare(source, mode, key="n")
    play(source, 1, 2)
    source.sync()
    with duckdb.connect(str(source.paths.raw_database)) as connection:
        connection.execute(statement)
    play(source, 1, 2, 3)
    result = source.sync()
    assert source.got("state") is None
    assert numbers(source) == [1, 2, 3]
    assert "a: its table was removed" in result.warnings[0]
    play(source, 4)
    assert source.sync().warnings == []
    assert source.got("state") is not None


def test_what_is_in_the_way_of_a_table_is_named_with_what_to_do(source: Source) -> None:
    play(source, 1)
    source.sync()
    with duckdb.connect(str(source.paths.raw_database)) as connection:
        connection.execute("drop table played.a; create view played.a as select 1 as n")
    play(source, 2)
    with pytest.raises(IngestionError, match=r"Somebody else changed .*, then run again"):
        source.sync()
