"""What a contract of records makes for dbt, rendered and run without dbt."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import jinja2

from ingestion import bronze, written
from ingestion.contracts import record_contracts, record_files
from ingestion.contracts.model import Contract
from ingestion.declarations import Declaration
from ingestion.tables import Table, quoted
from tests.conftest import PROJECT


class Found(NamedTuple):
    """Names and rows of a query."""

    columns: list[str]
    rows: list[Any]


MACROS = "".join(
    (PROJECT / "macros" / "bronze" / f"{name}.sql").read_text()
    for name in ("original", "exact_number", "typed_value", "record_value", "quarantined_records")
)


Change = Callable[[dict[str, Any]], None]


class Models:
    """What the contract of what is offered makes for dbt, rendered as dbt does.

    The contract is written, read, and changed by `change`, as people do.
    """

    def __init__(
        self, declared: Declaration, found: list[Table], change: Change | None = None
    ) -> None:
        self.tables = found
        self.called = bronze.stream_names(found)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{declared.name}.yml"
            path.write_text(record_contracts.content(declared, found, self.called))
            content = written.read(path)
        for stream in content["streams"].values() if change else ():
            change(stream)
        contract = Contract.model_validate(content)
        files = record_files.files(contract, declared, Path())
        self.sql = {path.stem: text for path, text in files.items() if path.suffix == ".sql"}

    def name(self, table: Table) -> str:
        return bronze.model_name(table, self.called[table.name])

    def rendered(self, sql: str) -> str:
        relations = {
            bronze.source_table(each, self.called[each.name]): each.sql_name for each in self.tables
        }
        return (
            jinja2.Environment()
            .from_string(MACROS + sql)
            .render(
                config=lambda **_: "",
                source=lambda _, name: relations[name],
                ref=quoted,
                or_as_it_was=lambda _, caller: caller(),
                is_held=lambda _: False,
                **{"return": lambda value: value},
            )
        )

    @staticmethod
    def rendered_macro(name: str, argument: str) -> str:
        """The SQL that a macro makes of an expression."""
        return jinja2.Environment().from_string(f"{MACROS}{{{{ {name}({argument!r}) }}}}").render()

    def rows(self, raw: duckdb.DuckDBPyConnection, table: Table) -> Found:
        done = raw.execute(self.rendered(self.sql[self.name(table)]))
        return Found([column[0] for column in done.description or ()], done.fetchall())

    def build(self, raw: duckdb.DuckDBPyConnection) -> list[Any]:
        """Make every model as a table; returns what the test of conservation finds."""
        for name, sql in sorted(self.sql.items()):
            if not name.startswith("assert_"):
                raw.execute(f"create or replace table {quoted(name)} as {self.rendered(sql)}")
        return self.conserved(raw)

    def conserved(self, raw: duckdb.DuckDBPyConnection) -> list[Any]:
        """What the test of conservation finds."""
        [test] = [sql for name, sql in self.sql.items() if name.startswith("assert_")]
        return raw.execute(self.rendered(test)).fetchall()
