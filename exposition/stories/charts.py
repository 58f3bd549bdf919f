"""Charts: Vega-Lite written by hand, drawn to SVG by vl-convert.

Importing Vega-Altair takes longer than drawing all charts of a release, so the dictionaries that it
would write are written here; a test holds them against Altair's schema. A drawing has fixed
colours; the page's style gives them other values in the dark.
"""

import re
from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

from exposition.stories.pages import Chart, Table
from exposition.stories.sentences import Number, amount, day

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
INK, LINE, BAR, LAST, TARGET = "#1c2331", "#d8dde6", "#7794b8", "#0b57a5", "#a3261c"
WIDTH, HEIGHT, ROW_HEIGHT = 400, 190, 18
_ROLES = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
CONFIG = {
    "aria": False,
    "background": "transparent",
    "font": "Arial, Liberation Sans, Helvetica, sans-serif",
    "padding": {"left": 12, "right": 6, "top": 5, "bottom": 5},
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "domainColor": INK,
        "tickColor": LINE,
        "gridColor": LINE,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
    },
}


def by_day(title: str, days: Sequence[tuple[date, Number]], unit: str, description: str) -> Chart:
    """Return columns of a figure by day, the last one marked."""
    rows = [(day(one), amount(value, unit)) for one, value in reversed(days)]
    table = Table(f"{title}: the figures", ("Day", "Figure"), rows, (1,), is_folded=True)
    named = [(f"{one.day} {one:%b}", value) for one, value in days]
    return in_order(title, named, unit, description, table)


def by_name(
    title: str,
    names: Sequence[tuple[str, Number, Number | None]],
    unit: str,
    description: str,
    table: Table,
) -> Chart:
    """Return bars of figures by name in the order given, each with a line at its target if any."""
    values = [
        {"name": name, "figure": float(value), "target": None if target is None else float(target)}
        for name, value, target in names
    ]
    rows = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 120, "ticks": False, "domain": False},
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "bar", "color": LAST, "height": {"band": 0.7}},
            "encoding": {"x": _figure("x", unit, zero=True)},
        }
    ]
    if any(target is not None for _, _, target in names):
        mark = {"type": "tick", "color": TARGET, "thickness": 3}
        layers.append(
            {"mark": mark, "encoding": {"x": {"field": "target", "type": "quantitative"}}}
        )
    specification = {
        **_frame({"step": ROW_HEIGHT}),
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": values},
        "encoding": {"y": rows},
        "layer": layers,
    }
    return Chart(title, description, specification, table)


def in_order(
    title: str, values: Sequence[tuple[str, Number]], unit: str, description: str, table: Table
) -> Chart:
    """Return columns of figures in the order given, the last one marked."""
    points = [
        {"name": name, "figure": float(value), "is_last": position == len(values) - 1}
        for position, (name, value) in enumerate(values)
    ]
    colour = {"condition": {"test": "datum.is_last", "value": LAST}, "value": BAR}
    axis = {"labelAngle": 0, "labelOverlap": True, "ticks": False}
    encoding = {
        "x": {"field": "name", "type": "ordinal", "sort": None, "title": None, "axis": axis},
        "y": _figure("y", unit, zero=True),
        "color": colour,
    }
    data = {"data": {"values": points}, "mark": {"type": "bar"}, "encoding": encoding}
    return Chart(title, description, {**_frame(HEIGHT), **data}, table)


def draw(chart: Chart, name: str) -> str:
    """Return a chart as SVG to stand in a page, with title and description for screen readers.

    Args:
        chart: the chart.
        name: an id that no other drawing of the page has.

    Raises:
        ValueError: when it cannot be drawn.
    """
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(chart.vega_lite)
    svg = re.sub("<[^>]*>", lambda tag: _ROLES.sub("", tag[0]), svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg).replace("url(#", f"url(#{name}-")
    head = (
        f'<svg role="img" aria-labelledby="{name}-title {name}-text" '
        'xmlns="http://www.w3.org/2000/svg" '
    )
    size = re.search(r'viewBox="[^"]*"', svg)
    words = (
        f'<title id="{name}-title">{escape(chart.title)}</title>'
        f'<desc id="{name}-text">{escape(chart.description)}</desc>'
    )
    return f"{head}{size[0] if size else ''}>{words}{svg[svg.index('>') + 1 :]}"


def _frame(height: int | dict[str, int]) -> dict[str, Any]:
    return {
        "$schema": SCHEMA,
        "config": CONFIG,
        "width": WIDTH,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
    }


def _figure(channel: str, unit: str, *, zero: bool) -> dict[str, Any]:
    return {
        "field": "figure",
        "type": "quantitative",
        "title": unit,
        "axis": {"format": "~s", "tickCount": 4, "domain": False, "titlePadding": 6},
        "scale": {"zero": zero, "nice": channel == "y"},
    }
