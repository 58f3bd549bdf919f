"""The page of the platform's owner: health, freshness, seconds, failures, figures over time.

It is made before its run ends, so the newest run in it is the one before.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from exposition.stories import charts, sentences
from exposition.stories.asking import Asking
from exposition.stories.compliance import describe_gaps
from exposition.stories.pages import Page, Section, Table, Tile
from exposition.stories.sentences import amount, total
from tradehouse.home import history
from tradehouse.home.history import End, Run
from tradehouse.publish import releases
from tradehouse.publish.releases import Release

RUNS = 30
DAYS = 30
BEFORE = "in the release before"
GOOD = {End.DONE, End.IDLE}
COLUMNS = ("Run", "Command", "Began", "Ended", "Seconds", "What went wrong")


def tell(asking: Asking) -> Page:
    """Return the page of a release."""
    found = [one for one in history.find_last(asking.home, RUNS) if one.outcome is not End.RUNNING]
    runs = sorted(found, key=lambda one: one.number)
    known = releases.list_releases(asking.home)
    earlier = [one for one in known if one.id != asking.release.id]
    before = earlier[-1] if earlier else None
    sections = [
        _health(asking.release, before),
        _freshness(asking.release, before),
        *_seconds(runs),
        _failures(runs),
        *_figures(asking, before),
    ]
    summary = summarize(asking.release, runs)
    return Page("platform-owner", "Platform's owner", "The platform", summary, asking.day, sections)


def summarize(release: Release, runs: Sequence[Run]) -> str:
    """Return the page in a sentence or two."""
    tests = release.tests
    warned = f", {tests.warned:,} warned" if tests.warned else ", none warned"
    failed = sum(one.outcome not in GOOD for one in runs)
    said = f"{total(tests.passed, 'tests', 'No test')} passed{warned}. "
    if not runs:
        return f"{said}There is no run before this one."
    return f"{said}{total(failed, 'runs', 'None')} of the last {len(runs)} did not end well."


def _health(release: Release, before: Release | None) -> Section:
    def tile(label: str, value: int, earlier: int | None, unit: str) -> Tile:
        said = sentences.change(value, earlier, unit, BEFORE)
        return Tile(label, amount(value, unit), said)

    former = before.tests if before else None
    tiles = [
        tile("Tests passed", release.tests.passed, former.passed if former else None, "tests"),
        tile("Tests that warned", release.tests.warned, former.warned if former else None, "tests"),
        tile("In the release", rows_of(release) or 0, rows_of(before), "rows"),
        Tile(
            "Size of the release",
            f"{release.bytes / 1e6:,.1f} MB",
            sentences.change(
                round(release.bytes / 1e6, 1),
                round(before.bytes / 1e6, 1) if before else None,
                "MB",
                BEFORE,
            ),
        ),
    ]
    return Section("health", "Health", tiles=tiles)


def rows_of(release: Release | None) -> int | None:
    """Return how many rows a release has."""
    return sum(release.rows.values()) if release else None


def _freshness(release: Release, before: Release | None) -> Section:
    days = [_day(one.batch_date) for one in release.batches if one.batch_date]
    said = [
        f"The last day of the brokerage is {sentences.day(max(days))}. {describe_gaps(days)}"
        if days
        else "No day of the brokerage was delivered yet."
    ]
    if before is not None:
        since = datetime.fromisoformat(release.created_at) - datetime.fromisoformat(
            before.created_at
        )
        new = len(release.batches) - len(before.batches)
        said.append(
            f"Made {span(since.total_seconds())} after the release before, with "
            f"{total(max(new, 0), 'new days', 'no new day')}."
        )
    said += [f"{name}: load {load} is the newest." for name, load in sorted(release.loads.items())]
    return Section("freshness", "Freshness", said)


def _day(text: object) -> Any:
    return datetime.fromisoformat(str(text)).date()


def span(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:,.0f} seconds"


def _seconds(runs: Sequence[Run]) -> list[Section]:
    timed = [one for one in runs if one.seconds is not None and one.outcome is not End.IDLE]
    if not timed:
        return []
    last = timed[-1]
    values = [one.seconds or 0.0 for one in timed]
    said = [
        f"Run {last.number} took {values[-1]:,.1f} seconds. "
        + sentences.change(
            round(values[-1], 1),
            round(values[-2], 1) if len(values) > 1 else None,
            "seconds",
            "in the run before",
        )
    ]
    if usual := sentences.against_usual(values[-1], values[:-1], "seconds"):
        said.append(usual.replace("days before", "runs before"))
    rows = [(str(one.number), f"{one.seconds:,.1f}") for one in reversed(timed)]
    table = Table("Seconds by run: the figures", ("Run", "Seconds"), rows, (1,), is_folded=True)
    bars = [(str(one.number), one.seconds or 0.0) for one in timed]
    shown = [charts.in_order("Seconds by run", bars, "seconds", " ".join(said), table)]
    phases = [(one.name, f"{one.seconds:,.1f}") for one in last.phases]
    tables = [Table(f"Steps of run {last.number}", ("Step", "Seconds"), phases, (1,))]
    return [Section("seconds", "Seconds", said, charts=shown, tables=tables if phases else [])]


def _failures(runs: Sequence[Run]) -> Section:
    said = [describe_ends(runs)]
    rows = [
        (
            str(one.number),
            one.command,
            str(one.began_at)[:16].replace("T", " "),
            str(one.outcome),
            "" if one.seconds is None else f"{one.seconds:,.1f}",
            wrong(one),
        )
        for one in reversed(runs)
        if one.outcome not in GOOD
    ]
    tables = [Table("Runs that did not end well", COLUMNS, rows, (4,))] if rows else []
    return Section("failures", "Failures", said, tables=tables)


def describe_ends(runs: Sequence[Run]) -> str:
    """Return how runs ended, in a sentence."""
    if not runs:
        return "There is no run before this one."
    ends = Counter(str(one.outcome) for one in runs)
    parts = ", ".join(f"{number} {end}" for end, number in sorted(ends.items()))
    return f"Of the last {len(runs)}: {parts}."


def wrong(run: Run) -> str:
    """Return what went wrong in a run: which models and tests, or the first line of the error."""
    broken = [one.name for built in run.builds for one in built.broken]
    if broken:
        return ", ".join(broken[:3]) + (f" and {len(broken) - 3} more" if len(broken) > 3 else "")
    return run.error.partition("\n")[0][:200]


def _figures(asking: Asking, before: Release | None) -> list[Section]:
    said: list[str] = []
    shown = []
    days = asking.daily("rows_delivered", DAYS)[1:]
    if len(days) > 1:
        text = (
            sentences.change(days[-1][1], days[-2][1], "rows")
            + " "
            + sentences.extremes(days, "rows")
        )
        said.append(f"{amount(days[-1][1], 'rows')} delivered on the last day. {text}")
        shown.append(charts.by_day("Rows delivered by day", days, "rows", said[-1]))
    former = before.rows if before else {}
    rows = [
        (name, f"{count:,}", sentences.change(count, former.get(name), "rows", BEFORE))
        for name, count in sorted(asking.release.rows.items())
    ]
    changed = sum(former.get(name) != count for name, count in asking.release.rows.items())
    if before is not None:
        said.append(
            f"{total(changed, 'tables', 'No table')} with another number of rows than {BEFORE}."
        )
    table = Table("Rows by table", ("Table", "Rows", "Change"), rows, (1,), is_folded=True)
    return [Section("figures", "Figures over time", said, charts=shown, tables=[table])]
