"""dbt's files for a source whose contract is of records: source, models, quarantine, tests.

Texts of a source are only data here: `bronze.inert` and its neighbours make them safe in SQL and
Jinja. Not here: the SQL of a model (`ingestion.bronze`).
"""

from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from ingestion import bronze
from ingestion.contracts import record_contracts
from ingestion.contracts.model import MADE, Contract, Stream
from ingestion.declarations import Declaration
from ingestion.prose import prose
from ingestion.tables import AIRBYTE_COLUMNS, LOAD, RAW_ID, Table

METADATA = {
    RAW_ID: "Unique id of the row in the raw table.",
    "_airbyte_extracted_at": "When the connector read the record, UTC.",
    "_airbyte_meta": "What source and loader had to change in the record; null when nothing.",
    "_airbyte_generation_id": "Number of the full refresh that brought the row.",
    LOAD: "Load of the source that brought the row; none, or 0, before loads were noted in rows.",
}
QUARANTINE = {
    "stream": "Stream of the record.",
    "raw_id": METADATA[RAW_ID],
    "extracted_at": METADATA["_airbyte_extracted_at"],
    "reason": "The first breach of the contract.",
    "detail": "Every column in breach, with what was delivered.",
    "raw_text": "The row of the raw table, as JSON.",
}


def quarantine(source: str) -> str:
    """The model that holds what breaks the source's contract."""
    return f"bronze_{source}__quarantine"


def files(contract: Contract, declaration: Declaration, project: Path) -> dict[Path, str]:
    """Every file that the contract makes, by its path, with its content."""
    tables = record_contracts.tables(contract, declaration)
    models = project / "models" / "bronze" / contract.source
    tests = project / "tests" / "data" / contract.source
    head = f"{{#- {MADE.format(source=contract.source)} #}}\n"
    made = {
        models / "sources.yml": _sources(contract, declaration, tables),
        models / f"_{contract.source}.yml": _models(contract, tables),
        models / f"{quarantine(contract.source)}.sql": head + _quarantine(contract, tables),
        tests / f"assert_{contract.source}_rows_are_conserved.sql": head
        + _conserved(contract, tables),
    }
    for name, table in tables.items():
        stream = contract.streams[name]
        columns = {one: _value(one, stream) for one in stream.columns}
        sql = bronze.model_sql(table, name, columns, _validity(stream), typed(stream))
        made[models / f"{bronze.model_name(table, name)}.sql"] = head + sql
    return made


def _told(name: str, stream: Stream) -> tuple[str, dict[str, str]]:
    """Kind and place of a column, as macros get them."""
    column = stream.columns[name]
    first, *inside = record_contracts.path_of(name, column)
    return record_contracts.kind(column), bronze.arguments(column.stored or first, first, inside)


def typed(stream: Stream) -> dict[bronze.Path, bronze.Told]:
    """How the fields of a stream are typed, by their paths."""
    return {
        tuple(record_contracts.path_of(name, column)): _told(name, stream)
        for name, column in stream.columns.items()
    }


def _value(name: str, stream: Stream) -> str:
    return bronze.value_sql(*_told(name, stream))


def judged(stream: Stream) -> list[dict[str, Any]]:
    """The columns that can break the contract, as macros get them."""
    found: list[dict[str, Any]] = []
    for name, column in stream.columns.items():
        kind, of = _told(name, stream)
        if kind != "plain" or column.required or "pointer" in of:
            required = {"required": True} if column.required else {}
            found.append({"name": name, "kind": kind} | required | of)
    return found


def _validity(stream: Stream) -> str:
    """The condition on rows that keep the contract, a line a column; nothing if all do."""
    lines = []
    for one in judged(stream):
        words = [word for word in ("required", "field", "pointer") if word in one]
        more = [f"{word}={_jinja(one[word])}" for word in words]
        listed = [bronze.jinja_text(one["column"]), repr(one["kind"]), *more]
        lines.append(f"{{{{ keeps_contract({', '.join(listed)}) }}}}")
    return "\nand ".join(lines)


def _relation(table: Table, name: str) -> str:
    return f"source('{table.source}', '{bronze.source_table(table, name)}')"


