"""Random schemas, names, values and modes through the loader, against plain Python.

    python -m benchmarks.ingestion.destination [--seed N] [--rounds N]

Every round loads a stream in several syncs, between which types change, and compares every stored
value, by its digits, with what a few lines of Python would keep. No connector runs.
"""

import argparse
import json
import random
import tempfile
from dataclasses import replace
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import duckdb

from ingestion import catalog, database, names, record_loading, sync_modes, tables
from ingestion.declarations import Declaration, Stream
from ingestion.names import StreamKey
from ingestion.segments import Part

EXACT = Context(prec=2000)
KINDS = ("integer", "number", "string", "object")
FIELDS = (
    "rowid",
    "",
    "a\0",
    "ID",
    "id",
    "Id",
    "id_2",
    "é",
    "e\u0301",
    "a.b",
    "$",
    "record",
    "x" * 300,
)


def number(chance: random.Random) -> str:
    """A number as JSON spells it."""
    whole = chance.choice(
        [0, 1, chance.randrange(100), 2**53 + chance.randrange(3), chance.randrange(10**30)]
    )
    digits = chance.choice(["", "", ".0", ".5", f".{chance.randrange(10**25)}"])
    shift = chance.choice(["", "", "", "e2", "E-3", "e+20"])
    return chance.choice(["", "-"]) + str(whole) + digits + shift


def given(chance: random.Random, kind: str) -> str:
    """A value as JSON spells it, mostly of the kind."""
    if chance.random() < 0.1:
        return "null"
    if chance.random() < 0.1:
        kind = chance.choice(KINDS)
    if kind == "integer":
        return str(chance.choice([chance.randrange(5), 2**53 + chance.randrange(3)]))
    if kind == "number":
        return number(chance)
    if kind == "string":
        return json.dumps(chance.choice(["", "a", "A", "a ", "é", "\0", "1", "1.0", "null"]))
    return f'{{"n": {number(chance)}, "s": {json.dumps(chance.choice(["", "1", "é"]))}}}'


def parsed(text: str) -> Any:
    """JSON with numbers that keep their digits, in one form for equal numbers."""

    def exact(digits: str) -> tuple[str, Decimal]:
        return ("number", Decimal(digits).normalize(EXACT))

    return json.loads(text, parse_float=exact, parse_int=exact)


def agrees(stored: str | None, original: str | None, said: str) -> bool:
    """Whether a stored value, or what is kept of it among the changes, is what was delivered."""
    if said == "null":
        return stored is None
    wanted = parsed(said)
    for found in (original, stored):
        if found is None:
            continue
        if found == wanted:
            return True
        try:
            if parsed(found) == wanted:
                return True
            if isinstance(wanted, str) and parsed(found) == parsed(wanted):
                return True  # A number in a text, in a column of numbers.
        except ValueError:
            continue
    return False


