"""Properties of the parts: draws, text, lots, counters."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import text
from simulator.newswire import Newswire, symbols
from simulator.newswire_files import NewswireFiles
from simulator.randomness import Stream
from simulator.trades import first_in_first_out
from simulator.volumes import Plan
from simulator.watches import occurrence

PLAN = Plan(0.1, 1, datetime.date(2017, 7, 8))


def test_draws_are_pinned() -> None:
    """A change of these values changes every simulated byte."""
    draws = Stream(1)["trade"]["time"].integers(np.arange(4), 0, 86_400)
    assert draws.tolist() == DRAWN


DRAWN = [2550, 12990, 17336, 86132]


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=50), st.integers(0, 2**31))
def test_draws_depend_on_their_counter_alone(counters: list[int], seed: int) -> None:
    stream = Stream(seed)["a"]
    together = stream.uniform(np.array(counters))
    apart = [stream.uniform(np.array([counter]))[0] for counter in counters]
    assert together.tolist() == apart
    assert ((together >= 0) & (together < 1)).all()


@given(st.integers(0, 400), st.integers(0, 60), st.integers(0, 1000))
def test_samples_are_distinct_positions(count: int, size: int, salt: int) -> None:
    chosen = Stream(3)["s"].sample(count, size, salt)
    assert len(chosen) == min(count, size)
    assert len(set(chosen.tolist())) == len(chosen)
    assert all(0 <= position < count for position in chosen)


def test_uniform_draws_are_uniform_and_independent() -> None:
    stream = Stream(7)
    first, second = (stream[name].uniform(np.arange(200_000)) for name in ("a", "b"))
    assert abs(first.mean() - 0.5) < 0.003
    assert abs(first.var() - 1 / 12) < 0.001
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.01
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.01


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=40))
def test_decimals_are_exact(units: list[int]) -> None:
    rendered = text.decimals(np.array(units)).to_pylist()
    for value, unit in zip(rendered, units, strict=True):
        sign = "-" if unit < 0 else ""
        assert value == f"{sign}{abs(unit) // 100}.{abs(unit) % 100:02d}"


@given(st.lists(st.integers(-40_000, 40_000), min_size=1, max_size=40))
def test_dates_are_calendar_dates(days: list[int]) -> None:
    expected = [datetime.date(1970, 1, 1) + datetime.timedelta(days=day) for day in days]
    array = np.array(days, dtype=np.int64)
    assert text.dates(array).to_pylist() == [day.isoformat() for day in expected]
    assert text.compact_dates(array).to_pylist() == [
        day.isoformat().replace("-", "") for day in expected
    ]


MOMENTS = st.lists(st.integers(0, 30), max_size=40)


@given(MOMENTS, MOMENTS)
def test_lots_are_sold_once_and_after_they_were_bought(buys: list[int], sells: list[int]) -> None:
    bought, sold = first_in_first_out(
        np.array(buys, dtype=np.int64), np.array(sells, dtype=np.int64)
    )
    assert len(bought) == len(sold)
    assert len(set(bought.tolist())) == len(bought)
    assert len(set(sold.tolist())) == len(sold)
    assert all(buys[b] < sells[s] for b, s in zip(bought, sold, strict=True))
    held = sorted(buys)  # as many sells as possible find a lot: a greedy count
    matched = 0
    for moment in sorted(sells):
        if held and held[0] < moment:
            held.pop(0)
            matched += 1
    assert matched == len(sold)


@given(st.lists(st.integers(0, 8), max_size=60))
def test_occurrences_count_up(values: list[int]) -> None:
    ranks = occurrence(np.array(values, dtype=np.int64)).tolist()
    assert ranks == [values[:position].count(value) for position, value in enumerate(values)]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "AAAAAAAAAAAAAAA"), (25, "AAAAAAAAAAAAAAZ"), (26, "AAAAAAAAAAAAABA"),
     (1997, "AAAAAAAAAAAACYV")],
)  # fmt: skip
def test_symbols_count_in_base_26(number: int, expected: str) -> None:
    assert symbols(np.array([number])).to_pylist() == [expected]


def test_company_names_are_unique() -> None:
    names = NewswireFiles(PLAN, Newswire(PLAN, 0)).company_names(np.arange(400_000)).to_pylist()
    assert len(set(names)) == len(names)
    assert min(map(len, names)) >= 15
    assert max(map(len, names)) <= 60
    assert not any("  " in name or name.strip() != name for name in names)
