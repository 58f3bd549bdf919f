"""The branch manager's page: the last day, what changed, the month's target, whom to call and why.

Customers and brokers stand there by number.
"""

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from exposition.stories import calls, charts, sentences
from exposition.stories.asking import Asking
from exposition.stories.pages import Page, Section, Table, Tile
from exposition.stories.sentences import amount

DAYS = 30
USUAL_DAYS = 20
MOST_BRANCHES = 12
TILES = (
    ("commission", "Commission", "USD"),
    ("traded_value", "Traded value", "USD"),
    ("trades", "Trades", "trades"),
    ("orders_canceled", "Orders cancelled", "orders"),
    ("net_new_money", "Net new money", "USD"),
    ("assets_under_custody", "Assets under custody", "USD"),
)
"""Metrics of the last day, what they are called here, their unit."""
LEVEL, LEVEL_DAYS = "assets_under_custody", 2
"""A level is counted from all positions of each of its days, so no day is asked for in vain."""
BRANCH = "broker__branch"
NOWHERE = "no branch"
"""Brokers that are not employed any more, or not known, are in no branch."""


def tell(asking: Asking) -> Page:
    """Return the page of a release."""
    days = {name: asking.daily(name, LEVEL_DAYS if name == LEVEL else DAYS) for name, _, _ in TILES}
    sections = [
        _last_day(days),
        *_pictures(days),
        *_month(asking),
        *_branches(asking),
        calls.section(asking),
    ]
    return Page(
        "branch-manager",
        "Branch manager",
        "The branches",
        summarize(days["commission"]),
        asking.day,
        sections,
    )


def summarize(commission: Sequence[tuple[date, Any]]) -> str:
    """Return the page in a sentence or two."""
    if not commission:
        return "There is no day to tell of yet."
    value = commission[-1][1]
    earned = f"{amount(value, 'USD')} of commission." if value else "No commission was earned."
    if len(commission) < 2:
        return f"{earned} It is the first day."
    return f"{earned} {sentences.change(value, commission[-2][1], 'USD')}"


def _last_day(days: dict[str, list[tuple[date, Any]]]) -> Section:
    tiles = []
    for name, label, unit in TILES:
        if not days[name]:
            continue
        values = [value for _, value in days[name]]
        before = values[-2] if len(values) > 1 else None
        said = sentences.change(values[-1], before, unit)
        tiles.append(Tile(label, amount(values[-1], unit), said))
    nothing = () if tiles else ("There is no day to tell of yet.",)
    return Section("day", "The last day", sentences=nothing, tiles=tiles)


def _pictures(days: dict[str, list[tuple[date, Any]]]) -> list[Section]:
    shown = []
    said = []
    for name, label, unit in (
        ("commission", "Commission by day", "USD"),
        ("net_new_money", "Net new money by day", "USD"),
    ):
        series = days[name]
        if len(series) < 2:
            continue
        usual = sentences.against_usual(
            series[-1][1], [value for _, value in series[-USUAL_DAYS - 1 : -1]], unit
        )
        text = " ".join(
            one
            for one in (
                f"{label.removesuffix(' by day')}: {amount(series[-1][1], unit)} on the last day.",
                usual,
                sentences.extremes(series, unit),
            )
            if one
        )
        said.append(text)
        shown.append(charts.by_day(label, series, unit, text))
    return [Section("changes", "What changed", said, charts=shown)] if shown else []


