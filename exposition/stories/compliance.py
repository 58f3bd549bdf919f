"""Compliance's page: alerts, large and unusual trades, quarantine, what came late.

Customers, accounts and brokers stand there by number.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from exposition.stories import charts, sentences, trades
from exposition.stories.asking import Asking
from exposition.stories.pages import Chart, Page, Section, Table
from exposition.stories.sentences import total

DAYS = 30
ALERT, STREAM = "batch__alert", "batch__stream"


def tell(asking: Asking) -> Page:
    """Return the page of a release."""
    alerts = _after_history(asking, "alerts")
    large = trades.find_large(asking) if trades.are_in(asking) else []
    sections = [
        _alerts(asking, alerts),
        trades.section(asking, large),
        _quarantine(asking),
        _late(asking),
    ]
    summary = summarize([value for _, value in alerts], len(large))
    return Page("compliance", "Compliance", "Compliance", summary, asking.day, sections)


def summarize(alerts: Sequence[Any], large: int) -> str:
    """Return the page in a sentence or two."""
    if not alerts:
        return f"{total(large, 'large trades', 'No large trade')} on the last day."
    said = f"{total(int(alerts[-1]), 'alerts', 'No alert')}, "
    said += f"{total(large, 'large trades', 'no large trade')} on the last day."
    if len(alerts) > 1:
        compared = sentences.change(alerts[-1], alerts[-2], "alerts")
        said += f" Alerts: {compared[0].lower()}{compared[1:]}"
    return said


def _alerts(asking: Asking, days: Sequence[tuple[date, Any]]) -> Section:
    heading = "Alerts"
    if asking.day is None or not days:
        return Section("alerts", heading, ["Alerts are not counted in this release."])
    before = asking.day - timedelta(1)
    now, earlier = (
        {row[ALERT]: row["alerts"] for row in _by(asking, "alerts", ALERT, day) if row["alerts"]}
        for day in (asking.day, before)
    )
    if len(days) < 2:
        earlier = {}
    rows = [
        (name, f"{now.get(name, 0):,}", sentences.change(now.get(name, 0), value, "alerts"))
        for name in sorted({*now, *earlier}, key=lambda one: (-now.get(one, 0), str(one)))
        for value in [earlier.get(name, 0) if len(days) > 1 else None]
    ]
    said = [f"{total(int(days[-1][1]), 'alerts', 'No alert')} on the last day."]
    shown = _picture("Alerts by day", days, "alerts", said)
    tables = [Table("Alerts by kind", ("Alert", "Last day", "Change"), rows, (1,))] if rows else []
    return Section("alerts", heading, said, charts=shown, tables=tables)


def _picture(
    title: str, days: Sequence[tuple[date, Any]], unit: str, said: list[str]
) -> list[Chart]:
    """Return a chart of days, and say what it shows."""
    if len(days) < 2:
        return []
    text = sentences.extremes(days, unit)
    usual = sentences.against_usual(days[-1][1], [value for _, value in days[:-1]], unit)
    said.append(" ".join(one for one in (usual, text) if one))
    return [charts.by_day(title, days, unit, said[-1])]


def _after_history(asking: Asking, name: str) -> list[tuple[date, Any]]:
    """Return a metric by day, without the first delivery, which brought years, if others follow."""
    days = asking.daily(name, DAYS)
    first = _first_day(asking)
    after = [one for one in days if first is None or one[0] > first]
    return after or days[-1:]


def _first_day(asking: Asking) -> date | None:
    days = [one.batch_date for one in asking.release.batches if one.batch_date]
    return min((date.fromisoformat(str(one)) for one in days), default=None)


def _by(asking: Asking, name: str, dimension: str, day: date) -> list[dict[str, Any]]:
    return asking.figures(name, by=[dimension], since=day, until=day)


def _quarantine(asking: Asking) -> Section:
    heading = "Quarantine"
    days = _after_history(asking, "rows_quarantined")
    if asking.day is None or not days:
        return Section("quarantine", heading, ["Quarantine is not counted in this release."])
    value, before = days[-1][1], days[-2][1] if len(days) > 1 else None
    said = [
        f"{total(int(value), 'rows', 'No row')} of the last day in quarantine. "
        + sentences.change(value, before, "rows")
    ]
    shown: list[Chart] = []
    if any(figure for _, figure in days):
        shown = _picture("Rows in quarantine by day", days, "rows", said)
    found = asking.figures(
        "rows_quarantined", "rows_delivered", by=[STREAM], since=asking.day, until=asking.day
    )
    rows = [
        (row[STREAM], f"{row['rows_quarantined']:,}", f"{row['rows_delivered'] or 0:,}")
        for row in sorted(
            found, key=lambda one: (-(one["rows_quarantined"] or 0), str(one[STREAM]))
        )
        if row["rows_quarantined"]
    ]
    columns = ("Stream", "In quarantine", "Delivered")
    tables = [Table("Quarantine by stream", columns, rows, (1, 2))] if rows else []
    return Section("quarantine", heading, said, charts=shown, tables=tables)


def _late(asking: Asking) -> Section:
    days = [
        date.fromisoformat(str(one.batch_date)) for one in asking.release.batches if one.batch_date
    ]
    said = [describe_gaps(days)]
    if asking.day is not None and trades.are_in(asking) and len(days) > 1:
        of_batch = {"batch": asking.release.batches[-1].batch, "day": asking.day}
        ((late_trades,),) = asking.rows(
            """
            select count(*)
            from gold.mart_trades
            where
                batch_id = $batch
                and greatest(placed_date, coalesce(closed_date, placed_date)) < $day
            """,
            of_batch,
        )
        ((late_prices,),) = asking.rows(
            """
            select count(*)
            from gold.fact_market_history
            where
                batch_id = $batch
                and sk_date_id < cast(strftime($day - interval 1 day, '%Y%m%d') as integer)
            """,
            of_batch,
        )
        said.append(
            f"With the last day came {total(late_trades, 'trades', 'no trade')} of days before it "
            f"and {total(late_prices, 'prices', 'no price')} older than the day before, "
            "of which prices are due."
        )
    return Section("late", "Late data", said)


def describe_gaps(days: Sequence[date]) -> str:
    """Return whether days are missing between those delivered."""
    if len(days) < 2:
        return "One delivery so far, so none is missing between."
    missing = sorted(
        {min(days) + timedelta(one) for one in range((max(days) - min(days)).days)} - {*days}
    )
    if not missing:
        return f"No day is missing between the {len(days)} that were delivered."
    few = ", ".join(map(sentences.day, missing[:3])) + (", ..." if len(missing) > 3 else "")
    return f"{total(len(missing), 'days', '')} missing between those delivered: {few}."
