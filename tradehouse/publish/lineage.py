"""The column lineage page: from which columns of which tables each column is derived.

Derived by dbt-colibri from the compiled SQL, so it always matches it. Made with the documentation
site (`tradehouse.publish.documentation`), one file that opens without a network. A model's page is
`lineage.html?model=<unique id>`, that of one of its columns `...&column=<name>`.
"""

import json
import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field

from tradehouse.home import files
from tradehouse.home.files import Kept

PAGE = "lineage.html"
COLUMNS = "lineage.json"
DATA = "colibri-manifest.json"
# What leads to the shop of its makers: tabs and links without a function here.
STYLE = 'a[href*="colibri-data.com"] { display: none !important; }'
_BY_NAME = re.compile(r"\bby\s+name\b", re.IGNORECASE)


def link_to(unique_id: str, column: str | None = None) -> str:
    """Return the address of a model's or source's page, relative to the folder of the docs."""
    found = f"&column={quote(column)}&focus=true" if column else ""
    return f"{PAGE}?model={quote(unique_id)}{found}&parents=1&children=1"


def make(manifest: Path, catalog: Path, page: Path) -> dict[str, Any]:
    """Write the page; return the lineage: `nodes`, and `edges` from column to column.

    Args:
        manifest: dbt's manifest.json, with the compiled code of models built from nothing.
        catalog: dbt's catalog.json.
        page: the file to write.
    """
    from dbt_colibri.lineage_extractor.extractor import DbtColumnLineageExtractor
    from dbt_colibri.report.generator import DbtColibriReportGenerator

    with tempfile.TemporaryDirectory(dir=page.parent) as name, _quiet():
        folder = Path(name)
        content = json.loads(manifest.read_text(encoding="utf-8"))
        schema = _schema_of(json.loads(catalog.read_text(encoding="utf-8")))
        for node in content["nodes"].values():
            code = node.get("compiled_code")
            if code and _BY_NAME.search(code):
                node["compiled_code"] = without_by_name(code, schema)
        (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
        extractor = DbtColumnLineageExtractor(str(folder / "manifest.json"), str(catalog))
        report = DbtColibriReportGenerator(extractor, disable_telemetry=True)
        report.generate_report(output_dir=str(folder))
        found = json.loads((folder / DATA).read_text(encoding="utf-8"))
        made = (folder / "index.html").read_text(encoding="utf-8")
        made = made.replace("</head>", f"<style>{STYLE}</style></head>", 1)
        page.write_text(made, encoding="utf-8")
    return {"nodes": found["nodes"], "edges": found["lineage"]["edges"]}


class Columns(Kept):
    """`lineage.json`: from which columns each column is made, by model and column."""

    made_from: dict[str, dict[str, list[Annotated[list[str], Field(min_length=2, max_length=2)]]]]


def read_columns(folder: Path) -> dict[str, dict[str, list[list[str]]]]:
    """Return what `sources_by_column` found for a site; empty where that cannot be read."""
    try:
        found = files.read(folder / COLUMNS, Columns) or {}
    except files.DamagedError:
        found = {}
    return dict(found.get("made_from", {}))


def sources_by_column(edges: list[dict[str, Any]]) -> dict[str, dict[str, list[list[str]]]]:
    """Return from which columns (unique id, column) each column is made, by model and column."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    for edge in edges:
        if edge["sourceColumn"] and edge["targetColumn"]:
            made = found.setdefault(edge["target"], {}).setdefault(edge["targetColumn"], [])
            made.append([edge["source"], edge["sourceColumn"]])
    return found


def without_by_name(code: str, schema: dict[str, Any] | None = None) -> str:
    """Return a query in which what is united by name is united by position, as it is traced.

    Args:
        code: the query.
        schema: columns and their types by catalogue, schema and table, so that a star is known; a
            union of a star that is not is left as it is.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify

    tree: Any = sqlglot.parse_one(code, dialect="duckdb")
    try:
        tree = qualify(tree, dialect="duckdb", schema=schema or {}, validate_qualify_columns=False)
    except SqlglotError:
        tree = sqlglot.parse_one(code, dialect="duckdb")
    for union in list(tree.find_all(exp.SetOperation)):
        if union.args.get("by_name") and not isinstance(union.parent, exp.SetOperation):
            branches = list(_branches(union))
            if all(isinstance(one, exp.Select) and not one.is_star for one in branches):
                _align(branches)
                for one in union.find_all(exp.SetOperation):
                    one.set("by_name", False)
    return str(tree.sql(dialect="duckdb", pretty=True))


def _schema_of(catalog: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for node in [*catalog["nodes"].values(), *catalog["sources"].values()]:
        place = node["metadata"]
        tables = schema.setdefault(place["database"], {}).setdefault(place["schema"], {})
        columns = node["columns"].values()
        tables[place["name"]] = {column["name"]: column["type"] for column in columns}
    return schema


def _branches(query: Any) -> Iterator[Any]:
    from sqlglot import exp

    if isinstance(query, exp.SetOperation):
        yield from _branches(query.left)
        yield from _branches(query.right)
    else:
        yield query


def _align(branches: list[Any]) -> None:
    """Give every branch all columns, in the order in which they first appear."""
    from sqlglot import exp

    names = list(dict.fromkeys(name for one in branches for name in one.named_selects))
    for branch in branches:
        own = dict(zip(branch.named_selects, branch.selects, strict=True))
        missing = {name: exp.alias_(exp.Null(), name) for name in names if name not in own}
        branch.set("expressions", [own.get(name) or missing[name] for name in names])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep colibri's log away while a block runs; what it cannot trace is missing in the page."""
    logger = logging.getLogger("colibri")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
