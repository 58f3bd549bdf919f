"""The profile of a simulated landing directory compared with a reference.

Belongs here: loading a directory into DuckDB, taking the measures, comparing and the Markdown
table. Does not belong here: what is measured (`measures`). The reference is another landing
directory or, by default, `reference_profile.csv`: nothing but the figures of a brokerage of scale 3
that another generator wrote for the same data model.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from lxml import etree

from simulator.delivery_directory import STATE_FILE
from simulator.layouts import LAYOUTS, relation
from simulator.measures import MEASURES, NEWSWIRE, Measure
from simulator.newswire_files import RATINGS
from simulator.volumes import OFFICIAL, SimulationError

REFERENCE_FILE, REFERENCE_SCALE = "reference_profile.csv", 3
_CRM_FIELDS = {
    "line2": "Address/C_ADLINE2",
    "city": "Address/C_CITY",
    "country": "Address/C_CTRY",
    "initial": "Name/C_M_NAME",
    "mail2": "ContactInfo/C_ALT_EMAIL",
    "phone1": "ContactInfo/C_PHONE_1/C_LOCAL",
    "phone2": "ContactInfo/C_PHONE_2/C_LOCAL",
    "phone3": "ContactInfo/C_PHONE_3/C_LOCAL",
    "broker": "Account/CA_B_ID",
    "name": "Account/CA_NAME",
}


@dataclass(frozen=True)
class Compared:
    """One measure of both directories."""

    measure: Measure
    reference: float
    simulated: float

    @property
    def difference(self) -> float:
        """Per cent of the reference, or the plain difference where the tolerance is absolute."""
        if not self.measure.relative:
            return self.simulated - self.reference
        if self.reference == 0:
            return 0.0 if self.simulated == 0 else float("inf")
        return 100 * (self.simulated - self.reference) / self.reference

    @property
    def is_within(self) -> bool:
        """Whether the difference is not above the tolerance."""
        return abs(self.difference) <= self.measure.tolerance + 1e-9

    def as_dict(self) -> dict[str, Any]:
        """The comparison for JSON; the difference is in per cent where `is_relative`."""
        return {
            "group": self.measure.group,
            "figure": self.measure.name,
            "reference": self.reference,
            "simulated": self.simulated,
            "difference": self.difference,
            "tolerance": self.measure.tolerance,
            "is_relative": self.measure.relative,
            "is_within": self.is_within,
        }


def take(landing: Path) -> list[float]:
    """The value of every measure for a landing directory with at least two batches.

    Raises `SimulationError` when the directory holds no such batches.
    """
    for batch in (1, 2):
        if not (landing / f"Batch{batch}").is_dir():
            raise SimulationError(
                f"{landing} holds no Batch{batch}; a profile needs the batches 1 and 2."
            )
    with duckdb.connect() as connection:
        _load(connection, landing)
        return [_value(connection, measure) for measure in MEASURES]


def stated_reference() -> list[float]:
    """The value of every measure in the stated reference of scale 3."""
    content = files("simulator").joinpath(REFERENCE_FILE).read_text(encoding="utf-8")
    values = {
        (row["group"], row["figure"]): float(row["value"])
        for row in csv.DictReader(content.splitlines())
    }
    return [values[measure.group, measure.name] for measure in MEASURES]


def compare(simulated: Path, reference: Path | None = None) -> list[Compared]:
    """All measures of a landing directory beside those of another one of the same scale.

    Without one the stated reference is taken. Raises `SimulationError` when a directory holds no
    such batches, or says that it is a simulation of another scale than the reference, or of another
    profile than the stated one.
    """
    if reference is None and _stated(simulated).get("profile", OFFICIAL) != OFFICIAL:
        raise SimulationError(
            f"The reference is of the official profile, but {simulated} is of the plausible one; "
            "simulate with --profile official, or name a directory to compare with."
        )
    expected = REFERENCE_SCALE if reference is None else _scale(reference)
    found = _scale(simulated)
    if None not in (expected, found) and expected != found:
        raise SimulationError(
            f"The reference is of scale {expected:g}, but {simulated} is of scale {found:g}; "
            "compare directories of the same scale."
        )
    first = stated_reference() if reference is None else take(reference)
    return [Compared(*values) for values in zip(MEASURES, first, take(simulated), strict=True)]


def _scale(landing: Path) -> float | None:
    """The scale a simulated landing directory says it has; None where it says nothing."""
    scale = _stated(landing).get("scale")
    return None if scale is None else float(scale)


def _stated(landing: Path) -> dict[str, Any]:
    """What a simulated landing directory says of itself; nothing where it says nothing."""
    try:
        stated = json.loads((landing / STATE_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return stated if isinstance(stated, dict) else {}


def markdown(compared: list[Compared]) -> str:
    """The comparison as a Markdown table."""
    lines = [
        "| group | figure | reference | simulated | difference | tolerance | |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for one in compared:
        unit = " %" if one.measure.relative else ""
        cells = (
            one.measure.group,
            one.measure.name,
            _shown(one.reference),
            _shown(one.simulated),
            f"{one.difference:+.2f}{unit}",
            f"{one.measure.tolerance:g}{unit}",
            "ok" if one.is_within else "**off**",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or value >= 1e5 else f"{value:,.2f}"


def _value(connection: duckdb.DuckDBPyConnection, measure: Measure) -> float:
    row = connection.sql(measure.sql).fetchone()
    if row is None or row[0] is None:
        raise SimulationError(f"The figure {measure.name!r} cannot be measured: there are no rows.")
    return float(row[0])


def _load(connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
    for batch in (1, 2):
        for name in LAYOUTS:
            if (landing / f"Batch{batch}" / name).exists():
                table = f"{name.split('.')[0].lower()}_{batch}"
                relation(connection, landing, batch, name).create_view(table)
    _load_newswire(connection, landing)
    _load_crm(connection, landing)


def _load_newswire(connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
    legal = ", ".join(f"'{rating}'" for rating in RATINGS)
    connection.execute(
        f"""create table {NEWSWIRE} as select line, substr(line, 16, 3) as kind
        from read_csv('{landing}/Batch1/FINWIRE????Q?', delim=chr(1), quote='', escape='',
                      header=false, columns={{'line': 'VARCHAR'}}, auto_detect=false)"""
    )
    connection.execute(
        f"""create view newswire_cmp as select substr(line, 79, 10) as cik,
        substr(line, 89, 4) as status, trim(substr(line, 95, 4)) in ({legal}) as legal,
        trim(substr(line, 99, 8)) as founded, trim(substr(line, 187, 80)) as line2,
        trim(substr(line, 324, 24)) as country from {NEWSWIRE} where kind = 'CMP'"""
    )
    connection.execute(
        f"""create view newswire_sec as select line, substr(line, 19, 15) as symbol,
        substr(line, 34, 6) as issue, substr(line, 40, 4) as status,
        trim(substr(line, 149, 12)) as dividend from {NEWSWIRE} where kind = 'SEC'"""
    )
    connection.execute(
        f"""create view newswire_fin as select line, trim(substr(line, 40, 17)) as revenue,
        trim(substr(line, 74, 12)) as eps, trim(substr(line, 98, 12)) as margin
        from {NEWSWIRE} where kind = 'FIN'"""
    )


def _load_crm(connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
    names = ["a", "customer", "account", "gender", "tier", "dob", "tax_status", *_CRM_FIELDS]
    schema = pa.schema([(name, pa.string()) for name in names])
    actions = pa.Table.from_pylist(
        list(_actions(landing / "Batch1" / "CustomerMgmt.xml")), schema=schema
    )
    connection.register("crm", actions)
    connection.execute(
        "create view crm_new as select *, left(dob, 4)::int as born from crm where a = 'NEW'"
    )
    connection.execute("create view crm_updated as select * from crm where a = 'UPDCUST'")
    connection.execute("create view crm_account_updates as select * from crm where a = 'UPDACCT'")
    connection.execute("create view crm_opened as select * from crm where a in ('NEW', 'ADDACCT')")
    connection.execute(
        "create view crm_customers as select customer, count(*) as accounts "
        "from crm_opened group by customer"
    )


def _actions(document: Path) -> Iterator[dict[str, Any]]:
    """One row an action: absent is None, present but empty is ''."""
    for _, element in etree.iterparse(str(document), tag="{http://www.tpc.org/tpc-di}Action"):
        customer = element.find("Customer")
        account = customer.find("Account")
        row = {
            "a": element.get("ActionType"),
            "customer": customer.get("C_ID"),
            "gender": customer.get("C_GNDR"),
            "tier": customer.get("C_TIER"),
            "dob": customer.get("C_DOB"),
            "account": None if account is None else account.get("CA_ID"),
            "tax_status": None if account is None else account.get("CA_TAX_ST"),
        }
        for name, path in _CRM_FIELDS.items():
            found = customer.find(path)
            row[name] = None if found is None else found.text or ""
        yield row
        element.clear()
