"""Charts as SVG, drawn by hand: stacked bars and points. Readable on light and dark pages alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#4c8bd6", "#e08a3c", "#4fa866", "#c9607a", "#8a78c9", "#bfa13a", "#3fa7a7", "#8f969c")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;font-size:14px}"
    ".axis{stroke:#8b949e;stroke-width:1;opacity:.5}"
    "@media(prefers-color-scheme:dark){text{fill:#adbac7}}"
)
WIDTH, LEFT, RIGHT, ROW, TOP = 760, 190, 90, 30, 64


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart: a name, the lengths of its pieces, and what stands behind it."""

    name: str
    pieces: tuple[float, ...]
    note: str


@dataclass(frozen=True)
class Series:
    """Points of one colour."""

    name: str
    points: tuple[tuple[float, float], ...]


def bars(title: str, legend: Sequence[str], rows: Sequence[Bar]) -> str:
    """Horizontal stacked bars; `legend` names the pieces."""
    height = TOP + ROW * len(rows) + 10
    longest = max(sum(row.pieces) for row in rows) or 1.0
    scale = (WIDTH - LEFT - RIGHT) / longest
    parts = [_title(title), *_legend(legend)]
    for place, row in enumerate(rows):
        y = TOP + ROW * place
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(row.name)}</text>'
        )
        x = float(LEFT)
        for piece, colour in zip(row.pieces, COLOURS, strict=False):
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{piece * scale:.1f}" height="20" '
                f'fill="{colour}"/>'
            )
            x += piece * scale
        parts.append(f'<text x="{x + 6:.1f}" y="{y + 15}">{escape(row.note)}</text>')
    return _svg(height, parts)


def points(title: str, x_name: str, y_name: str, series: Sequence[Series]) -> str:
    """Points over two axes that begin at nought."""
    height, left, bottom = 320, 60, 40
    floor, right = height - bottom, WIDTH - 20
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    x_step, y_step = _step(max(xs)), _step(max(ys))
    x_end, y_end = _end(max(xs), x_step), _end(max(ys), y_step)
    parts = [_title(title), *_legend([one.name for one in series])]
    for tick in range(round(y_end / y_step) + 1):
        y = floor - (floor - TOP) * tick * y_step / y_end
        parts.append(f'<line class="axis" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        label = f"{tick * y_step:,g}"
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for tick in range(round(x_end / x_step) + 1):
        x = left + (right - left) * tick * x_step / x_end
        label = f"{tick * x_step:,g}"
        parts.append(f'<text x="{x:.1f}" y="{floor + 16}" text-anchor="middle">{label}</text>')
    parts.append(f'<text x="{right}" y="{height - 6}" text-anchor="end">{escape(x_name)}</text>')
    parts.append(f'<text x="8" y="{TOP - 8}">{escape(y_name)}</text>')
    for one, colour in zip(series, COLOURS, strict=False):
        for x_value, y_value in one.points:
            x = left + (right - left) * x_value / x_end
            y = floor - (floor - TOP) * y_value / y_end
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
    return _svg(height, parts)


def _title(title: str) -> str:
    return f'<text class="title" x="8" y="18">{escape(title)}</text>'


def _legend(names: Sequence[str]) -> list[str]:
    parts, x = [], 8.0
    for name, colour in zip(names, COLOURS, strict=False):
        parts.append(f'<rect x="{x:.0f}" y="30" width="11" height="11" fill="{colour}"/>')
        parts.append(f'<text x="{x + 16:.0f}" y="40">{escape(name)}</text>')
        x += 34 + 6.8 * len(name)
    return parts


def _step(largest: float) -> float:
    """A round distance of ticks that gives four to ten of them."""
    step = 1e-3
    while True:
        for factor in (1, 2, 5):
            if largest / (step * factor) <= 8:
                return step * factor
        step *= 10


def _end(largest: float, step: float) -> float:
    return step * max(1, -(-largest // step))


def _svg(height: int, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )
