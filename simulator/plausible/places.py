"""Cities with their region, postal codes and telephone area, chosen by weight.

Belongs here: places and addresses made of them. A place is a row number of `places.csv`, which is
ordered by weight.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from simulator import text, words
from simulator.randomness import Floats, Integers, Stream
from simulator.text import Text

_PROVINCES = set(words.PROVINCE_NAMES)
_LETTERS = list("ABCEGHJKLMNPRSTVXY")


@dataclass(frozen=True)
class _Places:
    """Columns of the list of places."""

    cities: list[str]
    regions: list[str]
    postal: list[str]
    areas: list[str]
    weights: Floats
    canadian: Integers


@cache
def _places() -> _Places:
    content = files("simulator.plausible").joinpath("places.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(content.splitlines()))
    cities, regions, postal, areas = (
        [row[name] for row in rows] for name in ("city", "region", "postal", "area")
    )
    return _Places(
        cities,
        regions,
        postal,
        areas,
        np.array([float(row["weight"]) for row in rows]),
        np.array([int(region in _PROVINCES) for region in regions]),
    )


def count() -> int:
    """How many places there are."""
    return len(_places().cities)


def shares(among: int) -> Floats:
    """Share of each of the largest places in all that is there."""
    weights = _places().weights[:among]
    share: Floats = weights / weights.sum()
    return share


def draw(stream: Stream, ids: Integers, among: int | None = None) -> Integers:
    """A place for each counter, of the largest ones if told how many."""
    edges = np.cumsum(shares(count() if among is None else among))[:-1]
    place: Integers = np.searchsorted(edges, stream.uniform(ids), side="right")
    return place


def cities(place: Integers) -> Text:
    """Names of the cities."""
    return text.choose(_places().cities, place)


def regions(place: Integers) -> Text:
    """Codes of states, names of provinces."""
    return text.choose(_places().regions, place)


def countries(place: Integers) -> Text:
    """Names of the countries."""
    return text.choose(words.COUNTRIES, _places().canadian[place])


def areas(place: Integers) -> Text:
    """Telephone area codes."""
    return text.choose(_places().areas, place)


def postal_codes(stream: Stream, ids: Integers, place: Integers) -> Text:
    """Codes of the city: five digits, or the Canadian form."""
    digits = stream["digits"].integers(ids, 0, 100)
    prefix = text.choose(_places().postal, place)
    first, second = (
        text.choose(_LETTERS, stream[name].integers(ids, 0, len(_LETTERS)))
        for name in ("first", "second")
    )
    tens, ones = text.numbers(digits // 10), text.numbers(digits % 10)
    canadian = text.join(prefix, first, " ", tens, second, ones)
    american = text.join(prefix, text.padded(digits, 2))
    return text.where(_places().canadian[place] == 1, canadian, american)


def streets(stream: Stream, ids: Integers) -> Text:
    """House number and street."""
    house = text.numbers(1 + (stream["house"].uniform(ids) ** 2 * 4_800).astype(np.int64))
    street = text.choose(words.STREETS, stream["street"].integers(ids, 0, len(words.STREETS)))
    return text.join(house, " ", street)
