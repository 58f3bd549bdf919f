"""Every kind of value of the contract: the engine types it as plain Python does, or not at all."""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.source_brokerage import acceptance
from ingestion.contracts import bronze, model

MACROS = Path(__file__).resolve().parents[2] / "macros" / "bronze"


MATCHING = (
    jinja2.Environment()
    .from_string(
        "".join(
            (MACROS.parent / f).read_text() for f in ("engine/composed.sql", "party/match_key.sql")
        )
    )
    .module
)
MACRO = jinja2.Environment().from_string((MACROS / "typed_value.sql").read_text()).module
COLUMNS = {
    f"{stream}.{name}": bronze.kind(column)
    for stream, _, typed in model.read("brokerage").typed()
    for name, column in typed.columns.items()
}
LENGTHS = re.compile("text:|code:")
ALL_KINDS = sorted(set(COLUMNS.values()) - {"plain"})
KINDS = [kind for kind in ALL_KINDS if not LENGTHS.match(kind)]
KINDS += ["text:1", "text:12", "code:ACTV/INAC", "code:I/U"]
KINDS += ["integer:6|1..", "integer:19|-5..99999", "decimal:8,2|-0.5..100"]
DATE = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
CLOCK = r"([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]{0,5}[1-9])?"
LAST = dt.date(2100, 12, 31)
HOSTILE = r"""
infinity -infinity +infinity Infinity inf epoch today now yesterday tomorrow nan NaN NULL null
- -- . -. + 0044-03-15_(BC) 1999-03-15_(BC) 1999-03-15_(BC)_10:00:00 5881580-07-10 20000-01-01
20000-01-01_10:00:00 0000-00-00 0000-01-01 0001-01-01 1799-12-31 1800-01-01 1899-12-31 1900-01-01
2100-12-31 2101-01-01 9999-12-31 2019-02-29 2020-02-29 2019-2-3 2019-02-3x 2019/02/03 20190203
18000101 17991231 19000101 21001231 21010101 00000000 99991231 2019-W05-1 2019-032 _2019-01-01
2019-01-01_ 2019-01-01_24:00:00 2019-01-01_23:59:60 2019-01-01_23:59:59 2019-01-01_10:00
2019-01-01_10:00:00Z 2019-01-01_10:00:00+02 2019-01-01_10:00:00+02:00 2019-01-01_10:00:00.5
2019-01-01_10:00:00.50 2019-01-01_10:00:00.1234567 2019-01-01_10:00:00_UTC 2100-12-31_23:59:59
2101-01-01_00:00:00 1899-12-31_23:59:59 1900-01-01_00:00:00 2019-01-01T10:00:00 2019-01-01T24:00:00
2100-12-31T23:59:59 2019-01-01T10:00:00Z 2019-01-01t10:00:00 2019-01-01TT0:00:00 20190101-100000
20190101-240000 20190101-235960 19000101-000000 18991231-235959 21001231-235959 21010101-000000
20190101T100000 20190101-10000 24:00:00 23:59:59 00:00:00 23:59:60 10:00 10:00:00+02 10:00:00.5
1:00:00 -1:00:00 25:00:00 1e5 1E5 1_000 1__000 +5 _5 5_ 0x1F 0b11 0o7 1,000 1.000,5 1'000 -0 -0.00
-00 007 5. .5 -.5 1.239 1.5 12345678901234567890 99999 999999 1234567 -999999 -1234567
9223372036854775808 999999.99 1000000.00 -999999.99 0.00000000000000000001 true false TRUE True t
1 0 2 ACTV actv ACTV_ I U i 0x
""".split()  # noqa: SIM905
ODD = ["", "\0", "\ufeff1", "5\t", "\u0661\u0662", "\uff15", "\u00b2", "\u00bd"]
ODD += ["\u0662\u0660\u0661\u0669-01-01", "\uff12019-01-01"]


def _date(text: str, first: dt.date = dt.date(1900, 1, 1)) -> dt.date | None:
    if not re.fullmatch(DATE, text):
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if first <= day <= LAST else None


def _time(text: str) -> dt.time | None:
    if not (match := re.fullmatch(CLOCK, text)):
        return None
    try:
        hour, minute, second = (int(part) for part in match.groups()[:3])
        return dt.time(hour, minute, second, int((match[4] or ".0")[1:].ljust(6, "0")))
    except ValueError:
        return None


def _timestamp(text: str) -> dt.datetime | None:
    day, time = _date(text[:10]), _time(text[11:])
    fits = text[10:11] == " " and day is not None and time is not None
    return dt.datetime.combine(day, time) if fits and day and time is not None else None


def _integer(text: str, digits: int) -> int | None:
    return int(text) if re.fullmatch(f"-?[0-9]{{1,{digits}}}", text) else None


def _decimal(text: str, precision: int, scale: int) -> Decimal | None:
    if not re.fullmatch(rf"-?([0-9]+[.]?[0-9]{{0,{scale}}}|[.][0-9]{{1,{scale}}})", text):
        return None
    value = Decimal(text)
    return value if abs(value) < Decimal(10) ** (precision - scale) else None


