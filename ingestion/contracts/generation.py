"""What is generated from a contract: files for connector, loader and dbt, committed and checked.

Generated files say so in their first line and are replaced whole; files that people add stay. Not
here: the SQL of a bronze model (`bronze`).
"""

import csv
import io
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from ingestion import declarations
from ingestion.contracts import bronze, record_files
from ingestion.contracts.model import MADE, Column, Contract, Record, Stream
from ingestion.errors import DeclarationError

PROJECT = Path(__file__).resolve().parents[2]
PROVENANCE = ("_batch", "_delivery", "_file", "_line", "_raw_text")
AIRBYTE = ("raw_id", "extracted_at", "meta", "generation_id")


def files(contract: Contract, project: Path = PROJECT) -> dict[Path, str]:
    """Every file that the contract makes, by its path, with its content.

    Raises DeclarationError when the source's declaration cannot be read.
    """
    sources = project / "ingestion" / "sources"
    if contract.delivers == "records":
        declaration = declarations.read(contract.source, sources)
        return record_files.files(contract, declaration, project)
    models = project / "models" / "bronze" / contract.source
    made = {
        models / "sources.yml": _sources(contract),
        models / f"_{contract.source}.yml": _models(contract),
        project / "macros" / "contracts" / f"{contract.source}.sql": _macros(contract),
        project / "connectors" / f"source_{contract.source}" / "streams.json": _connector(contract),
    }
    if any(stream.commits_last for stream in contract.streams.values()):
        made[project / "seeds" / "stream_expectations.csv"] = _expectations(contract)
    for name, stream, typed in contract.typed():
        if not stream.commits_last:
            sql = bronze.model(contract.source, name, _raw(contract, name), stream, typed)
            made[models / f"bronze_{contract.source}__{name}.sql"] = sql
    path = sources / f"{contract.source}.yml"
    if not path.is_file():
        raise DeclarationError(f"{path}: the contract's source is declared nowhere.")
    made[path] = _declaration(contract, path.read_text(encoding="utf-8"))
    return made


def outdated(contract: Contract, project: Path = PROJECT) -> list[Path]:
    """The files that are not as the contract makes them, or that it no longer makes."""
    made = files(contract, project)
    wrong = [path for path, text in made.items() if not path.is_file() or path.read_text() != text]
    return sorted([*wrong, *_orphans(contract, project, made)])


def write(contract: Contract, project: Path = PROJECT) -> list[Path]:
    """Make the files that are not as they should be, remove what the contract no longer makes.

    Returns the files that were changed. DeclarationError where a file is somebody's own.
    """
    made = files(contract, project)
    changed = outdated(contract, project)
    for path in changed:
        theirs = path.parent == project / "models" / "bronze" / contract.source
        if theirs and path.exists() and not _is_made(path, contract.source):
            raise DeclarationError(
                f"{path}: somebody wrote this, and the contract makes a file of that name: call "
                f"it otherwise, or take the stream out of the contract; nothing was changed."
            )
    for path in changed:
        if path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8", newline="\n")
        else:
            path.unlink()
    return changed


def _orphans(contract: Contract, project: Path, made: dict[Path, str]) -> Iterator[Path]:
    return (path for path in _made_before(contract.source, project) if path not in made)


def without_contract(sources: Collection[str], project: Path = PROJECT) -> list[Path]:
    """The files that were made for a source that has no contract any more; `sources` have one."""
    folders = [
        *(project / "models" / "bronze").glob("*/"),
        *(project / "tests" / "data").glob("*/"),
    ]
    gone = {folder.name for folder in folders} - set(sources)
    return sorted(path for source in gone for path in _made_before(source, project))


def _made_before(source: str, project: Path) -> Iterator[Path]:
    for folder in (project / "models" / "bronze" / source, project / "tests" / "data" / source):
        for path in [*folder.glob("*.sql"), *folder.glob("*.yml")]:
            if path.is_file() and _is_made(path, source):
                yield path


def _is_made(path: Path, source: str) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return MADE.format(source=source) in file.readline()


