"""SQL that types texts exactly: what fits is unchanged, the rest is NULL and kept in the changes.

Not here: where the texts come from (`record_loading`, `server.rows`).
"""

from collections.abc import Sequence

import duckdb

from ingestion import numbers
from ingestion.tables import Column, literal

EARLIEST, LATEST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"
"""The range of dates and times, in UTC: what the calendar of RFC 3339 can say, and no infinity."""
INTEGERS = ("BIGINT", "INTEGER", "HUGEINT")
_DAY = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d(:\d\d(\.\d+)?)?"
_OFFSET = r"(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)"
_FORMS = {
    "DATE": _DAY,
    "TIMESTAMP": rf"{_DAY}([T ]{_CLOCK})?",
    "TIMESTAMP WITH TIME ZONE": rf"{_DAY}([T ]{_CLOCK} ?{_OFFSET}?)?",
    "TIME": _CLOCK,
    "TIME WITH TIME ZONE": rf"{_CLOCK}{_OFFSET}?",
}
"""What most texts look like. DuckDB's casts also take `epoch`, `infinity`, and drop offsets."""
_SHORTEST_FINER = {"TIME": 13, "TIME WITH TIME ZONE": 13, "DATE": 1000}
_SIZE = "DESTINATION_FIELD_SIZE_LIMITATION"
_TYPECAST = "DESTINATION_TYPECAST_ERROR"
_NOT_JSON = r"(^|[:\[,])-?(NaN|Infinity|inf)($|[,\]}])"

_DAYS = r"(\d{4}(?:-\d\d-\d\d|\d{4}|-?\d{3}|-W\d\d-[1-7]|W\d\d[1-7]))"
_CLOCKS = r"(?:\d\d(?::\d\d(?::\d\d(?:[.,]\d+)?)?)?|\d{4}(?:\d\d(?:[.,]\d+)?)?)"
_CLOCK_PARTS = r"(\d\d):?(\d\d)?:?(\d\d)?[.,]?(\d+)? ?(Z|[+-].*)?"