def _dashed(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def reference(kind: str) -> Callable[[str], Any]:
    """Plain Python's idea of a kind: from the text to the value, or None."""
    kind, _, bounds = kind.partition("|")
    if bounds:
        least, most = (
            Decimal(each or default)
            for each, default in zip(bounds.split(".."), ("-Infinity", "Infinity"), strict=True)
        )
        whole = reference(kind)
        return lambda text: (
            value if (value := whole(text)) is not None and least <= value <= most else None
        )
    name, _, size = kind.partition(":")
    first = dt.date.fromisoformat(size if "-" in size else "1900-01-01")
    if name.startswith("xml_") and name != "xml_timestamp":
        inner = reference(kind[4:])
        return lambda text: text if text == "" or inner(text) is not None else None
    if name == "decimal":
        precision, scale = map(int, size.split(","))
        return lambda text: _decimal(text, precision, scale)
    kinds: dict[str, Callable[[str], Any]] = {
        "text": lambda text: text if len(text) <= int(size) else None,
        "integer": lambda text: _integer(text, int(size)),
        "date": lambda text: _date(text, first),
        "compact_date": lambda text: _date(_dashed(text), first) if len(text) == 8 else None,
        "timestamp": _timestamp,
        "xml_timestamp": lambda text: (
            _timestamp(f"{text[:10]} {text[11:]}") if text[10:11] == "T" else None
        ),
        "compact_timestamp": lambda text: (
            _timestamp(f"{_dashed(text[:8])} {text[9:11]}:{text[11:13]}:{text[13:]}")
            if re.fullmatch("[0-9]{8}-[0-9]{6}", text)
            else None
        ),
        "time": _time,
        "word": {"true": True, "false": False}.get,
        "bit": {"1": True, "0": False}.get,
        "code": lambda text: text if text in size.split("/") else None,
    }
    return kinds[name]


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def _typed(engine: duckdb.DuckDBPyConnection, kind: str, texts: list[str]) -> list[Any]:
    expression = MACRO.typed_value("x", kind)  # type: ignore[attr-defined]
    query = f"select {expression} from (select unnest(?::varchar[]) as x)"
    return [row[0] for row in engine.execute(query, [texts]).fetchall()]


def test_hostile_texts_are_typed_as_python_would_or_not_at_all(engine):
    texts = list(dict.fromkeys([*(t.replace("_", " ") for t in HOSTILE), *HOSTILE, *ODD]))
    for kind in KINDS:
        typed = dict(zip(texts, _typed(engine, kind, texts), strict=True))
        expected = reference(kind)
        assert typed == {text: expected(text) for text in texts}, kind


NUMBERS = st.from_regex(r"[-+ ]?[0-9]{0,14}[.,]?[0-9]{0,6}[e ]?", fullmatch=True)
DAYS = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31)).map(str)
CLOCKS = st.from_regex(r"[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{1,7})?", fullmatch=True)
MOMENTS = st.tuples(DAYS, st.sampled_from(" Tt-"), CLOCKS).map("".join)
TEXTS = st.one_of(
    st.text(max_size=12),
    NUMBERS,
    DAYS,
    CLOCKS,
    MOMENTS,
    DAYS.map(lambda day: day.replace("-", "")),
    MOMENTS.map(lambda moment: moment.replace("-", "").replace(":", "").replace(" ", "-")),
    st.sampled_from(HOSTILE).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda n: text[:n] + "0" + text[n + 1 :])
    ),
)


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(KINDS), texts=st.lists(TEXTS, min_size=20, max_size=60))
def test_any_text_is_typed_as_python_would_or_not_at_all(engine, kind, texts):
    expected = reference(kind)
    assert _typed(engine, kind, texts) == [expected(text) for text in texts]


def test_every_date_of_the_contract_is_held_against_one_calendar():
    first = MACRO.first_day_of_calendar()  # type: ignore[attr-defined]
    last = MACRO.last_day_of_calendar()  # type: ignore[attr-defined]
    assert (first, last) == (acceptance.FIRST_DAY, acceptance.LAST_DAY)
    assert sorted(name for name, kind in COLUMNS.items() if kind.endswith(":1800-01-01")) == [
        "customer.c_dob",
        "customer_mgmt_action.c_dob",
        "finwire_cmp.foundingdate",
        "finwire_sec.firsttradedate",
        "finwire_sec.firsttradeexchg",
    ]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
def test_a_person_is_found_however_the_name_is_composed_and_cased(engine, form):
    parts = ("Zoë", "Núñez-Åström", "1 Straße", "", "H2Y 1A1")
    query = f"select {MATCHING.match_key('$1', '$2', '$3', '$4', '$5')}"  # type: ignore[attr-defined]
    other = [unicodedata.normalize(form, part).swapcase().replace("SS", "ß") for part in parts]
    assert engine.execute(query, parts).fetchone() == engine.execute(query, other).fetchone()
    assert engine.execute(query, [*parts[:4], "H2Y1A1"]).fetchone() != (
        engine.execute(query, other).fetchone()
    )
