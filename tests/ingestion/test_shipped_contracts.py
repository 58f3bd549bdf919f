"""The contracts of rates and targets: what comes into bronze, and what into quarantine and why."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import declarations
from ingestion.contracts import model, record_contracts, record_files
from tests.ingestion.conftest import Source, record, state, status, stream
from tests.ingestion.modelling import Models

DAY = {"type": ["null", "string"], "format": "date"}
OFFERED = {
    "rates": stream("rates", day=DAY, currency="string", rate="number"),
    "targets": stream("targets", branch="string", month="string", target_usd="number"),
}


class Shipped(Models):
    """The models of a shipped contract on a played source of its name."""

    def __init__(self, source: Source, name: str) -> None:
        declared, contract = declarations.read(name), model.read(name)
        tables = record_contracts.tables(contract, declared)
        [self.stream] = tables
        self.source, self.name_of_source = source, name
        self.tables = list(tables.values())
        self.called = {self.stream: self.stream}
        files = record_files.files(contract, declared, Path())
        self.sql = {path.stem: text for path, text in files.items() if path.suffix == ".sql"}
        assert declared.streams is not None
        streams = {self.stream: declared.streams[self.stream].model_dump(exclude_unset=True)}
        source.declared |= {"name": name, "streams": streams}

    def bring(self, *rows: dict[str, Any]) -> None:
        lines = [record(self.stream, row) for row in rows]
        lines += [state(self.stream, 1), status(self.stream)]
        self.source.plays(lines, streams=[OFFERED[self.stream]])
        result = self.source.sync()
        assert result.status == "succeeded", result.errors

    def found(self) -> tuple[list[Any], list[Any]]:
        """The rows of bronze and of quarantine, none of which may be lost."""
        with duckdb.connect(str(self.source.paths.raw_database)) as connection:
            connection.execute("begin")
            assert self.build(connection) == []
            model_name = f"bronze_{self.name_of_source}__{self.stream}"
            held = f"bronze_{self.name_of_source}__quarantine"
            columns = "* exclude (raw_id, extracted_at, _load)"
            rows = connection.execute(f"select {columns} from {model_name} order by all").fetchall()
            refused = connection.execute(f"select detail from {held} order by all").fetchall()
            connection.execute("rollback")
        return rows, [detail for (detail,) in refused]


def rate(day: str | None, currency: str | None, units: Any) -> dict[str, Any]:
    return {"day": day, "currency": currency, "rate": units}


def target(branch: str | None, month: str | None, usd: Any) -> dict[str, Any]:
    return {"branch": branch, "month": month, "target_usd": usd}


def test_the_newest_list_of_rates_counts_and_older_ones_stay_in_raw(source: Source) -> None:
    shipped = Shipped(source, "exchange_rates")
    shipped.bring(rate("2017-07-07", "CAD", 1.23), rate("2017-07-07", "JPY", 108.98778))
    shipped.bring(
        rate("2017-07-07", "CAD", 1.23456789),
        rate("2017-07-07", "JPY", 108.98778),
        rate("2017-07-07", "MXN", 17),
    )
    day = date(2017, 7, 7)
    assert shipped.found() == (
        [
            (day, "CAD", Decimal("1.23456789")),
            (day, "JPY", Decimal("108.98778000")),
            (day, "MXN", Decimal("17.00000000")),
        ],
        [],
    )
    counted = "select _airbyte_generation_id, count(*) from exchange_rates.rates group by all"
    assert sorted(source.query(counted)) == [(1, 2), (2, 3)]


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (rate("2017-02-29", "CAD", 1.2), 'day: not_a_date "2017-02-29"'),
        (rate(None, "CAD", 1.2), "day: missing_value"),
        (rate("2017-07-07", "CADX", 1.2), 'currency: too_long "CADX"'),
        (rate("2017-07-07", "", 1.2), "currency: missing_value"),
        (rate("2017-07-07", "CAD", 1.123456789), 'rate: not_a_number "1.123456789"'),
        (rate("2017-07-07", "CAD", 1e11), 'rate: not_a_number "100000000000"'),
        (rate("2017-07-07", "CAD", "much"), 'rate: not_a_number "much"'),
        (rate("2017-07-07", "CAD", None), "rate: missing_value"),
        (rate("2017-07-07", "CAD", 0), 'rate: out_of_range "0"'),
        (rate("2017-07-07", "CAD", -1.25), 'rate: out_of_range "-1.25"'),
        (rate("2017-07-07", "CAD", "-0.1"), 'rate: out_of_range "-0.1"'),
    ],
)
def test_a_bad_rate_is_in_quarantine(source: Source, bad: dict[str, Any], detail: str) -> None:
    shipped = Shipped(source, "exchange_rates")
    shipped.bring(rate("2017-07-06", "CAD", 1.25), bad)
    rows, held = shipped.found()
    assert rows == [(date(2017, 7, 6), "CAD", Decimal("1.25"))]
    assert [one[: len(detail)] for one in held] == [detail]


@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (target("Porto", "2017-13-01", 5), 'month: not_a_date "2017-13-01"'),
        (target("Porto", "July 2017", 5), 'month: not_a_date "July 2017"'),
        (target("x" * 31, "2017-07-01", 5), "branch: too_long"),
        (target(None, "2017-07-01", 5), "branch: missing_value"),
        (target("Porto", "2017-07-01", 1.234), 'target_usd: not_a_number "1.234"'),
        (target("Porto", "2017-07-01", None), "target_usd: missing_value"),
        (target("Porto", "2017-07-01", -0.01), 'target_usd: out_of_range "-0.01"'),
    ],
)
def test_a_bad_target_is_in_quarantine(source: Source, bad: dict[str, Any], detail: str) -> None:
    shipped = Shipped(source, "branch_targets")
    shipped.bring(target("Faro", "2017-06-01", 7))
    shipped.bring(target("Lisbon", "2017-07-01", 150.5), bad)
    rows, held = shipped.found()
    assert rows == [("Lisbon", date(2017, 7, 1), Decimal("150.50"))]
    assert [one[: len(detail)] for one in held] == [detail]
