"""The gate of a source's records: a load with too many of them that break its contract is held.

It judges what came since the last load that was built, before any model reads it. A load that is
held, or a contract that would show what it must not, leaves the source's bronze as it was
(`macros/bronze/held.sql`); other sources continue. Raw is opened for writing only where a verdict
changes.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from jinja2 import Environment

from ingestion import bronze, declarations, ledger
from ingestion.contracts import model, record_contracts, record_files, tables
from ingestion.contracts.model import Contract, Stream
from ingestion.database import open_raw
from ingestion.errors import DeclarationError
from ingestion.paths import Paths
from ingestion.tables import Table

MACROS = Path(__file__).resolve().parents[2] / "macros" / "bronze"
_BREACHES = (
    *("missing_value", "not_a_number", "not_a_date", "not_a_timestamp", "not_a_time"),
    *("unknown_code", "too_long", "out_of_range", "malformed_row"),
)
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

    `contract` is None where it cannot be read, `fault` what is wrong with the contract itself, None
    when nothing is. `stamp` changes with the contract and with the types of the raw columns;
    `is_whole` says that all rows are judged, not only those of the loads.
    """

    source: str
    contract: Contract | None
    load: int
    since_load: int
    fault: str | None
    stamp: str
    is_whole: bool


def pending(
    connection: duckdb.DuckDBPyConnection, waiting: Mapping[str, Collection[int]]
) -> list[Case]:
    """The sources with a contract of records that are to be judged: reads only.

    They have loads that were not judged by the contract as it stands, or it can end or begin what
    holds them. `waiting` has the numbers of the loads that are not built, by source.
    """
    present = tables.present(connection)
    if not {("_tradehouse", "loads"), ("_tradehouse", "judged")} <= {key[:2] for key in present}:
        return []  # Of a version that knows no loads: the next sync brings it up to date.
    newest = dict(
        connection.execute(
            "select source, max(load) from _tradehouse.loads where batch is null group by all"
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
        contract, fault, types = None, None, {}
        try:
            contract = model.read(name)
            if contract.delivers != "records":
                continue
            fault = tables.fault(contract, present)
            types = _types(connection, name)
        except DeclarationError as error:
            path = f"contracts/{name}.yml"
            fault = str(error) if path in str(error) else f"{path}: {error}"
        written = contract.model_dump_json(exclude_defaults=True) if contract else fault
        stamp = json.dumps({"contract": written, "types": types}, sort_keys=True)
        load = max(waiting.get(name) or [newest[name]])
        before, stamp_before, is_held, reason = judged.get(name, (None, "{}", False, None))
        types_before = json.loads(stamp_before).get("types", types)
        changed = any(types_before.get(column, kind) != kind for column, kind in types.items())
        is_accepted = reason is not None and not is_held and not fault
        is_judged = before == load and (stamp_before == stamp or is_accepted)
        if not is_judged and (waiting.get(name) or is_held or fault or changed):
            since = min(waiting.get(name) or [load + 1])
            found.append(Case(name, contract, load, since, fault, stamp, changed))
    return found


def judge(home: Path, cases: Sequence[Case]) -> list[Verdict]:
    """Judge these sources, and record it.

    Raises BusyError when another process has the raw file open.
    """
    paths = Paths.below(home)
    verdicts = []
    with open_raw(paths.raw_database, tmp=paths.tmp) as connection:
        for case in cases:
            reason, loses = case.fault, False
            if reason is None and case.contract is not None:
                reason, loses = _breach(connection, case.contract, case.since_load, case.is_whole)
            verdicts.append(Verdict(case.source, case.load, case.since_load, reason))
            connection.execute(
                "insert or replace into _tradehouse.judged values (?, ?, ?, ?, ?, ?, now(), ?)",
                [
                    case.source,
                    case.load,
                    case.since_load,
                    case.stamp,
                    reason,
                    reason is None,
                    loses,
                ],
            )
        ledger.write_snapshot(connection, paths)
    return verdicts


def accept(home: Path, source: str) -> str | None:
    """Let the newest load of a source into the models after all; returns why it was held.

    None where it is not held. Raises DeclarationError where the contract itself is what holds it,
    BusyError when another process has raw open.
    """
    paths = Paths.below(home)
    if not paths.raw_database.exists():
        return None
    if source in model.names():
        tables.prepare(source, home)  # Columns that are new in the contract.
    with open_raw(paths.raw_database, tmp=paths.tmp) as connection:
        if source in model.names():
            fault = tables.fault(model.read(source), tables.present(connection))
            if fault:
                raise DeclarationError(f"{fault}; then tradehouse contracts generate {source}")
        row = connection.execute(
            """update _tradehouse.judged set is_accepted = true
            where source = ? and not is_accepted
                and load = (select max(load) from _tradehouse.judged where source = ?)
            returning reason""",
            [source, source],
        ).fetchone()
        ledger.write_snapshot(connection, paths)
    return str(row[0]) if row else None


def _types(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, str]:
    """The types of a source's raw columns."""
    return dict(
        connection.execute(
            """select table_name || '.' || column_name, data_type from duckdb_columns()
            where database_name = current_database() and schema_name = ?""",
            [source],
        ).fetchall()
    )


def _breach(
    connection: duckdb.DuckDBPyConnection, contract: Contract, since: int, is_whole: bool
) -> tuple[str | None, bool]:
    """What is too much, of the first stream that has it; whether a key may be lost to quarantine.

    That is where raw has no older version of a record any more that breaks the contract.
    """
    loses = False
    counts = dict(
        connection.execute(
            """select table_name, sum(coalesce(rows, records))::bigint from _tradehouse.loads
            where source = ? and load >= ? group by all""",
            [contract.source, since],
        ).fetchall()
    )
    for name, table in record_contracts.tables(
        contract, declarations.read(contract.source)
    ).items():
        stream = contract.streams[name]
        share = contract.bad_share if stream.bad_share is None else stream.bad_share
        came = counts.get(table.name, 0)
        if not (came or is_whole) or not record_files.judged(stream):
            continue
        rows, bad, first = _count(connection, contract, name, table, None if is_whole else came)
        loses |= bool(bad) and table.declared.sync_mode == "incremental_deduplicated"
        if bad > rows * share:
            reason = (
                f"{bad:,} of {rows:,} records of {name} are bound for quarantine, more than "
                f"{share * 100:g} %; the first: {first}"
            )
            return reason, loses
    return None, loses


def _count(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    name: str,
    table: Table,
    came: int | None,
) -> tuple[int, int, str]:
    """The newest rows in force of a stream, those that break the contract, and the first breach.

    Of a key that came several times only what came last counts.
    """
    environment = Environment(autoescape=False)
    environment.globals["return"] = lambda value: value

    def render(sql: str, **known: Any) -> str:
        return environment.from_string(_macros() + sql).render(**known)

    stream = contract.streams[name]
    keys = [render(key) for key in bronze.key_sql(table, record_files.typed(stream))]
    limit = f" order by rowid desc limit {came:d}" if came is not None else ""
    recent = f"select *, rowid from {table.sql_name}{limit}"  # No raw column is called so.
    if keys:
        last = f"row_number() over (partition by {', '.join(keys)} order by rowid desc) = 1"
        none = " and ".join(f"({key}) is null" for key in keys)
        recent = f"select * from ({recent}) qualify {last} or ({none})"
    in_force = bronze.in_force_sql(table, table.sql_name)
    deleted = bronze.deletion_sql(table)
    query = render(
        "{{ quarantined_records(stream, relation, columns, in_force=in_force, deleted=deleted) }}",
        stream=name,
        relation=f"({recent})",
        columns=record_files.judged(stream),
        in_force=in_force or None,
        deleted=render(deleted) if deleted else None,
    )
    where = f" where {in_force}" if in_force else ""
    [(rows,)] = connection.execute(f"select count(*) from ({recent}){where}").fetchall()
    [(bad, first)] = connection.execute(
        f"select count(*), any_value(detail) from ({query})"
    ).fetchall()
    return rows, bad, _without_secrets(contract, stream, str(first))


def _without_secrets(contract: Contract, stream: Stream, detail: str) -> str:
    """A breach without what was delivered, where a column of it is not for everybody's eyes.

    What is reported leaves the home with alerts; the quarantine has it all.
    """
    for name, column in stream.columns.items():
        kept = column.class_ or stream.class_ or contract.class_
        if kept in ("personal", "sensitive") and f"{name}: " in detail:
            names = "|".join(stream.columns)
            told = rf"(?:^|; )((?:{names}): (?:{'|'.join(_BREACHES)}))(?= \"|;|$)"
            return ", ".join(re.findall(told, detail))
    return detail


@cache
def _macros() -> str:
    return "".join((MACROS / f"{name}.sql").read_text(encoding="utf-8") for name in _USED)
