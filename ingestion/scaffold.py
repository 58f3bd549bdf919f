"""dbt's files for a source: the dbt source, one bronze model a stream, tests and descriptions.

Written once from the discovered catalogue, then owned by whoever edits them; never overwritten.
"""

import re
from functools import cache
from pathlib import Path
from textwrap import indent
from typing import Any

import duckdb
import yaml

from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError
from ingestion.tables import AIRBYTE_COLUMNS, RAW_ID, Column, Table, quoted

METADATA = {
    RAW_ID: "Unique id of the row in the raw table.",
    "_airbyte_extracted_at": "When the connector read the record, UTC.",
    "_airbyte_meta": "What source and loader had to change in the record; null when nothing.",
    "_airbyte_generation_id": "Number of the full refresh that brought the row.",
}
_WORD = re.compile(r"^[a-z_][a-z0-9_]*$")


@cache
def _reserved() -> frozenset[str]:
    """DuckDB's reserved words."""
    query = "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    with duckdb.connect() as connection:
        return frozenset(row[0] for row in connection.execute(query).fetchall())


def scaffold(declaration: Declaration, tables: list[Table], project: Path) -> list[Path]:
    """Write `models/bronze/<source>/` for the tables; returns the files that were written.

    Raises DeclarationError when one of them exists already; then nothing is written.
    """
    directory = project / "models" / "bronze" / declaration.name
    files = {directory / "sources.yml": _sources(declaration, tables)}
    files[directory / f"_{declaration.name}.yml"] = _models(declaration, tables)
    for table in tables:
        files[directory / f"{model_name(table)}.sql"] = _model(table)
    present = sorted(str(path) for path in files if path.exists())
    if present:
        raise DeclarationError(
            f"These files exist already and are not overwritten: {', '.join(present)}. Move them "
            f"away to have them written anew."
        )
    directory.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


def model_name(table: Table) -> str:
    """The bronze model of a table."""
    return f"bronze_{table.source}__{snake_case(table.name)}"


def snake_case(name: str) -> str:
    """A name in the project's spelling: lower case, words joined by underscores."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    word = re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_") or "column"
    word = f"_{word}" if word[0].isdigit() else word
    return f"{word}_" if word in _reserved() else word


def bronze_columns(table: Table) -> dict[str, Column]:
    """The model's columns: their names, unique, and what they come from."""
    columns: dict[str, Column] = {}
    for column in table.columns:
        base = name = snake_case(column.name)
        number = 2
        while name in columns:
            name, number = f"{base}_{number}", number + 1
        columns[name] = column
    return columns


def _identifier(name: str) -> str:
    return name if _WORD.match(name) and name not in _reserved() else quoted(name)


def _key_columns(table: Table) -> list[str]:
    """The model's key; empty when there is none or it lies inside an object."""
    names = {column.field: name for name, column in bronze_columns(table).items()}
    if any(len(path) > 1 or path[0] not in names for path in table.merge_key):
        return []
    return [names[path[0]] for path in table.merge_key]


def _model(table: Table) -> str:
    source = f"source_{snake_case(table.name)}"
    lines = []
    for name, column in bronze_columns(table).items():
        own = _identifier(column.name)
        lines.append(own if own == name else f"{own} as {name}")
    lines += [f"{RAW_ID} as raw_id", "_airbyte_extracted_at as extracted_at"]
    listed = ",\n".join(lines)
    relation = f"{{{{ source('{table.source}', '{table.name}') }}}}"
    return f"""\
{{{{ config(materialized = 'table') }}}}

with {source} as (

    select *
    from {relation}

),

{_chosen(table, source)}

final as (

    select
{indent(listed, " " * 8)}
    from chosen

)

select * from final
"""


def _chosen(table: Table, source: str) -> str:
    """The rows in force: the newest of a key where raw keeps history, the last full refresh."""
    mode = table.declared.sync_mode
    keys = [_identifier(table_column(table, name)) for name in _key_columns(table)]
    if mode == "incremental_append" and keys:
        order = ["_airbyte_extracted_at desc", f"{RAW_ID} desc"]
        cursor = {column.field: column.name for column in table.columns}
        if len(table.merge_cursor) == 1 and table.merge_cursor[0] in cursor:
            order.insert(0, f"{_identifier(cursor[table.merge_cursor[0]])} desc nulls last")
        return f"""\
chosen as (

    select *
    from {source}
    qualify row_number() over (
        partition by {", ".join(keys)}
        order by {", ".join(order)}
    ) = 1

),"""
    if mode == "full_refresh_append":
        return f"""\
chosen as (

    select *
    from {source}
    where _airbyte_generation_id = (select max(_airbyte_generation_id) from {source})

),"""
    return f"""\
chosen as (

    select *
    from {source}

),"""


def table_column(table: Table, name: str) -> str:
    """The raw column behind a column of the model."""
    return bronze_columns(table)[name].name


def _sources(declaration: Declaration, tables: list[Table]) -> str:
    source: dict[str, Any] = {
        "name": declaration.name,
        "description": declaration.description,
        "database": "raw",
        "schema": declaration.name,
        "config": {
            "meta": {"owner": declaration.owner},
            "loaded_at_field": "_airbyte_extracted_at",
        },
    }
    limit = declaration.freshness_limit()
    if limit is not None:
        hours = max(1, round(limit.total_seconds() / 3600))
        source["config"]["freshness"] = {"warn_after": {"count": hours, "period": "hour"}}
    source["tables"] = [_source_table(table) for table in tables]
    return _yaml({"version": 2, "sources": [source]})


def _source_table(table: Table) -> dict[str, Any]:
    columns = [
        {"name": column.name, "quote": True, "description": _description(table, column)}
        for column in table.columns
    ]
    columns += [
        {"name": name, "description": METADATA[name]} for name in (RAW_ID, *AIRBYTE_COLUMNS)
    ]
    return {
        "name": table.name,
        "description": f"One row per delivered record of the stream {table.key[1]}.",
        "columns": columns,
    }


def _models(declaration: Declaration, tables: list[Table]) -> str:
    return _yaml({"version": 2, "models": [_described(table) for table in tables]})


def _described(table: Table) -> dict[str, Any]:
    keys = _key_columns(table)
    grain = ", ".join(keys)
    per = f"{table.key[1]} by {grain}" if keys else f"record of {table.key[1]} as delivered"
    rules: dict[str, Any] = {"not_null": [*keys, "raw_id", "extracted_at"]}
    rules["unique"] = [keys[0] if len(keys) == 1 else keys] if keys else ["raw_id"]
    columns = [
        {"name": name, "description": _description(table, column)}
        for name, column in bronze_columns(table).items()
    ]
    columns += [
        {"name": "raw_id", "description": METADATA[RAW_ID]},
        {"name": "extracted_at", "description": METADATA["_airbyte_extracted_at"]},
    ]
    return {
        "name": model_name(table),
        "description": f"One row per {per}.",
        "data_tests": [{"keeps_rules": {"arguments": rules}}],
        "columns": columns,
    }


def _description(table: Table, column: Column) -> str:
    properties = (table.discovered.get("json_schema") or {}).get("properties") or {}
    said = properties.get(column.field)
    text = said.get("description") if isinstance(said, dict) else None
    described = " ".join(str(text).split()) if text else f"{column.field} as delivered"
    return f"{described.rstrip('.')} ({column.type}). Source: {table.key[1]}.{column.field}."


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as the project's files do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _yaml(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