def _quarantine(contract: Contract, tables: Mapping[str, Table]) -> str:
    parts = []
    for name, table in tables.items():
        columns_judged = judged(contract.streams[name])
        relation = _relation(table, name)
        if not columns_judged:
            continue
        columns = ",\n".join(f"    {_flat(one)}" for one in columns_judged)
        in_force = bronze.in_force_sql(table, f"{{{{ {relation} }}}}")
        deleted = bronze.deletion_sql(table)
        conditions = {"in_force": in_force, "deleted": deleted}
        settings, more = "", ""
        for word, sql in conditions.items():
            if sql:
                settings += f"{{%- set {word} %}}{sql}{{% endset %}}\n"
                more += f", {word}={word}"
        parts.append(
            f"{settings}{{%- set columns = [\n{columns}\n] %}}\n"
            f"    union all\n\n"
            f"    {{{{ quarantined_records('{name}', {relation}, columns{more}) }}}}\n"
        )
    empty = ",\n".join(
        f"        cast(null as {'timestamptz' if one == 'extracted_at' else 'varchar'}) as {one}"
        for one in QUARANTINE
    )
    listed = ",\n".join(f"    {one}" for one in QUARANTINE)
    return (
        "{{ config(materialized = 'table') }}\n\n"
        f"{{% call or_as_it_was('{contract.source}') %}}\n"
        f"with refused as (\n\n    select\n{empty}\n    where false\n\n"
        f"{chr(10).join(parts)}\n)\n\nselect\n{listed}\nfrom refused\n{{% endcall %}}\n"
    )


def _conserved(contract: Contract, tables: Mapping[str, Table]) -> str:
    """Each stream's rows: those of raw are those of bronze and those in quarantine.

    Keys are compared as they were delivered, so that it finds what the model rounds. It reads
    several models, so it names the one on whose page it is shown.
    """
    parts = []
    for name, table in tables.items():
        relation = f"{{{{ {_relation(table, name)} }}}}"
        model = f"{{{{ ref('{bronze.model_name(table, name)}') }}}}"
        held = f"{{{{ ref('{quarantine(contract.source)}') }}}}"
        conditions = [
            bronze.in_force_sql(table, relation),
            f"{RAW_ID} not in (\n"
            f"    select raw_id\n    from {held}\n    where stream = '{name}'\n)",
        ]
        deleted = bronze.deletion_sql(table)
        keys = bronze.delivered_key_sql(table, typed(contract.streams[name]))
        breach = "rows_found <> rows_expected"
        if keys:
            expected = _count_keys(keys, relation, [*conditions, ""], deleted)
            if deleted:  # A key that was ever deleted may be there again, or not.
                listed = ", ".join(keys)
                some = " or ".join(f"{one} is not null" for one in keys)
                of_deleted = (
                    f"    select ({listed})\n    from {relation}\n    where {deleted} and ({some})"
                )
                gone = f"({listed}) not in (\n{of_deleted}\n)"
                least = _count_keys(keys, relation, [*conditions, gone], deleted)
                breach = (
                    f"rows_found > rows_expected\nor rows_found < (\n{indent(least, '    ')}\n)"
                )
        else:
            conditions.append(f"not {deleted}" if deleted else "")
            expected = f"select count(*)\nfrom {relation}{_where(conditions)}"
        parts.append(
            f"select\n    '{name}' as stream,\n    rows_found,\n    rows_expected\nfrom (\n"
            f"    select\n        (select count(*) from {model}) as rows_found,\n        (\n"
            f"{indent(expected, ' ' * 12)}\n        ) as rows_expected\n)\n"
            f"where\n{indent(breach, '    ')}"
        )
    page = {"dagster": {"ref": {"name": quarantine(contract.source)}}}
    return (
        f"{{{{ config(meta = {page}) }}}}\n"
        f"{{% if is_held('{contract.source}') %}}select 1 where false{{% else %}}\n"
        "-- What was delivered is in bronze, in quarantine, or an older version of what is there.\n"
        + "\n\nunion all\n\n".join(parts)
        + "\n{% endif %}\n"
    )


def _count_keys(keys: list[str], relation: str, conditions: list[str], deleted: str | None) -> str:
    """Keys, and rows that have none."""
    named = {f"key_{number}": sql for number, sql in enumerate(keys, 1)}
    listed = ",\n".join(f"        {sql} as {name}" for name, sql in named.items())
    absent = " and ".join(f"{name} is null" for name in named)
    living = ""
    if deleted:
        listed += f",\n        {deleted} as is_deleted"
        living = " and not is_deleted"
    return (
        f"select\n    count(distinct row({', '.join(named)})) filter (where not ({absent}))\n"
        f"    + count(*) filter (where {absent}{living})\n"
        f"from (\n    select\n{listed}\n    from {relation}"
        f"{indent(_where(conditions), '    ')}\n)"
    )


def _where(conditions: list[str]) -> str:
    said = [one for one in conditions if one]
    return "\nwhere\n" + indent("\nand ".join(said), " " * 4)