def _raw(contract: Contract, name: str) -> str:
    """The raw table of a model."""
    return next(
        raw for raw, stream in contract.streams.items() if name == raw or name in stream.records
    )


def _head(contract: Contract) -> str:
    return f"# {MADE.format(source=contract.source)}\n"


def _dump(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def _sources(contract: Contract) -> str:
    tables = [
        {
            "name": name,
            "description": f"{stream.description}. Delivered in {stream.file}.",
            **_freshness(stream),
            "columns": [
                *(
                    _column(contract, stream, each, column)
                    for each, column in stream.columns.items()
                ),
                *({"name": one, "description": f"{{{{ doc('raw{one}') }}}}"} for one in PROVENANCE),
                *(
                    {
                        "name": f"_airbyte_{one}",
                        "description": f"{{{{ doc('raw_airbyte_{one}') }}}}",
                    }
                    for one in AIRBYTE
                ),
            ],
        }
        for name, stream in contract.streams.items()
    ]
    source = {
        "name": contract.source,
        "description": contract.description,
        "database": "raw",
        "schema": contract.source,
        "config": {"meta": {"owner": contract.owner}, "loaded_at_field": "_airbyte_extracted_at"},
        "tables": tables,
    }
    return _head(contract) + _dump({"sources": [source]})


def _freshness(stream: Stream) -> dict[str, Any]:
    if stream.freshness is None:
        return {}
    limits = {}
    for name in ("warn", "error"):
        count, period = getattr(stream.freshness, name).split()
        limits[f"{name}_after"] = {"count": int(count), "period": period.rstrip("s")}
    return {"config": {"freshness": limits}}


def _column(contract: Contract, stream: Stream, name: str, column: Column) -> dict[str, Any]:
    meta: dict[str, Any] = {"class": column.class_ or stream.class_ or contract.class_}
    if column.unit:
        meta["unit"] = column.unit
    return {"name": name, "description": column.meaning, "config": {"meta": meta}}


def _models(contract: Contract) -> str:
    models = []
    for name, stream, typed in contract.typed():
        if stream.commits_last:
            continue
        found = f", lines with {typed.is_.text}" if isinstance(typed, Record) else ""
        models.append(
            {
                "name": f"bronze_{contract.source}__{name}",
                "description": (
                    f"{typed.description}. Source: {stream.file}{found}. What breaks the contract "
                    f"of the stream stands in `quarantine`."
                ),
                **_tests(typed),
                "columns": [
                    _documented("batch_id"),
                    _documented("delivery"),
                    *(_column(contract, stream, one, each) for one, each in typed.columns.items()),
                    _documented("source_file"),
                    _documented("source_line"),
                ],
            }
        )
    return _head(contract) + _dump({"models": models})


def _documented(name: str) -> dict[str, str]:
    return {"name": name, "description": f"{{{{ doc('{name}') }}}}"}


def _tests(typed: Stream | Record) -> dict[str, Any]:
    arguments: dict[str, Any]
    if typed.key:
        key = ["batch_id", *typed.key] if typed.unique_in == "batch" else typed.key
        arguments = {"unique": [key if len(key) > 1 else key[0]], "batch_column": "batch_id"}
        if not typed.key_is_tested:
            return {}
    else:
        required = [name for name, column in typed.columns.items() if column.required]
        arguments = {"not_null": ["batch_id", "delivery", *required]}
    return {"data_tests": [{"keeps_rules": {"arguments": arguments}}]}


def _macros(contract: Contract) -> str:
    streams = {}
    for name, stream, typed in contract.typed():
        if stream.commits_last:
            continue
        raw = _raw(contract, name)
        streams[name] = {
            **({"raw": raw, "where": bronze.condition(typed)} if raw != name else {}),
            **({"line": typed.line_lengths} if isinstance(typed, Record) else {}),
            "key": typed.key or None,
            "key_in": "delivery" if typed.unique_in == "batch" else "all",
            **({"at_root": True} if stream.beside_batches else {}),
            "columns": {
                one: [bronze.kind(each), each.required, *([list(each.at)] if each.at else [])]
                for one, each in typed.columns.items()
            },
        }
        if raw != name and name == list(contract.streams[raw].records)[-1]:
            streams[f"{raw}_unknown"] = _unknown(raw, contract.streams[raw])
    body = ",\n".join(f"    {_jinja(name)}: {_jinja(each)}" for name, each in streams.items())
    return (
        f"{{# {MADE.format(source=contract.source)} #}}\n"
        "{# What is quarantined is told by it: raw table, key and columns of every stream. #}\n"
        f"{{% macro {contract.source}_streams() %}}\n{{{{ return({{\n{body}\n}}) }}}}\n"
        "{% endmacro %}\n"
    )


def _unknown(raw: str, stream: Stream) -> dict[str, Any]:
    """The lines of a stream that are of none of its kinds: they have no typed form."""
    marks = [record.is_ for record in stream.records.values()]
    start, length = marks[0].at
    texts = ", ".join(f"'{mark.text}'" for mark in marks)
    where = f"coalesce(substr(line, {start}, {length}) not in ({texts}), true)"
    return {"raw": raw, "where": where, "key": None, "key_in": "all", "columns": {}}


def _jinja(value: Any) -> str:
    """A value as Jinja writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_jinja(k)}: {_jinja(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_jinja, value))}]"
    return (
        json.dumps(value) if not isinstance(value, str) else "'" + value.replace("'", "\\'") + "'"
    )


def _expectations(contract: Contract) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["stream", "expected_from_batch", "maximum_quarantined_share"])
    for name, stream in contract.streams.items():
        share = contract.bad_share if stream.bad_share is None else stream.bad_share
        rows.writerow([name, stream.expected_from_batch, f"{share:g}"])
    return out.getvalue()


def _connector(contract: Contract) -> str:
    """One stream a line: what the connector finds in which file."""
    streams = [
        {
            "name": name,
            "pattern": stream.file,
            "format": _word(stream),
            "columns": list(stream.columns),
            "batches": stream.batches,
            "has_cdc": "incremental" in stream.layouts,
            "required": not stream.optional,
            "required_later": not (stream.optional or stream.optional_later),
            **_paths(stream),
            **_integers(stream),
        }
        for name, stream in contract.streams.items()
    ]
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in streams)
    made = json.dumps(MADE.format(source=contract.source))
    return f'{{"made": {made}, "streams": [\n{lines}\n]}}\n'


def _word(stream: Stream) -> str:
    form = stream.format
    if form is None or form.lines:
        return "lines"
    if form.xml:
        return "xml"
    if form.header:
        return "audit"
    return "pipe" if form.delimiter == "|" else "comma"


def _paths(stream: Stream) -> dict[str, Any]:
    paths = {name: each.path for name, each in stream.columns.items() if each.path}
    return {"paths": paths} if paths else {}


def _integers(stream: Stream) -> dict[str, Any]:
    """The columns that the connector numbers itself."""
    found = [name for name, each in stream.columns.items() if each.type == "integer"]
    return {"integers": found} if found else {}


def _declaration(contract: Contract, text: str) -> str:
    """The declaration with its streams regenerated; people own what is above them."""
    above, _, _ = text.partition("\nstreams:")
    lines = [f"streams:  # {MADE.format(source=contract.source)}"]
    for name, stream in contract.streams.items():
        lines += [f"  {name}:", "    cursor: _batch"]
        if stream.commits_last:
            lines.append("    commits_last: true")
        form = stream.format
        if form is None or form.xml or form.header:
            continue
        leading = stream.layouts.get("incremental", [])
        columns = [each for each in stream.columns if each not in leading]
        parts: dict[str, Any] = {"delimiter": form.delimiter}
        if form.quote:
            parts["quote"] = form.quote
        parts["columns"] = columns
        if stream.uncompressed:
            parts["uncompressed"] = stream.uncompressed
        if stream.layouts:
            parts["leading_columns"] = stream.layouts
        lines.append("    file:")
        lines += [f"      {key}: {_flow(value)}" for key, value in parts.items()]
    return above.rstrip("\n") + "\n" + "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()
