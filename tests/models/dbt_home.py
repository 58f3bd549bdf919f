"""A home whose raw.duckdb a test fills itself, and dbt run on it; no model is known here."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from connectors.source_brokerage.streams import INTEGER_COLUMNS, STREAMS
from tradehouse.home import database as opening

PROJECT = Path(__file__).resolve().parents[2]
METADATA = (
    "_batch integer, _delivery integer, _file varchar, _line bigint, _raw_text varchar,"
    " _airbyte_raw_id varchar, _airbyte_extracted_at timestamptz, _airbyte_meta json,"
    " _airbyte_generation_id bigint"
)
Records = Mapping[str, Sequence[Mapping[str, str | int | None]]]


class DbtHome:
    """A home of its own below a test's folder.

    ``deliver`` adds the records of one delivery to raw.duckdb, ``build`` runs dbt on the selected
    models, ``keep`` sets the built file aside and ``rows`` reads one.
    """

    def __init__(self, folder: Path, selection: Sequence[str]) -> None:
        self.folder = folder
        self.selection = list(selection)
        self.warehouse = folder / "dev.duckdb"
        self._manifest: Any = None
        folder.mkdir(parents=True)
        with duckdb.connect(str(folder / "raw.duckdb")) as raw:
            raw.execute("create schema brokerage")
            for stream in STREAMS:
                columns = ", ".join(
                    f"{name} {'bigint' if name in INTEGER_COLUMNS else 'varchar'}"
                    for name in stream.columns
                )
                raw.execute(f"create table brokerage.{stream.name} ({columns}, {METADATA})")

    def deliver(self, batch: int, records: Records, delivery: int = 1) -> None:
        """Add records by stream as one delivery of a batch; what a record lacks is NULL."""
        with _open(self.folder / "raw.duckdb") as raw:
            for stream, rows in records.items():
                for line, row in enumerate(rows, 1):
                    place = {"_file": f"Batch{batch}/{stream}", "_line": line}
                    values = {**row, **place, "_batch": batch, "_delivery": delivery}
                    marks = ", ".join("?" * len(values))
                    raw.execute(
                        f"insert into brokerage.{stream} ({', '.join(values)}) values ({marks})",
                        list(values.values()),
                    )

    def build(self, *arguments: str, last_batch: int | None = None) -> None:
        """Build the selection without tests, then note the batches as built."""
        limit = {} if last_batch is None else {"TRADEHOUSE_LAST_BATCH": str(last_batch)}
        self.build_models(*self.selection, arguments=arguments, environment=limit)
        self.build_models("built_loads", environment=limit)

    def build_models(
        self,
        *models: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Build what is named and nothing else; raise with dbt's messages if that fails."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        places = {"TRADEHOUSE_HOME": str(self.folder), "DBT_PROFILES_DIR": str(PROJECT)}
        common = ["--project-dir", str(PROJECT), "--target-path", str(self.folder / "target")]
        common += ["--log-path", str(self.folder / "logs"), "--log-level", "none"]
        common += ["--no-write-json"]
        without_tests = ["--exclude", "resource_type:test", "resource_type:unit_test"]
        with patch.dict(os.environ, {**places, **(environment or {})}):
            try:
                if self._manifest is None:
                    self._manifest = dbtRunner().invoke(["parse", *common]).result
                outcome = dbtRunner(self._manifest).invoke(
                    ["build", *common, "--select", *models, *arguments, *without_tests]
                )
            finally:
                DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        if not outcome.success:
            results = getattr(outcome.result, "results", None) or []
            failed = [
                f"{r.node.name}: {r.message}" for r in results if r.status in ("error", "fail")
            ]
            raise AssertionError("\n".join(failed) or str(outcome.exception))

    def keep(self, name: str) -> Path:
        """Copy the built file under another name and return its path."""
        kept = self.folder / f"{name}.duckdb"
        shutil.copy(self.warehouse, kept)
        return kept

    def begin_anew(self) -> None:
        """Remove the built file: the next build starts from nothing."""
        self.warehouse.unlink(missing_ok=True)

    def rows(self, query: str, database: Path | None = None) -> list[tuple[Any, ...]]:
        """The result of a query on the built file, or on one that was kept, sorted as text."""
        with _open(database or self.warehouse, read_only=True) as connection:
            return sorted(connection.execute(query).fetchall(), key=repr)


def _open(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open a file once nothing that dbt left in this process has it open in another way."""
    return opening.wait_to_open(lambda: duckdb.connect(str(path), read_only=read_only), path)