class Round:
    """One stream through several syncs."""

    def __init__(self, chance: random.Random, directory: Path) -> None:
        self._chance = chance
        self._directory = directory
        self._fields = chance.sample(FIELDS, 5)
        self._mode = chance.choice(["incremental_append", "incremental_deduplicated"])
        self._reference: list[dict[str, str]] = []
        self._number = 0

    def run(self, connection: duckdb.DuckDBPyConnection, source: str) -> int:
        """Load and compare; returns how many values were compared. Raises AssertionError."""
        key: StreamKey = (None, "s")
        content = {
            "name": source,
            "description": "x",
            "owner": "x",
            "connector": {"command": ["x"]},
        }
        declaration = Declaration.model_validate(content)
        for _ in range(3):
            properties: dict[str, Any] = {
                name: {"type": self._chance.choice(KINDS)} for name in self._fields
            } | {"_n": {"type": "integer"}, "k": {"type": "number"}}
            order = list(properties)
            self._chance.shuffle(order)
            schema = {"properties": {name: properties[name] for name in order}}
            found = {
                "name": "s",
                "json_schema": schema,
                "supported_sync_modes": ["full_refresh", "incremental"],
            }
            stream = Stream.model_validate({"sync_mode": self._mode, "key": "k", "cursor": "_n"})
            known = names.read(connection, source)
            known.add([key])
            table = catalog.plan(declaration, {key: (found, stream)}, known)[key]
            sync_modes.merge_leftovers(connection, [table])
            connection.execute("begin")
            table, _ = tables.prepare(connection, table)
            table = sync_modes.with_generation(connection, table, full_refresh=False, reset=False)
            names.record(connection, known)
            part = self._part(key, properties)
            record_loading.load(connection, table, part)
            connection.execute("commit")
            sync_modes.merge(connection, [replace(table)])
        return self._compare(connection, table)

    def _part(self, key: StreamKey, properties: dict[str, Any]) -> Part:
        part = Part(key, self._directory / f"{self._number:09}.jsonl")
        lines = []
        for _ in range(self._chance.randrange(1, 12)):
            self._number += 1
            row = {name: given(self._chance, of["type"]) for name, of in properties.items()}
            row["_n"] = str(self._number)
            row["k"] = self._chance.choice(
                [
                    "null",
                    "1",
                    "1.0",
                    "1e0",
                    "2",
                    str(2**53),
                    str(2**53 + 1),
                    "0.1",
                    f"0.1{'0' * 20}1",
                ]
            )
            self._keep(row)
            items = list(row.items())
            self._chance.shuffle(items)
            data = ", ".join(f"{json.dumps(name)}: {value}" for name, value in items)
            lines.append(
                f'{{"type": "RECORD", "record": {{"data": {{{data}}}, "emitted_at": 1}}}}\n'
            )
        part.spool.write_text("".join(lines))
        part.records = len(lines)
        return part

    def _keep(self, row: dict[str, str]) -> None:
        if self._mode == "incremental_deduplicated" and row["k"] != "null":
            mine = parsed(row["k"])
            self._reference = [each for each in self._reference if parsed(each["k"]) != mine]
        self._reference.append(row)

    def _compare(self, connection: duckdb.DuckDBPyConnection, table: tables.Table) -> int:
        columns = {column.field: column.name for column in table.columns}
        listed = ", ".join(f"{tables.quoted(name)}::varchar" for name in columns.values())
        rows = connection.execute(
            f"select {listed}, _airbyte_meta from {table.sql_name}"
        ).fetchall()
        stored = {}
        for row in rows:
            found = dict(zip(columns, row, strict=False))
            changes = json.loads(row[-1])["changes"] if row[-1] else []
            stored[found["_n"]] = (found, {each["field"]: each["original"] for each in changes})
        assert len(stored) == len(rows)
        assert sorted(stored) == sorted(each["_n"] for each in self._reference)
        for said in self._reference:
            found, originals = stored[said["_n"]]
            for name, value in said.items():
                assert agrees(found[name], originals.get(name), value), (
                    f"{name!r}: {value} was delivered, {found[name]} is stored, "
                    f"{originals.get(name)} is said to have been"
                )
        return len(self._reference) * len(columns)


def main() -> None:
    """Run the rounds and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    compared = failed = 0
    with tempfile.TemporaryDirectory() as directory, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        database.migrate(connection, Path("memory"))
        for number in range(options.rounds):
            chance = random.Random(f"{options.seed}.{number}")
            try:
                compared += Round(chance, Path(directory)).run(connection, f"round_{number}")
            except (AssertionError, duckdb.Error) as error:
                failed += 1
                print(f"round {number}: {str(error)[:500]}")
                if connection.execute("select 1").fetchone() and "transaction" in str(error):
                    connection.execute("rollback")
    print(f"seed {options.seed}: {options.rounds} rounds, {compared} values, {failed} failed")


if __name__ == "__main__":
    main()
