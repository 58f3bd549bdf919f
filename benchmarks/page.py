"""The page of benchmarks: Markdown from the records of the parts that were run, charts beside it.

The words are in `page.md.jinja`, the tables of each part in `benchmarks.sections`, the promises in
`benchmarks.targets`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks import sections
from benchmarks.tables import table
from benchmarks.targets import TARGETS, Parts

PICTURES, TEMPLATE = "images", "page.md.jinja"


def write(path: Path, records: dict[str, dict[str, Any]]) -> None:
    """Write the page, and its charts to `images/` beside it.

    Raises:
        SystemExit: when no part was run.
    """
    if not records:
        raise SystemExit("No part was run yet, so there is nothing to write.")
    parts = {name: record["figures"] for name, record in records.items()}
    pictures: dict[str, str] = {}
    found = {name: make(parts, pictures) for name, make in sections.ALL.items()}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    text = environment.get_template(TEMPLATE).render(
        machines=_machines(records), targets=targets(parts), origins=_origins(records), **found
    )
    folder = path.parent / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (folder / name).write_text(picture)
    path.write_text(text)


def targets(parts: Parts) -> str:
    """All targets: met, missed or not measured."""
    rows = []
    for target in TARGETS:
        try:
            found = target.find(parts)
        except KeyError:
            rows.append((target.what, target.goal, "", "not measured"))
        else:
            met = "met" if found.is_met else "**missed**"
            rows.append((target.what, target.goal, found.words, met))
    return table(("what", "target", "measured", ""), rows)


def _machines(records: dict[str, dict[str, Any]]) -> list[str]:
    found = {(_words(one["machine"]), _words(one["versions"])) for one in records.values()}
    return ["; ".join(one) for one in sorted(found)]


def _origins(records: dict[str, dict[str, Any]]) -> str:
    rows = []
    for name, record in records.items():
        at = record["measured_at"][:16].replace("T", " ")
        rows.append((name, at, record["commit"], record["load_before"]))
    return table(("part", "at (UTC)", "commit", "load before"), rows)


def _words(facts: dict[str, str]) -> str:
    bare = ("processor", "system")
    return ", ".join(one if name in bare else f"{name} {one}" for name, one in facts.items())