def _jinja(value: Any) -> str:
    """A value as a literal of Jinja."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}': {_jinja(one)}" for key, one in value.items()) + "}"
    return "true" if value is True else bronze.jinja_text(value)


def _flat(one: dict[str, Any]) -> str:
    """A column as macros get it; its kind is ours, and read by people."""
    return _jinja({**one, "kind": ""}).replace("'kind': ''", f"'kind': {one['kind']!r}")


def _sources(contract: Contract, declaration: Declaration, tables: Mapping[str, Table]) -> str:
    source: dict[str, Any] = {
        "name": contract.source,
        "description": bronze.inert(contract.description),
        "database": "raw",
        "schema": contract.source,
        "config": {
            "meta": {"owner": bronze.inert(contract.owner)},
            "loaded_at_field": "_airbyte_extracted_at",
        },
    }
    limit = declaration.freshness_limit()
    if limit is not None:
        hours = max(1, round(limit.total_seconds() / 3600))
        source["config"]["freshness"] = {"warn_after": {"count": hours, "period": "hour"}}
    source["tables"] = [
        _source_table(contract, contract.streams[name], table, name)
        for name, table in tables.items()
    ]
    return _yaml(contract, {"version": 2, "sources": [source]})


def _source_table(contract: Contract, stream: Stream, table: Table, name: str) -> dict[str, Any]:
    columns = [
        _described(
            contract, stream, own, raw=column.stored or record_contracts.path_of(own, column)[0]
        )
        for own, column in stream.columns.items()
        if len(record_contracts.path_of(own, column)) == 1
    ]
    own = [RAW_ID, *AIRBYTE_COLUMNS, *([LOAD] if bronze.is_numbered(table) else [])]
    columns += [{"name": name, "description": METADATA[name]} for name in own]
    called = bronze.source_table(table, name)
    described: dict[str, Any] = {"name": called}
    if called != table.name:
        # dbt puts quotes around it and leaves those inside as they are.
        described["identifier"] = bronze.inert(table.name.replace('"', '""'))
    described["description"] = bronze.inert(
        f"One row per delivered record of the stream {prose(table.key[1])}."
    )
    return described | {"columns": columns}


def _described(
    contract: Contract, stream: Stream, name: str, raw: str | None = None
) -> dict[str, Any]:
    column = stream.columns[name]
    meta: dict[str, Any] = {"class": column.class_ or stream.class_ or contract.class_}
    if column.unit:
        meta["unit"] = bronze.inert(column.unit)
    called: dict[str, Any] = {"name": name}
    if raw is not None:
        called = {"name": bronze.inert(raw), "quote": True}
    return {**called, "description": bronze.inert(column.meaning), "config": {"meta": meta}}


def _models(contract: Contract, tables: Mapping[str, Table]) -> str:
    models = [
        _model(contract, contract.streams[name], table, name) for name, table in tables.items()
    ]
    models.append(
        {
            "name": quarantine(contract.source),
            "description": f"One row per record of {contract.source} that breaks its contract.",
            "columns": [{"name": one, "description": text} for one, text in QUARANTINE.items()],
        }
    )
    return _yaml(contract, {"version": 2, "models": models})


def _model(contract: Contract, stream: Stream, table: Table, name: str) -> dict[str, Any]:
    living = " Rows deleted in the source are left out." if bronze.deletion_sql(table) else ""
    columns = [_described(contract, stream, one) for one in stream.columns]
    columns += [
        {"name": "raw_id", "description": METADATA[RAW_ID]},
        {"name": "extracted_at", "description": METADATA["_airbyte_extracted_at"]},
        *([{"name": LOAD, "description": METADATA[LOAD]}] if bronze.is_numbered(table) else []),
    ]
    model = bronze.model_name(table, name)
    return {
        "name": model,
        "description": (
            f"{bronze.inert(stream.description.rstrip('.'))}.{living} What breaks the contract of "
            f"the stream stands in `{quarantine(contract.source)}`."
        ),
        "data_tests": _tests(contract.source, model, stream),
        "columns": columns,
    }


def _tests(source: str, model: str, stream: Stream) -> list[dict[str, Any]]:
    """Tests of what loader and contract declare; of the source's key only as a warning."""
    required = [name for name, column in stream.columns.items() if column.required]
    held: dict[str, Any] = {"held_with": source}
    ours = {"not_null": ["raw_id", "extracted_at", *required], "unique": ["raw_id"]} | held
    tests = [{"keeps_rules": {"name": f"{model}_keeps_rules", "arguments": ours}}]
    if stream.key and stream.key_is_tested:
        keys = stream.key
        key = {"not_null": keys, "unique": [keys[0] if len(keys) == 1 else keys]} | held
        described: dict[str, Any] = {"name": f"{model}_keeps_its_key", "arguments": key}
        tests.append({"keeps_rules": described | {"config": {"severity": "warn"}}})
    return tests


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as the project's files do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write a list again where it recurs: nobody reads anchors."""
        return True


def _yaml(contract: Contract, content: dict[str, Any]) -> str:
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# {MADE.format(source=contract.source)}\n{text}"