def _month(asking: Asking) -> list[Section]:
    """Return branches against the month's targets, or against the month before without any."""
    if asking.day is None or not asking.has("mart_branch_monthly_targets"):
        return []
    start = asking.day.replace(day=1)
    before = (start - timedelta(1)).replace(day=1)
    found = asking.rows(
        """
        select
            coalesce(branch, $nowhere) as branch,
            sum(commission_usd) filter (where month_start_date = $start) as commission,
            sum(commission_usd) filter (where month_start_date = $before) as commission_before,
            sum(target_usd) filter (where month_start_date = $start) as target
        from gold.mart_branch_monthly_targets
        where month_start_date in ($start, $before)
        group by all
        order by coalesce(commission, 0) desc, branch
        """,
        {"start": start, "before": before, "nowhere": NOWHERE},
    )
    if not found:
        return []
    length = calendar.monthrange(start.year, start.month)[1]
    gone = asking.day.day / length
    said = describe_month(asking.day, [row[1:] for row in found])
    rows = [
        (
            branch,
            amount(value or 0, "USD"),
            amount(target, "USD") if target else "none",
            sentences.against_target(value or 0, target, gone),
            amount(earlier or 0, "USD"),
        )
        for branch, value, earlier, target in found
    ]
    columns = ("Branch", "This month", "Target", "Against it", "Month before")
    table = Table("All branches", columns, rows, (1, 2, 4), is_folded=True)
    shown = [(row[0], row[1] or Decimal(0), row[3]) for row in found[:MOST_BRANCHES]]
    first = f"The first {len(shown)} of {len(found)}" if len(found) > len(shown) else "All"
    text = f"{first} branches by commission of the month. {said[0]}"
    chart = charts.by_name("Commission of the month by branch", shown, "USD", text, table)
    return [Section("month", f"The month: {start:%B %Y}", said, charts=[chart])]


def describe_month(day: date, found: Sequence[Sequence[Any]]) -> list[str]:
    """Return the month in sentences.

    Args:
        day: the last day that is in it.
        found: commission, commission of the month before and target of each branch, or None.
    """
    value, before, target = (
        sum((row[position] or Decimal(0) for row in found), Decimal(0)) for position in range(3)
    )
    length = calendar.monthrange(day.year, day.month)[1]
    said = [f"{amount(value, 'USD')} of commission in {day.day} of {length} days."]
    length_before = (day.replace(day=1) - timedelta(1)).day
    if before:
        said.append(
            f"A day: {amount(value / day.day, 'USD')}. "
            + sentences.change(
                round(value / day.day, 2),
                round(before / length_before, 2),
                "USD",
                "the month before",
            )
        )
    if not target:
        return [*said, "No target is set."]
    said.append(sentences.against_target(value, target, day.day / length))
    behind = [one for one in found if one[2] and (one[0] or 0) < one[2] * Decimal(day.day) / length]
    with_target = sum(1 for one in found if one[2])
    said.append(f"{len(behind)} of {with_target} branches with a target are behind the pace.")
    return said


def _branches(asking: Asking) -> list[Section]:
    if asking.day is None:
        return []
    since = asking.day - timedelta(1)
    names = ("trades", "commission")
    today = asking.figures(*names, by=[BRANCH], since=asking.day, until=asking.day)
    before = {
        row[BRANCH] or NOWHERE: row["commission"] or Decimal(0)
        for row in asking.figures("commission", by=[BRANCH], since=since, until=since)
    }
    now = {row[BRANCH] or NOWHERE: row for row in today}
    moves = []
    for branch in {*now, *before}:
        value = (now.get(branch) or {}).get("commission") or Decimal(0)
        trades = (now.get(branch) or {}).get("trades") or 0
        moves.append((branch, trades, value, before.get(branch, Decimal(0))))
    moves.sort(key=lambda one: (-abs(one[2] - one[3]), one[0]))
    rows = [
        (name, f"{trades:,.0f}", amount(value, "USD"), sentences.change(value, earlier, "USD"))
        for name, trades, value, earlier in moves[:MOST_BRANCHES]
        if value or earlier
    ]
    if not rows:
        return []
    up = sum(one[2] > one[3] for one in moves)
    down = sum(one[2] < one[3] for one in moves)
    said = (
        f"{sentences.total(up, 'branches', 'No branch')} earned more than the day before, "
        f"{sentences.total(down, 'branches', 'no branch')} less. The largest changes first."
    )
    table = Table("Changes by branch", ("Branch", "Trades", "Commission", "Change"), rows, (1, 2))
    return [Section("branches", "The branches' day", [said], tables=[table])]
