"""What destinations wrote, in raw: the same tables as with the embedded runner, exactly once."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import inventory
from ingestion.errors import DeclarationError, IngestionError
from ingestion.server import committing, settings
from tests.ingestion.airbyte_destinations import put
from tests.ingestion.airbyte_server import AirbyteServer, Behaviour
from tests.ingestion.postgres_server import running
from tests.ingestion.server_home import ServedHome, order

pytestmark = pytest.mark.xdist_group("airbyte_server")

ROW = (
    "id, updated, amount, is_paid, day::varchar, seen_at::varchar, note, address::varchar,"
    " labels::varchar"
)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A PostgreSQL server, as the settings of a destination."""
    with running(tmp_path_factory.mktemp("postgres")) as found:
        yield found


@pytest.fixture(params=["s3", pytest.param("postgres", marks=pytest.mark.slow)])
def landed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    airbyte_server: AirbyteServer,
    monkeypatch: pytest.MonkeyPatch,
) -> ServedHome:
    """A home with one of the destinations."""
    if request.param == "s3":
        home: ServedHome = request.getfixturevalue("served")
        return home
    config = request.getfixturevalue("postgres")
    with duckdb.connect() as connection:
        from ingestion.server.postgres import attach

        attach(connection, config, "pg", read_only=False)
        connection.execute("call postgres_execute('pg', 'drop schema if exists shop cascade')")
    destination = {"type": "postgres", "config": config | {"password": "${TEST_SECRET}"}}
    monkeypatch.setenv("TEST_SECRET", config["password"])
    home = ServedHome(tmp_path, airbyte_server, destination)
    monkeypatch.setattr(settings, "SETTINGS", home.airbyte)
    return home


def test_the_table_is_the_embedded_runners(landed: ServedHome, tmp_path: Path) -> None:
    landed.orders.records = [order(n) for n in range(1, 8)]
    landed.plan(apply=True)
    result = landed.sync()
    assert result.status == "succeeded", result.errors
    other = ServedHome(
        tmp_path / "embedded", AirbyteServer(), landed.destination, runner="embedded"
    )
    other.orders.records = landed.orders.records
    assert other.sync().status == "succeeded"
    assert landed.columns() == other.columns()
    plain = ROW.replace(", address::varchar, labels::varchar", "")
    inner = "address ->> 'city', address ->> 'zip', labels ->> 0, labels ->> 1"
    statement = f"select {plain}, {inner} from shop.orders order by id"
    assert landed.query(statement) == other.query(statement)
    assert landed.query("select count(distinct _airbyte_raw_id) from shop.orders") == [(7,)]
    assert landed.query(
        "select distinct _airbyte_meta, _airbyte_generation_id,"
        " _airbyte_extracted_at between now() - interval 1 hour and now() from shop.orders"
    ) == [(None, 1, True)]


def test_the_newest_row_of_a_key(landed: ServedHome) -> None:
    landed.streams = {"orders": {"sync_mode": "incremental_deduplicated"}}
    landed.orders.records = [order(1), order(2), order(1, updated=5, note="new")]
    landed.plan(apply=True)
    landed.sync()
    landed.orders.records += [order(2, updated=7, note="later"), order(3)]
    assert landed.sync().status == "succeeded"
    found = landed.query("select id, updated, note, _load from shop.orders order by id")
    assert found == [(1, 5, "new", 1), (2, 7, "later", 2), (3, 3, None, 2)]


def test_an_overwrite_is_seen_when_it_is_complete(landed: ServedHome) -> None:
    landed.streams = {"orders": {"sync_mode": "full_refresh_overwrite"}}
    landed.orders.records = [order(n) for n in range(1, 6)]
    landed.plan(apply=True)
    assert landed.sync().records == 5
    landed.orders.records = [order(n) for n in range(3, 9)]
    landed.server.behaviours = [Behaviour(["running", "failed"], written=2)]
    assert landed.sync().status == "failed"
    assert landed.ids() == [1, 2, 3, 4, 5]
    assert landed.sync().status == "succeeded"
    assert landed.ids() == [3, 4, 5, 6, 7, 8]
    found = landed.query("select distinct _airbyte_generation_id, _load from shop.orders")
    assert found == [(2, 2)]
    loads = "select load, bool_or(rewrites) from _tradehouse.loads group by load order by load"
    assert landed.query(loads) == [(1, False), (2, True)]


def test_an_overwrite_that_brings_nothing(landed: ServedHome) -> None:
    landed.streams = {"orders": {"sync_mode": "full_refresh_overwrite"}}
    landed.orders.records = [order(1), order(2)]
    landed.plan(apply=True)
    landed.sync()
    landed.orders.records = []
    result = landed.sync()
    assert result.status == "succeeded"
    assert "orders brought no records: what was there is kept" in result.warnings[0]
    assert landed.ids() == [1, 2]
    landed.streams["orders"]["allow_empty_overwrite"] = True
    assert landed.sync().status == "succeeded"
    assert landed.ids() == []


