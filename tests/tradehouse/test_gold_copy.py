"""A release that is renewed holds what one copied from nothing holds, whatever a build changed."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradehouse.errors import TradehouseError
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome
from tradehouse.publish import gold_copy, publishing, releases
from tradehouse.publish.gold_copy import GoldChange, copy_gold, renew_gold

FIRST_BATCH = 3
CHANGES = {
    "facts": GoldChange(key=["batch_id"]),
    "trades": GoldChange(key=["trade_id"], touched="silver.trades"),
    "watches": GoldChange(key=["version", "symbol"], touched="silver.changed"),
    "totals": GoldChange(),
}

COMMENTS = {
    "facts": {"": "What happened", "amount": "It's US dollars", "gone": "No such column"},
    "still": {"": "", "seven": "A number"},
    "totals": {"": "What there is", "total": "Sum of the facts"},
    "trades": {"": "Those in force"},
}

old_batch = st.integers(1, FIRST_BATCH - 1)
new_batch = st.integers(FIRST_BATCH, FIRST_BATCH + 1)
value = st.integers(0, 9)


def write_warehouse(
    path: Path,
    facts: list[tuple[int, int]],
    trades: dict[int, tuple[int, int]],
    queues: dict[tuple[int, int], list[tuple[int, int, int]]],
) -> None:
    """Write gold as models do: facts append, a trade is replaced, a queue is paired anew."""
    path.unlink(missing_ok=True)
    with duckdb.connect(path) as connection:
        connection.execute("create schema gold; create schema silver")
        connection.execute("create table gold.facts (amount integer, batch_id integer)")
        connection.execute("create table silver.trades (trade_id int, state int, batch_id int)")
        connection.execute(
            "create table silver.queues"
            " (customer integer, symbol integer, version integer, removed integer, batch_id int)"
        )
        for row in facts:
            connection.execute("insert into gold.facts values (?, ?)", row)
        for trade, (state, batch) in trades.items():
            connection.execute("insert into silver.trades values (?, ?, ?)", (trade, state, batch))
        for (customer, symbol), watches in queues.items():
            for version, removed, batch in watches:
                # A version belongs to one customer.
                row = (customer, symbol, customer * 10 + version, removed, batch)
                connection.execute("insert into silver.queues values (?, ?, ?, ?, ?)", row)
        connection.execute("create view gold.trades as from silver.trades where state < 9")
        connection.execute(
            "create view gold.watches as select version, symbol, removed, batch_id"
            " from silver.queues"
        )
        connection.execute(
            "create view silver.changed as select watches.version, symbol, changes.batch_id"
            " from silver.queues as watches join silver.queues as changes using (customer, symbol)"
        )
        connection.execute(
            "create table gold.totals as select sum(amount) as total from gold.facts"
        )
        connection.execute("create table gold.still as select 7 as seven")


def read_release(path: Path) -> dict[str, list[tuple]]:
    with duckdb.connect(path, read_only=True) as connection:
        names = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'gold' order by all"
        ).fetchall()
        rows = {
            name: sorted(connection.execute(f"from gold.{name}").fetchall(), key=repr)
            for (name,) in names
        }
        rows["comments"] = connection.execute(
            "select table_name, null, comment from duckdb_tables() where comment is not null"
            " union all select table_name, column_name, comment from duckdb_columns()"
            " where comment is not null order by all"
        ).fetchall()
    return rows


@settings(max_examples=25, deadline=None)
@given(
    old_facts=st.lists(st.tuples(value, old_batch), max_size=6),
    replaced_facts=st.lists(st.tuples(value, new_batch), max_size=3),
    new_facts=st.lists(st.tuples(value, new_batch), max_size=6),
    old_trades=st.dictionaries(st.integers(1, 9), st.tuples(value, old_batch), max_size=6),
    new_trades=st.dictionaries(st.integers(1, 9), st.tuples(value, new_batch), max_size=6),
    old_queues=st.dictionaries(
        st.tuples(st.integers(1, 3), st.integers(1, 2)),
        st.lists(st.tuples(st.integers(0, 2), value, old_batch), min_size=1, max_size=3),
        max_size=5,
    ),
    new_queues=st.dictionaries(
        st.tuples(st.integers(1, 3), st.integers(1, 2)),
        st.tuples(st.integers(0, 2), value, new_batch),
        max_size=3,
    ),
    pairs_anew=value,
)
def test_a_renewed_release_is_a_whole_copy(
    old_facts,
    replaced_facts,
    new_facts,
    old_trades,
    new_trades,
    old_queues,
    new_queues,
    pairs_anew,
):
    with TemporaryDirectory() as folder:
        warehouse, release, whole = (
            Path(folder) / name for name in ("warehouse.duckdb", "renewed.duckdb", "whole.duckdb")
        )
        write_warehouse(warehouse, old_facts + replaced_facts, old_trades, old_queues)
        copy_gold(warehouse, release, COMMENTS)
        # A queue with a new watch is paired anew: older watches change too, their batch does not.
        queues = dict(old_queues)
        for key, watch in new_queues.items():
            before = [
                (version, (removed + pairs_anew) % 10, batch)
                for version, removed, batch in queues.get(key, [])
            ]
            queues[key] = [*before, watch]
        write_warehouse(warehouse, old_facts + new_facts, {**old_trades, **new_trades}, queues)
        expected_rows = copy_gold(warehouse, whole, COMMENTS)

        rows = renew_gold(warehouse, release, CHANGES, FIRST_BATCH, COMMENTS)

        assert rows == expected_rows
        assert read_release(release) == read_release(whole)


def test_what_was_not_told_is_noticed_by_its_count_or_left_alone(tmp_path):
    warehouse, release = tmp_path / "warehouse.duckdb", tmp_path / "release.duckdb"
    write_warehouse(warehouse, [(1, 1), (2, 2)], {1: (0, 1)}, {})
    copy_gold(warehouse, release, COMMENTS)
    # An old row vanished although no row of a new batch says so.
    write_warehouse(warehouse, [(1, 1), (5, 3)], {}, {})

    changes = {"facts": CHANGES["facts"]}
    assert renew_gold(warehouse, release, changes, FIRST_BATCH, COMMENTS) is None


def test_another_set_of_relations_is_no_base(tmp_path):
    warehouse, release = tmp_path / "warehouse.duckdb", tmp_path / "release.duckdb"
    write_warehouse(warehouse, [], {}, {})
    copy_gold(warehouse, release, COMMENTS)
    shutil.copyfile(release, tmp_path / "copy.duckdb")
    with duckdb.connect(warehouse) as connection:
        connection.execute("create table gold.more as select 1 as one")

    assert renew_gold(warehouse, tmp_path / "copy.duckdb", {}, FIRST_BATCH, COMMENTS) is None


def test_comments_are_those_of_the_project_whatever_was_copied(tmp_path):
    warehouse, release = tmp_path / "warehouse.duckdb", tmp_path / "release.duckdb"
    write_warehouse(warehouse, [(1, 1)], {1: (0, 1)}, {})
    with duckdb.connect(warehouse) as connection:
        connection.execute("comment on column gold.still.seven is 'What a build left here'")
    copy_gold(warehouse, release, COMMENTS)
    written = [
        ("facts", "amount", "It's US dollars"),
        ("facts", None, "What happened"),
        ("still", "seven", "A number"),
        ("totals", "total", "Sum of the facts"),
        ("totals", None, "What there is"),
        ("trades", None, "Those in force"),
    ]
    assert read_release(release)["comments"] == written

    now = {**COMMENTS, "facts": {"amount": "In euros now"}, "still": {"seven": "Lucky"}}
    renew_gold(warehouse, release, {"totals": GoldChange()}, FIRST_BATCH, now)

    assert read_release(release)["comments"] == [
        ("facts", "amount", "In euros now"),
        ("still", "seven", "Lucky"),
        *written[3:],
    ]


def test_a_comment_that_is_there_costs_no_statement(tmp_path, monkeypatch):
    warehouse, release = tmp_path / "warehouse.duckdb", tmp_path / "release.duckdb"
    write_warehouse(warehouse, [(1, 1)], {1: (0, 1)}, {})
    copy_gold(warehouse, release, COMMENTS)
    texts = []
    monkeypatch.setattr(gold_copy, "literal", lambda one: texts.append(one) or f"'{one}'")

    renew_gold(warehouse, release, {"totals": GoldChange()}, FIRST_BATCH, COMMENTS)

    assert sorted(map(str, texts)) == sorted(["Sum of the facts", "What there is", str(release)])


def test_a_warehouse_without_gold_cannot_be_published(tmp_path):
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("create schema gold")
    with pytest.raises(TradehouseError, match="nothing in schema gold"):
        copy_gold(tmp_path / "warehouse.duckdb", tmp_path / "release.duckdb", {})


@pytest.mark.parametrize(
    ("touched", "is_renewed"),
    [(None, True), ('"silver"."silver_trades"', True), ("select a from b where {since}", False)],
)
def test_a_query_that_an_earlier_version_noted_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, touched: str | None, is_renewed: bool
) -> None:
    base = SimpleNamespace(build_id="1", path=str(tmp_path), renewals=0)
    monkeypatch.setattr(releases, "list_releases", lambda _: [base])
    monkeypatch.setattr(releases, "is_intact", lambda _: True)
    changes = {"dim_trade": {"key": ["trade_id"], "touched": touched}}
    build = Build(status=Outcome.PASSED, based_on="1", gold_changes=changes)
    found = publishing._find_base(Home(tmp_path), build)
    assert found == (base if is_renewed else None)


VIEWS = ("of_totals", "all_of_them")


def write_views(path: Path) -> None:
    """Add to the warehouse what dbt makes: views that name their catalogue, one reading another."""
    with duckdb.connect(path) as connection:
        connection.execute(
            'create view "warehouse"."gold"."of_totals" as'
            ' (with parts as (select * from "warehouse"."gold"."totals") select total from parts)'
        )
        connection.execute(
            'create view "warehouse"."gold"."all_of_them" as'
            ' (select total, seven from "warehouse"."gold"."of_totals"'
            ' cross join "warehouse"."gold"."still")'
        )


def test_a_view_of_gold_stays_a_view_wherever_the_file_is_opened(tmp_path):
    warehouse, release = tmp_path / "warehouse.duckdb", tmp_path / "release.duckdb"
    write_warehouse(warehouse, [(1, 1), (2, 2)], {1: (0, 1)}, {})
    write_views(warehouse)

    rows = copy_gold(warehouse, release, {"all_of_them": {"": "Both", "total": "Sum"}}, VIEWS)

    assert set(rows) == {"facts", "still", "totals", "trades", "watches"}
    warehouse.unlink()
    release.rename(tmp_path / "elsewhere.duckdb")
    with duckdb.connect(tmp_path / "elsewhere.duckdb", read_only=True) as alone:
        assert alone.execute("from gold.all_of_them").fetchall() == [(3, 7)]
        views = alone.execute(
            "select view_name, comment from duckdb_views() where schema_name = 'gold' order by all"
        ).fetchall()
        assert views == [("all_of_them", "Both"), ("of_totals", None)]
        assert ("all_of_them", "total", "Sum") in alone.execute(
            "select table_name, column_name, comment from duckdb_columns()"
        ).fetchall()
    with duckdb.connect() as attaching:
        attaching.execute("create schema gold; create table gold.totals as select 0 as total")
        attaching.execute(f"attach '{tmp_path / 'elsewhere.duckdb'}' as partner (read_only)")
        assert attaching.execute("from partner.gold.all_of_them").fetchall() == [(3, 7)]


def test_a_renewed_release_keeps_its_views_over_what_is_new(tmp_path):
    warehouse, release = tmp_path / "warehouse.duckdb", tmp_path / "release.duckdb"
    write_warehouse(warehouse, [(1, 1), (2, 2)], {1: (0, 1)}, {})
    write_views(warehouse)
    copy_gold(warehouse, release, {}, VIEWS)
    write_warehouse(warehouse, [(1, 1), (2, 2), (5, 3)], {1: (0, 1)}, {})
    write_views(warehouse)
    changes = {**CHANGES, "of_totals": GoldChange(), "all_of_them": GoldChange(["total"])}

    rows = renew_gold(warehouse, release, changes, FIRST_BATCH, {}, VIEWS)

    assert rows == copy_gold(warehouse, tmp_path / "whole.duckdb", {}, VIEWS)
    with duckdb.connect(release, read_only=True) as renewed:
        assert renewed.execute("from gold.all_of_them").fetchall() == [(8, 7)]
    assert renew_gold(warehouse, release, changes, FIRST_BATCH, {}) is None


def test_a_view_that_reads_more_than_gold_cannot_stay_one(tmp_path):
    warehouse = tmp_path / "warehouse.duckdb"
    write_warehouse(warehouse, [], {}, {})
    with duckdb.connect(warehouse) as connection:
        connection.execute('create view gold.secret as select * from "warehouse"."silver"."trades"')

    with pytest.raises(
        TradehouseError, match=r"secret is to be a view .* reads warehouse\.silver\.t"
    ):
        copy_gold(warehouse, tmp_path / "release.duckdb", {}, ["secret"])