def define(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the functions that the statements here use known to the connection."""
    numbers.define(connection)


def value(column: Column, text: str) -> str:
    """The typed value, NULL where the text is not exactly one of the type."""
    kind = column.type
    if kind == "VARCHAR":
        return text
    if kind == "JSON":
        odd = f"(contains({text}, 'NaN') or contains({text}, 'nf'))"
        is_odd = f"case when {odd} then regexp_matches({text}, '{_NOT_JSON}') else false end"
        return f"case when not {is_odd} then {text}::json end"
    if kind == "BOOLEAN":
        return f"case {text} when 'true' then true when 'false' then false end"
    cast = f"try_cast({text} as {kind})"
    if kind in INTEGERS:
        whole = rf"regexp_full_match({text}, '-?\d+(\.0+)?')"
        wide = f"try_cast({text} as HUGEINT)"  # The digits in front of an exponent may be more.
        return (
            f"case when {cast}::varchar = {text} then {cast}"
            f" when {whole} then try_cast(split_part({text}, '.', 1) as {kind})"
            f" when regexp_full_match({text}, '{numbers.FORM}')"
            f" and _exact_number({wide}::varchar) = _exact_number({text})"
            f" then try_cast({wide} as {kind}) end"
        )
    if kind == "DOUBLE":
        return (
            f"case when {cast}::varchar = {text} and isfinite({cast}) then {cast}"
            f" when regexp_full_match({text}, '{numbers.FORM}') and isfinite({cast})"
            f" then {cast} end"
        )
    return _moment(kind, text) if kind in _FORMS else cast


def _moment(kind: str, text: str) -> str:
    """A date or a time as RFC 3339 and ISO 8601 spell it."""
    usual = f"regexp_full_match({text}, '{_FORMS[kind]}')"
    cast = f"try_cast({text} as {kind})"
    if kind == "TIME WITH TIME ZONE":
        cast = f"try_cast(replace({text}, 'Z', '+00') as {kind})"
    if kind.startswith("TIME") and not kind.startswith("TIMESTAMP"):
        return (
            f"case when {usual} and {cast} is not null then {cast} {_other_clock(kind, text)} end"
        )
    low, high = f"{kind} '{EARLIEST}'", f"{kind} '{LATEST}'"
    if kind == "DATE":
        low, high = f"DATE '{EARLIEST[:10]}'", f"DATE '{LATEST[:10]}'"
    elif kind != "TIMESTAMP":
        low, high = f"{kind} '{EARLIEST}+00'", f"{kind} '{LATEST}+00'"
    return (
        f"case when {usual} and {cast} between {low} and {high} then {cast}"
        f" {_other_moment(kind, text, low, high)} end"
    )


def _other_moment(kind: str, text: str, low: str, high: str) -> str:
    """The rarer spellings; lists of one value stand for what other languages call `let`."""
    offset = f"(?: ?{_OFFSET})?" if kind.endswith("ZONE") else ""
    clock = f"(?:[T ]{_CLOCKS}{offset})?" if kind != "DATE" else ""
    parts = (
        f"regexp_extract(upper({text}), '^{_DAYS}(?:[T ]{_CLOCK_PARTS})?$',"
        f" ['d', 'h', 'm', 's', 'f', 'o'])"
    )
    dated = """list_transform([replace(_p_.d, '-', '')], lambda _e_: case
        when contains(_e_, 'W') then list_transform([try_strptime(_e_, '%GW%V%u')], lambda _w_:
            case when strftime(_w_, '%GW%V%u') = _e_ then strftime(_w_, '%Y-%m-%d') end)[1]
        when length(_e_) = 7 then list_transform([try_strptime(_e_, '%Y%j')], lambda _w_:
            case when strftime(_w_, '%Y%j') = _e_ then strftime(_w_, '%Y-%m-%d') end)[1]
        else _e_[1:4] || '-' || _e_[5:6]
            || '-' || _e_[7:8] end)[1]"""
    if kind == "DATE":
        found = f"try_cast({dated} as date)"
        checked = f"_v_ between {low} and {high}"
    else:
        clocked = _clock_text("if(_p_.s = '60', '59', _p_.s)")
        found = f"""try_cast({dated} || ' ' || {clocked} as {kind})
            + if(_p_.s = '60', interval 1 second, interval 0 second)"""
        leap = "(_p_.s <> '60' or date_trunc('second', _v_) = date_trunc('day', _v_))"
        checked = f"_v_ between {low} and {high} and {leap}"
    return (
        f"when regexp_full_match(upper({text}), '{_DAYS}{clock}') then list_transform([{parts}],"
        f" lambda _p_: list_transform([{found}], lambda _v_: case when {checked} then _v_ end)[1])"
        f"[1]"
    )


def _clock_text(seconds: str) -> str:
    """The time of the day in DuckDB's spelling from the parts in `p`."""
    return (
        f"if(_p_.h = '', '00', _p_.h) || ':' || if(_p_.m = '', '00', _p_.m) || ':'"
        f" || if(_p_.s = '', '00', {seconds}) || if(_p_.f = '', '', '.' || _p_.f)"
        f" || if(_p_.o = 'Z', '+00', _p_.o)"
    )


def _other_clock(kind: str, text: str) -> str:
    """The rarer spellings of a time; six digits alone are a number, 2024-01 is a month."""
    has_zone = kind == "TIME WITH TIME ZONE"
    forms = rf"T{_CLOCKS}( ?{_OFFSET})?|{_CLOCKS} ?{_OFFSET}|\d\d:[\d:.,]+"
    if not has_zone:
        forms = rf"T{_CLOCKS}|\d\d:\d\d:\d\d,\d+"
    parts = f"regexp_extract(upper({text}), '^T?{_CLOCK_PARTS}$', ['h', 'm', 's', 'f', 'o'])"
    return (
        f"when regexp_full_match(upper({text}), '{forms}')"
        rf" and not regexp_full_match({text}, '\d{{4}}-\d\d') then list_transform([{parts}],"
        f" lambda _p_: try_cast({_clock_text('_p_.s')} as {kind}))[1]"
    )


def _is_changed(column: Column, index: int) -> str:
    """Whether the loader changed a value."""
    text, typed = f"t{index}", f"v{index}"
    nulled = f"when {text} is null then false when {typed} is null then true"
    if column.type == "DOUBLE":
        return (
            f"case {nulled} when {typed}::varchar = {text} or {typed}::varchar = {text} || '.0'"
            f" then false else _exact_number({typed}::varchar) is distinct from"
            f" _exact_number({text}) end"
        )
    if column.type in _FORMS:
        finer = _SHORTEST_FINER.get(column.type, 22)
        return (
            rf"case {nulled} when length({text}) > {finer}"
            rf" then regexp_matches({text}, '[.,]\d{{6}}\d*[1-9]') else false end"
        )
    return f"({text} is not null and {typed} is null)"


def _change(column: Column, index: int) -> str:
    """What the loader changed in a value; NULL where it changed nothing."""

    def entry(change: str, reason: str) -> str:
        return (
            f"{{'field': {literal(column.field)}, 'change': '{change}', 'reason': '{reason}',"
            f" 'original': t{index}}}"
        )

    return (
        f"case when t{index} is not null and v{index} is null then {entry('NULLED', _TYPECAST)}"
        f" when {_is_changed(column, index)} then {entry('TRUNCATED', _SIZE)} end"
    )


def meta(columns: Sequence[tuple[int, Column]]) -> str:
    """`_airbyte_meta`: the source's own changes and the loader's; NULL when there are none.

    `columns` are those whose values may not fit, with their numbers in `t<number>`, the text, and
    `v<number>`, the value.
    """
    theirs = "json_array_length(meta, '$.changes') > 0"
    typed = [(index, column) for index, column in columns if column.type != "VARCHAR"]
    if not typed:
        return f"case when {theirs} then json_object('changes', meta -> '$.changes') end"
    own = f"[{', '.join(_change(column, index) for index, column in typed)}]"
    changed = " or ".join(_is_changed(column, index) for index, column in typed)
    from_source = "coalesce(from_json(meta -> '$.changes', '[\"JSON\"]'), [])"
    each = f"list_transform(list_filter({own}, lambda c: c is not null), lambda c: to_json(c))"
    listed = f"list_concat({from_source}, {each})"
    return (
        f"case when (meta is not null and {theirs}) or {changed}"
        f" then json_object('changes', {listed}) end"
    )
