"""dbt's files for a source: the dbt source, one bronze model a stream, tests and descriptions.

Written once from the discovered catalogue, then owned by whoever edits them; never overwritten. The
models' SQL is in `bronze`.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ingestion import bronze
from ingestion.comparing import is_deletion_mark
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError
from ingestion.tables import AIRBYTE_COLUMNS, RAW_ID, Column, Table

METADATA = {
    RAW_ID: "Unique id of the row in the raw table.",
    "_airbyte_extracted_at": "When the connector read the record, UTC.",
    "_airbyte_meta": "What source and loader had to change in the record; null when nothing.",
    "_airbyte_generation_id": "Number of the full refresh that brought the row.",
}
DESCRIPTION_LENGTH = 500
PROJECT_FOLDERS = ("models", "macros", "seeds", "snapshots", "tests/data")
MODEL_FILES = ("models/**/*.sql", "models/**/*.py", "snapshots/**/*.sql", "seeds/**/*.csv")


def scaffold(declaration: Declaration, tables: list[Table], project: Path) -> list[Path]:
    """Write `models/bronze/<source>/` for the tables; returns the files that were written.

    dbt reads the project together with them first, in a copy. Raises DeclarationError when one of
    the files exists already, or when dbt cannot read them; then nothing is written.
    """
    directory = project / "models" / "bronze" / declaration.name
    others = (path for pattern in MODEL_FILES for path in project.glob(pattern))
    taken = {path.stem.lower() for path in others if path.parent != directory}
    names = bronze.stream_names(tables, taken)
    files = {directory / "sources.yml": _sources(declaration, tables, names)}
    files[directory / f"_{declaration.name}.yml"] = _models(tables, names)
    for table in tables:
        name = names[table.name]
        files[directory / f"{bronze.model_name(table, name)}.sql"] = bronze.model_sql(table, name)
    present = sorted(str(path) for path in files if path.exists())
    if present:
        raise DeclarationError(
            f"These files exist already and are not overwritten: {', '.join(present)}. Move them "
            f"away to have them written anew."
        )
    if (project / "dbt_project.yml").exists():
        _require_readable(project, files)
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        _write(path, text)
    return list(files)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _require_readable(project: Path, files: Mapping[Path, str]) -> None:
    """Have dbt parse a copy of the project with the files. Raises DeclarationError."""
    with tempfile.TemporaryDirectory(prefix="tradehouse-scaffold-") as name:
        copy = Path(name)
        for folder in PROJECT_FOLDERS:
            if (project / folder).is_dir():
                shutil.copytree(project / folder, copy / folder)
        for settings in ("dbt_project.yml", "profiles.yml"):
            shutil.copy(project / settings, copy / settings)
        for path, text in files.items():
            target = copy / path.relative_to(project)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(target, text)
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--no-use-colors"),
                *("parse", "--no-partial-parse", "--project-dir", name, "--profiles-dir", name),
                *("--log-path", str(copy / "logs"), "--target-path", str(copy / "target")),
            ],
            cwd=copy,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        said = " ".join(line.partition("  ")[2].strip() for line in done.stdout.splitlines()[1:])
        raise DeclarationError(
            f"dbt cannot read the project together with what was generated, so nothing was "
            f"written: {said or done.stderr.strip()}"
        )


def _sources(declaration: Declaration, tables: list[Table], names: Mapping[str, str]) -> str:
    source: dict[str, Any] = {
        "name": declaration.name,
        "description": _prose(declaration.description),
        "database": "raw",
        "schema": declaration.name,
        "config": {
            "meta": {"owner": bronze.inert(declaration.owner)},
            "loaded_at_field": "_airbyte_extracted_at",
        },
    }
    limit = declaration.freshness_limit()
    if limit is not None:
        hours = max(1, round(limit.total_seconds() / 3600))
        source["config"]["freshness"] = {"warn_after": {"count": hours, "period": "hour"}}
    source["tables"] = [_source_table(table, names[table.name]) for table in tables]
    return _yaml({"version": 2, "sources": [source]})


def _source_table(table: Table, name: str) -> dict[str, Any]:
    columns = [
        {"name": bronze.inert(column.name), "quote": True, "description": _about(table, column)}
        for column in table.columns
    ]
    columns += [
        {"name": name, "description": METADATA[name]} for name in (RAW_ID, *AIRBYTE_COLUMNS)
    ]
    called = bronze.source_table(table, name)
    described: dict[str, Any] = {"name": called}
    if called != table.name:
        # dbt puts quotes around it and leaves those inside as they are.
        described["identifier"] = bronze.inert(table.name.replace('"', '""'))
    described["description"] = f"One row per delivered record of the stream {_prose(table.key[1])}."
    return described | {"columns": columns}


def _models(tables: list[Table], names: Mapping[str, str]) -> str:
    models = [_described(table, names[table.name]) for table in tables]
    return _yaml({"version": 2, "models": models})


def _described(table: Table, name: str) -> dict[str, Any]:
    model = bronze.model_name(table, name)
    keys = bronze.key_columns(table)
    stream = _prose(table.key[1])
    grain = f"{stream} by {', '.join(keys)}" if keys else f"record of {stream} as delivered"
    has_deletions = any(is_deletion_mark(column.field) for column in table.columns)
    living = " Rows deleted in the source are left out." if has_deletions else ""
    columns = [
        {"name": name, "description": _about(table, column)}
        for name, column in bronze.bronze_columns(table).items()
    ]
    columns += [
        {
            "name": name,
            "description": f"Part of the key. Source: {_prose('.'.join([stream, *path]))}.",
        }
        for name, path in bronze.nested_keys(table).items()
    ]
    columns += [
        {"name": "raw_id", "description": METADATA[RAW_ID]},
        {"name": "extracted_at", "description": METADATA["_airbyte_extracted_at"]},
    ]
    return {
        "name": model,
        "description": f"One row per {grain}.{living}",
        "data_tests": _tests(model, keys),
        "columns": columns,
    }


def _tests(model: str, keys: list[str]) -> list[dict[str, Any]]:
    """What the loader promises, and, as a warning, what the source promises of its key."""
    ours = {"not_null": ["raw_id", "extracted_at"], "unique": ["raw_id"]}
    tests = [{"keeps_rules": {"name": f"{model}_keeps_rules", "arguments": ours}}]
    if keys:
        key = {"not_null": keys, "unique": [keys[0] if len(keys) == 1 else keys]}
        described: dict[str, Any] = {"name": f"{model}_keeps_its_key", "arguments": key}
        tests.append({"keeps_rules": described | {"config": {"severity": "warn"}}})
    return tests


def _about(table: Table, column: Column) -> str:
    properties = (table.discovered.get("json_schema") or {}).get("properties") or {}
    said = properties.get(column.field)
    text = said.get("description") if isinstance(said, dict) else None
    described = str(text) if text else f"{column.field} as delivered"
    place = f"{table.key[1]}.{column.field}"
    return f"{_prose(described).rstrip('.')} ({column.type}). Source: {_prose(place)}."


def _prose(text: str) -> str:
    """A source's text as prose of ours: one line, no code, no markup, not longer than is read."""
    line = " ".join(text.split())
    shown = "".join(one for one in line if unicodedata.category(one) not in ("Cc", "Cf", "Cs"))
    if len(shown) > DESCRIPTION_LENGTH:
        shown = f"{shown[: DESCRIPTION_LENGTH - 4].rstrip()} ..."
    for mark in "\\<[":
        shown = shown.replace(mark, f"\\{mark}")
    return bronze.inert(shown)


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as the project's files do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write a list again where it recurs: nobody reads anchors."""
        return True


def _yaml(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
