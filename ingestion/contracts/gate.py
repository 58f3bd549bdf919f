"""The gate of a source's records: a load with too many of them that break its contract is held.

Judged is what came since the last load that was built, before any model reads it. A load that is
held leaves the source's bronze as it was (`macros/bronze/held.sql`); other sources go on. So does a
contract that would show what it must not. Raw is opened for writing only where a verdict changes.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import duckdb
from jinja2 import Environment

from ingestion import bronze, declarations, ledger
from ingestion.contracts import model, record_files, records, tables
from ingestion.contracts.model import Contract
from ingestion.database import open_raw
from ingestion.paths import Paths
from ingestion.tables import Table

MACROS = Path(__file__).resolve().parents[2] / "macros" / "bronze"
_USED = ("original", "exact_number", "typed_value", "record_value", "quarantined_records")


class Verdict(NamedTuple):
    """What came of a source's newest load: held with a reason, or not."""

    source: str
    load: int
    since_load: int
    reason: str | None

    @property
    def is_held(self) -> bool:
        """Whether its records stay out of the models."""
        return self.reason is not None


class Case(NamedTuple):
    """A source to judge: its loads from `since_load` to `load`, none where that is the larger one.

    `fault` is what is wrong with the contract itself, None when nothing is.
    """

    contract: Contract
    load: int
    since_load: int
    fault: str | None


def pending(
    connection: duckdb.DuckDBPyConnection, waiting: Mapping[str, Collection[int]]
) -> list[Case]:
    """The sources with a contract of records that are to be judged: reads only.

    They have loads that were not judged by the contract as it stands, or it can end or begin what
    holds them. `waiting` has the numbers of the loads that are not built, by source. Raises
    DeclarationError for a contract or a declaration that cannot be read.
    """
    present = tables.present(connection)
    if not {("_tradehouse", "loads"), ("_tradehouse", "judged")} <= {key[:2] for key in present}:
        return []  # Of a version that knows no loads: the next sync brings it up to date.
    newest = dict(
        connection.execute(
            "select source, max(load) from _tradehouse.loads group by all"
        ).fetchall()
    )
    judged = {
        source: (load, stamp, is_held, reason)
        for source, load, stamp, is_held, reason in connection.execute(
            """from _tradehouse.judged select source, load, contract, not is_accepted, reason
            qualify row_number() over (partition by source order by load desc) = 1"""
        ).fetchall()
    }
    found = []
    for name in sorted(set(model.names()) & set(newest)):
        contract = model.read(name)
        if contract.delivers != "records":
            continue
        fault = tables.fault(contract, present)
        load = max(waiting.get(name) or [newest[name]])
        before, stamp, is_held, reason = judged.get(name, (None, None, False, None))
        is_judged = before == load and (
            stamp == _stamp(contract) or (reason is not None and not is_held)  # Accepted.
        )
        if not is_judged and (waiting.get(name) or is_held or fault):
            found.append(Case(contract, load, min(waiting.get(name) or [load + 1]), fault))
    return found


def judge(home: Path, cases: Sequence[Case]) -> list[Verdict]:
    """Judge these sources, and record it.

    Raises DeclarationError for a declaration that cannot be read, DatabaseBusyError when another
    process has the raw file open.
    """
    paths = Paths.below(home)
    verdicts = []
    with open_raw(paths.raw_database, tmp=paths.tmp) as connection:
        for contract, load, since, fault in cases:
            reason = fault or _fault(connection, contract, since)
            verdicts.append(Verdict(contract.source, load, since, reason))
            connection.execute(
                "insert or replace into _tradehouse.judged values (?, ?, ?, ?, ?, ?, now())",
                [contract.source, load, since, _stamp(contract), reason, reason is None],
            )
        ledger.write_snapshot(connection, paths)
    return verdicts


def accept(home: Path, source: str) -> str | None:
    """Let the newest load of a source into the models after all; returns why it was held.

    None where it is not held. Raises DatabaseBusyError when another process has raw open.
    """
    paths = Paths.below(home)
    if not paths.raw_database.exists():
        return None
    with open_raw(paths.raw_database, tmp=paths.tmp) as connection:
        row = connection.execute(
            """update _tradehouse.judged set is_accepted = true
            where source = ? and not is_accepted
                and load = (select max(load) from _tradehouse.judged where source = ?)
            returning reason""",
            [source, source],
        ).fetchone()
        ledger.write_snapshot(connection, paths)
    return str(row[0]) if row else None


def _stamp(contract: Contract) -> str:
    return contract.model_dump_json(exclude_defaults=True)


def _fault(connection: duckdb.DuckDBPyConnection, contract: Contract, since: int) -> str | None:
    """What is too much, of the first stream that has it."""
    counts = dict(
        connection.execute(
            """select table_name, sum(records)::bigint from _tradehouse.loads
            where source = ? and load >= ? group by all""",
            [contract.source, since],
        ).fetchall()
    )
    for name, table in records.tables(contract, declarations.read(contract.source)).items():
        stream = contract.streams[name]
        share = contract.bad_share if stream.bad_share is None else stream.bad_share
        came = counts.get(table.name, 0)
        if not came or not record_files.judged(stream):
            continue
        rows, bad, first = _count(connection, contract, name, table, came)
        if bad > rows * share:
            return (
                f"{bad:,} of {rows:,} records of {name} are bound for quarantine, more than "
                f"{share * 100:g} %; the first: {first}"
            )
    return None


def _count(
    connection: duckdb.DuckDBPyConnection, contract: Contract, name: str, table: Table, came: int
) -> tuple[int, int, str]:
    """The newest rows in force of a stream, those that break the contract, and the first breach."""
    recent = f"(select * from {table.sql_name} order by rowid desc limit {came:d})"
    in_force = bronze.in_force_sql(table, table.sql_name)
    environment = Environment(autoescape=False)
    environment.globals["return"] = lambda value: value
    call = (
        "{{ quarantined_records(stream, relation, columns, in_force=in_force, deleted=deleted) }}"
    )
    deleted = bronze.deletion_sql(table)
    macros = _macros()
    query = environment.from_string(macros + call).render(
        stream=name,
        relation=recent,
        columns=record_files.judged(contract.streams[name]),
        in_force=in_force or None,
        deleted=environment.from_string(macros + deleted).render() if deleted else None,
    )
    where = f" where {in_force}" if in_force else ""
    [(rows,)] = connection.execute(f"select count(*) from {recent}{where}").fetchall()
    [(bad, first)] = connection.execute(
        f"select count(*), any_value(detail) from ({query})"
    ).fetchall()
    return rows, bad, str(first)


@cache
def _macros() -> str:
    return "".join((MACROS / f"{name}.sql").read_text(encoding="utf-8") for name in _USED)
