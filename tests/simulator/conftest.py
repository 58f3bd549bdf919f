"""Two small simulated brokerages, and their files as DuckDB tables."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pyarrow as pa
import pytest

import simulator
from simulator.layouts import CDC_COLUMNS, CHANGE_FILES, LAYOUTS, relation

simulate = partial(simulator.simulate, profile="official")
"""The official brokerage, of which most tests of the simulator state figures."""

DEFAULT_START = datetime.date(2017, 7, 8)
QUARTER_START = datetime.date(2017, 9, 29)


@dataclass(frozen=True)
class Simulated:
    """A landing directory and a connection with a table per file kind, all batches in one."""

    landing: Path
    days: int
    start: datetime.date
    database: duckdb.DuckDBPyConnection

    def value(self, sql: str) -> object:
        row = self.database.sql(sql).fetchone()
        assert row is not None
        return row[0]

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.database.sql(sql).fetchall()


@pytest.fixture(scope="session")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """Scale 0.1, seed 1, three days from 2017-07-08: the size that `make run` uses."""
    yield from _simulated(tmp_path_factory.mktemp("default"), DEFAULT_START)


@pytest.fixture(scope="session")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """The same size, but its third daily batch is the first day of a quarter."""
    yield from _simulated(tmp_path_factory.mktemp("quarter"), QUARTER_START)


@pytest.fixture(scope="session", params=["default", "quarter"])
def either(request: pytest.FixtureRequest) -> Simulated:
    """Each of the two."""
    simulated: Simulated = request.getfixturevalue(request.param)
    return simulated


def _simulated(parent: Path, start: datetime.date) -> Iterator[Simulated]:
    landing = parent / "landing"
    simulate(0.1, 3, 1, start, landing)
    connection = duckdb.connect()
    load(connection, landing, 4)
    yield Simulated(landing, 3, start, connection)
    connection.close()


def load(connection: duckdb.DuckDBPyConnection, landing: Path, batches: int) -> None:
    """A table per file with `batch` and `line`; `crm`, `company`, `security`, `result` besides."""
    for name, columns in LAYOUTS.items():
        parts = []
        cdc = CDC_COLUMNS if name in CHANGE_FILES else ()
        for batch in range(1, batches + 1):
            if not (landing / f"Batch{batch}" / name).exists():
                continue
            view = f"v_{Path(name).stem}_{batch}"
            relation(connection, landing, batch, name).create_view(view)
            missing = [f"null::varchar as {column}" for column in cdc if batch == 1]
            listed = ", ".join([*missing, "*"])
            parts.append(
                f"select {batch} as batch, row_number() over () as line, {listed} from {view}"
            )
        select = " union all by name ".join(parts)
        connection.execute(f"create table {Path(name).stem.lower()} as {select}")
        assert set(columns) <= {
            row[0] for row in connection.sql(f"describe {Path(name).stem}").fetchall()
        }
    connection.execute(
        "create table dates as select batch, b::date as day from (values "
        + ", ".join(
            f"({b}, '{(landing / f'Batch{b}' / 'BatchDate.txt').read_text().strip()}')"
            for b in range(1, batches + 1)
        )
        + ") t(batch, b)"
    )
    _load_newswire(connection, landing)
    _load_crm(connection, landing)


def _load_newswire(connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
    lines = [
        {"batch": int(path.parent.name[5:]), "quarter": path.name[7:], "place": place, "line": line}
        for path in sorted(landing.glob("Batch*/FINWIRE????Q?"))
        for place, line in enumerate(path.read_text().splitlines())
    ]
    connection.register("newswire_lines", pa.Table.from_pylist(lines))
    connection.execute(
        """create table newswire as select *, substr(line, 16, 3) as kind,
        strptime(substr(line, 1, 15), '%Y%m%d-%H%M%S') as posted from newswire_lines"""
    )
    connection.execute(
        """create table company as select *, substr(line, 79, 10)::bigint as cik,
        trim(substr(line, 19, 60)) as name, substr(line, 89, 4) as status,
        substr(line, 93, 2) as industry, trim(substr(line, 95, 4)) as rating,
        trim(substr(line, 99, 8)) as founded, trim(substr(line, 324, 24)) as country,
        trim(substr(line, 187, 80)) as line2 from newswire where kind = 'CMP'"""
    )
    connection.execute(
        """create table security as select *, trim(substr(line, 19, 15)) as symbol,
        substr(line, 40, 4) as status, trim(substr(line, 161)) as issuer
        from newswire where kind = 'SEC'"""
    )
    connection.execute(
        """create table result as select *, trim(substr(line, 187)) as issuer,
        substr(line, 19, 4)::int as year, substr(line, 23, 1)::int as number,
        substr(line, 24, 8) as begins, trim(substr(line, 40, 17))::decimal(17, 2) as revenue,
        trim(substr(line, 57, 17))::decimal(17, 2) as earnings,
        trim(substr(line, 74, 12))::decimal(12, 2) as eps,
        trim(substr(line, 86, 12))::decimal(12, 2) as diluted_eps,
        trim(substr(line, 98, 12))::decimal(12, 2) as margin,
        trim(substr(line, 161, 13))::bigint as shares,
        trim(substr(line, 174, 13))::bigint as diluted from newswire where kind = 'FIN'"""
    )


def _load_crm(connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
    """Table `crm`: one row an action; absent is NULL, present but empty is ''."""
    rows = []
    root = ElementTree.parse(landing / "Batch1" / "CustomerMgmt.xml").getroot()
    for number, action in enumerate(root):
        customer = action.find("Customer")
        assert customer is not None
        row = dict.fromkeys(_CRM_COLUMNS)
        row |= {"number": number, "action": action.get("ActionType"), "ts": action.get("ActionTS")}
        row |= {key.lower(): value for key, value in customer.attrib.items()}
        for element in customer.iter():
            name = element.tag.lower()
            if name == "account":
                row |= {key.lower(): value for key, value in element.attrib.items()}
            elif name.startswith("c_phone_"):
                row[name] = "|".join((part.text or "") for part in element)
            elif name in row and len(element) == 0:
                row[name] = element.text or ""
        rows.append(row)
    crm = pa.Table.from_pylist(
        rows,
        schema=pa.schema(
            [("number", pa.int64()), *[(name, pa.string()) for name in _CRM_COLUMNS[1:]]]
        ),
    )
    connection.register("crm_rows", crm)
    connection.execute("create table crm as select * replace (ts::timestamp as ts) from crm_rows")


_CRM_COLUMNS = [
    "number", "action", "ts", "c_id", "c_tax_id", "c_gndr", "c_tier", "c_dob", "c_l_name",
    "c_f_name", "c_m_name", "c_adline1", "c_adline2", "c_zipcode", "c_city", "c_state_prov",
    "c_ctry", "c_prim_email", "c_alt_email", "c_phone_1", "c_phone_2", "c_phone_3", "c_lcl_tx_id",
    "c_nat_tx_id", "ca_id", "ca_tax_st", "ca_b_id", "ca_name",
]  # fmt: skip