def test_every_full_copy_is_kept(landed: ServedHome) -> None:
    landed.streams = {"orders": {"sync_mode": "full_refresh_append"}}
    landed.orders.records = [order(1), order(2)]
    landed.plan(apply=True)
    landed.sync()
    landed.sync()
    found = landed.query("select _airbyte_generation_id, _load, id from shop.orders order by all")
    assert found == [(1, 1, 1), (1, 1, 2), (2, 2, 1), (2, 2, 2)]


def test_a_new_column(landed: ServedHome) -> None:
    landed.orders.records = [order(1)]
    landed.plan(apply=True)
    landed.sync()
    extended = landed.orders.properties | {"colour": {"type": "string"}}
    landed.orders.properties = extended
    landed.orders.records.append(order(2, colour="red"))
    if landed.destination["type"] == "postgres":
        with duckdb.connect() as connection:
            from ingestion.server.postgres import attach

            config = landed.destination["config"]
            attach(connection, config | {"password": "secret word"}, "pg", read_only=False)
            connection.execute(
                "call postgres_execute('pg', 'alter table shop.orders add column colour varchar')"
            )
    result = landed.sync()
    assert result.status == "succeeded", result.errors
    assert result.warnings == ["orders: new column colour VARCHAR"]
    found = landed.query("select id, colour from shop.orders order by id")
    assert found == [(1, None), (2, "red")]


def test_landing_that_breaks_off_lands_the_rest_once(
    landed: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed.orders.records = [order(n) for n in range(1, 8)]
    landed.plan(apply=True)
    whole = committing.Landing._record
    calls: list[int] = []

    def broken(self: Any, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == (2 if landed.destination["type"] == "s3" else 1):
            raise IngestionError("the disk is full.")
        whole(self, *arguments)

    monkeypatch.setattr(committing.Landing, "_record", broken)
    result = landed.sync()
    assert result.status == "failed"
    assert "lands with the next sync, which starts no job" in result.errors[0].message
    [found] = landed.query("select status, error ->> '$.errors[0].message' from _tradehouse.syncs")
    assert found == ("failed", result.errors[0].message)
    if landed.destination["type"] == "s3":
        assert len(landed.ids()) == 4  # The first file; the second one was being landed.
    assert landed.sync().status == "succeeded"
    assert landed.ids() == list(range(1, 8))
    assert len(landed.server.sync_jobs()) == 1
    assert list(landed.paths.tmp.iterdir()) == []


def test_no_secret_of_the_server_goes_into_the_project(
    served: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SECRET", "is_paid")
    served.orders.records = [order(1)]
    served.plan(apply=True)
    assert served.sync().status == "succeeded"
    with pytest.raises(DeclarationError, match=r"the name \*\*\*\* of a stream or a field"):
        inventory.project_tables(served.declaration(), served.paths)


def test_values_that_the_table_takes_otherwise(served: ServedHome) -> None:
    """A text column of a destination that the embedded runner knew as a day is widened to text."""
    served.runner = "embedded"
    served.orders.records = [order(1)]
    served.sync()
    served.runner = "server"
    served.orders.properties = served.orders.properties | {"day": {"type": "string"}}
    served.orders.records.append(order(2, day="some day"))
    served.plan(apply=True)
    assert served.sync().status == "succeeded"
    found = served.query("select id, day from shop.orders order by id")
    assert found == [(1, "2026-03-02"), (2, "some day")]
    assert served.query("select _airbyte_meta from shop.orders where id = 2") == [(None,)]


def test_files_of_an_old_destination_are_refused(served: ServedHome) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    served.plan(apply=True)
    old = pa.table({"_airbyte_ab_id": ["a"], "_airbyte_emitted_at": [1], "id": [1]})
    sink = io.BytesIO()
    pq.write_table(old, sink)
    endpoint = served.destination["config"]["s3_endpoint"]
    put(f"{endpoint}/lake/landed/here/shop/orders/2026_01_01_1_0.parquet", sink.getvalue())
    result = served.sync()
    assert result.status == "failed"
    assert "has no _airbyte_extracted_at" in result.errors[0].message


def test_a_changed_file_is_a_new_one(served: ServedHome) -> None:
    served.orders.records = [order(1), order(2)]
    served.plan(apply=True)
    served.sync()
    units = served.query("select unit, records, digest from _tradehouse.landed order by unit")
    assert [records for _, records, _ in units] == [1, 1]
    assert all(len(digest) == 64 for *_, digest in units)
    assert {unit.split(" (")[0] for unit, *_ in units} == {
        path.removeprefix("lake/landed/here/") for path in served.files()
    }


def test_an_unreachable_database_is_named(
    landed: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    if landed.destination["type"] == "s3":
        landed.destination["read"] = {"secret_access_key": "x", "s3_endpoint": "http://127.0.0.1:9"}
    else:
        landed.destination["read"] = {"port": 9}
    landed.orders.records = [order(1)]
    landed.write_settings()
    landed.plan(apply=True)
    result = landed.sync()
    assert result.status == "failed"
    assert "cannot be read from here" in result.errors[0].message
    assert "secret" not in result.errors[0].message
