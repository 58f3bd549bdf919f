"""The commands for metrics: `tradehouse metrics list`, `query` and `explain`.

`exposition.metrics` does the work; what metrics there are is defined in `models/gold/semantic/`.
"""

import csv
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradehouse.home.paths import find_home

if TYPE_CHECKING:
    from exposition.metrics.answers import Answer, Metrics
    from exposition.metrics.definitions import Metric
    from exposition.metrics.questions import Question

app = typer.Typer(
    name="metrics", help="Figures with one definition each, from the published release."
)


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="See tradehouse metrics list.")]
By = Annotated[
    str, typer.Option("--by", metavar="DIMENSION,...", help="A row for each value of these.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Dimension, operator, value: 'customer__tier = 1'. Several must all hold.",
    ),
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day, included.")
]
Until = Annotated[
    str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, included.")
]
Grain = Annotated[
    str | None,
    typer.Option(
        "--grain", metavar="GRAIN", help="A row for each day, week, month, quarter, year."
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", help="So many rows at most.")]
Release = Annotated[
    str | None, typer.Option("--release", help="Ask this release instead of the published one.")
]
Personal = Annotated[
    bool, typer.Option("--personal", help="Also what is of class personal or sensitive.")
]
Shown = Annotated[Format, typer.Option("--format", help="How rows are printed.")]


@app.command(name="list")
def list_metrics(
    format: Shown = Format.TABLE, release: Release = None, personal: Personal = False
) -> None:
    """List the metrics: what each says, its unit, its owner, what it can be asked by."""
    from tradehouse.terminal import output

    metrics = _open(release)
    seen = [
        one
        for one in metrics.definitions.metrics.values()
        if one.classification in _classes(personal)
    ]
    columns = ["metric", "unit", "what it says", "by", "owner"]
    if format is Format.JSON:
        output.print_json([_as_json(metrics, one) for one in seen])
        return
    rows = [
        (one.name, one.unit, one.description, ", ".join(one.dimensions), one.owner) for one in seen
    ]
    _print(format, columns, rows)


@app.command()
def query(
    names: Names,
    by: By = "",
    where: Where = None,
    since: Since = None,
    until: Until = None,
    grain: Grain = None,
    limit: Limit = None,
    format: Shown = Format.TABLE,
    release: Release = None,
    personal: Personal = False,
) -> None:
    """Answer a question about metrics from the published release.

    Days are included on both sides. Conditions compare with = != < <= > >=, `in A, B`, `not in`,
    `is null`, `is not null`. An unknown value (NULL) is matched by `is null` only.
    """
    from tradehouse.terminal import output

    metrics = _open(release)
    question = _ask(metrics, names, by, where, since, until, grain, limit, personal)
    answer = metrics.answer(question)
    if personal:
        _note_personal(names, answer.release_id)
    metrics.close()
    if format is Format.JSON:
        rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
        output.print_json({"release": answer.release_id, "seconds": _seconds(answer), "rows": rows})
        return
    _print(format, answer.columns, answer.rows)
    if format is Format.TABLE:
        rows_said = output.count(len(answer.rows), "row")
        print(f"\n{rows_said} of release {answer.release_id}, {_seconds(answer):.2f} s")


@app.command()
def explain(
    names: Names,
    by: By = "",
    where: Where = None,
    since: Since = None,
    until: Until = None,
    grain: Grain = None,
    limit: Limit = None,
    release: Release = None,
    personal: Personal = False,
) -> None:
    """Print the SQL that `tradehouse metrics query` runs; it works in any client of DuckDB."""
    from tradehouse.terminal.streams import WITHIN_LINES, visible

    metrics = _open(release)
    question = _ask(metrics, names, by, where, since, until, grain, limit, personal)
    print(visible(metrics.explain(question), keep=WITHIN_LINES))


def _open(release: str | None) -> "Metrics":
    from exposition.metrics.answers import Metrics
    from tradehouse.errors import UsageError
    from tradehouse.publish import releases

    home = find_home()
    if release is None:
        return Metrics(releases.current_database(home).parent)
    known = [one.id for one in releases.list_releases(home)]
    if release not in known:
        raise UsageError(f"There is no release {release!r}. Kept are: {', '.join(known)}.")
    return Metrics(home.releases / release)


def _ask(
    metrics: "Metrics",
    names: list[str],
    by: str,
    where: list[str] | None,
    since: str | None,
    until: str | None,
    grain: str | None,
    limit: int | None,
    personal: bool,
) -> "Question":
    from exposition.metrics.questions import ask

    return ask(
        metrics.definitions,
        names,
        by=[one.strip() for one in by.split(",") if one.strip()],
        where=where or [],
        since=since,
        until=until,
        grain=grain,
        limit=limit,
        may_see=_classes(personal),
    )


def _classes(personal: bool) -> frozenset[str]:
    from exposition.metrics.definitions import ALL_CLASSES, OPEN_CLASSES

    return ALL_CLASSES if personal else OPEN_CLASSES


def _note_personal(names: list[str], release_id: str) -> None:
    """Write into the access log that somebody asked for what not everybody may see."""
    import getpass
    import os

    from exposition import access_log

    try:
        reader = getpass.getuser()
    except (KeyError, OSError):  # The system knows no name for the user.
        reader = str(os.getuid())
    entry = {"door": "tradehouse metrics", "reader": reader, "path": ",".join(names)}
    access_log.write(find_home(), {**entry, "release": release_id, "personal": True})


def _as_json(metrics: "Metrics", metric: "Metric") -> dict[str, Any]:
    from dataclasses import asdict

    dimensions = [asdict(metrics.definitions.dimensions[one]) for one in metric.dimensions]
    return {**asdict(metric), "dimensions": dimensions}


def _seconds(answer: "Answer") -> float:
    return round(answer.planned_seconds + answer.seconds, 3)


def _print(format: Format, columns: Any, rows: Any) -> None:
    from tradehouse.terminal import output

    if format is Format.TABLE:
        output.print_table(columns, rows)
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
