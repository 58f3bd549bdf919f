"""Numbers that are exact: spelled out where the database would round them, compared by digits.

DuckDB reads a JSON number with a fraction as a double. Not here: how values are typed (`values`).
"""

import re
import secrets
from decimal import Decimal
from pathlib import Path

import duckdb

_DIGITS = bytes(
    ord("d")
    if byte in b"0123456789."
    else ord("e")
    if byte in b"eE"
    else byte
    if byte == 45
    else 32
    for byte in range(256)
)
_RUN = b"d" * 16
_BLOCK = 1024 * 1024
_TOKEN = re.compile(
    rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?',
)
_TINY = b"de-ddd"
_NUMBER = re.compile(rb"[\d.]+(?:[eE][+-]?\d+)?")
FORM = r"-?\d+(\.\d+)?([eE][+-]?\d+)?"


def may_be_rounded(lines: bytes) -> bool:
    """Whether lines may hold a number that a double does not hold: only long ones are looked at."""
    runs = lines.translate(_DIGITS)
    position = runs.find(_RUN)
    while position >= 0:
        match = _NUMBER.match(lines, position)
        text = match[0] if match else b""
        if _is_rounded(text):
            return True
        position = runs.find(_RUN, position + max(len(text), 1))
    return _TINY in runs


def mark(path: Path) -> str | None:
    """Write the numbers of a file of JSON lines that would be rounded as texts with a mark.

    Returns the mark, which `unmarked` takes away again; None where no number needs it.
    """
    if not _may_need_marks(path):
        return None
    token = f"number-{secrets.token_hex(16)}:"
    found = 0

    def replace(match: re.Match[bytes]) -> bytes:
        nonlocal found
        text = match[0]
        if text.startswith(b'"') or not _is_rounded(text):
            return text
        found += 1
        return b'"' + token.encode() + text + b'"'

    marked = path.with_suffix(".marked")
    with path.open("rb") as lines, marked.open("wb") as out:
        for line in lines:
            out.write(_TOKEN.sub(replace, line) if may_be_rounded(line) else line)
    if found:
        marked.replace(path)
        return token
    marked.unlink()
    return None


def _may_need_marks(path: Path) -> bool:
    with path.open("rb") as lines:
        while block := lines.read(_BLOCK):
            if may_be_rounded(block + lines.readline()):
                return True
    return False


def _is_rounded(number: bytes) -> bool:
    if not number.strip(b"-0123456789"):
        return False  # Whole numbers of any size are read as they are.
    if len(number) < 16 and b"e" not in number and b"E" not in number:
        return False
    text = number.decode()
    try:
        read = float(text)
    except ValueError:
        return False  # Digits and dots in a text.
    if repr(read) == text or read in (float("inf"), float("-inf")):
        return False  # What is too large is read as it is written, too.
    return Decimal(text) != Decimal(repr(read))


def unmarked(text: str, token: str | None, *, is_json: bool) -> str:
    """SQL that gives a text without the marks in it."""
    if token is None:
        return text
    if is_json:
        return f"""regexp_replace({text}, '"{token}([^"]*)"', '\\1', 'g')"""
    return f"replace({text}, '{token}', '')"


def define(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `_exact_number(text)` known to the connection.

    It gives a text that is equal for equal numbers and sorts as they do, however many digits they
    have; NULL for a text that is not a number of JSON. `macros/bronze/exact_number.sql` is the
    same for models.
    """
    connection.execute(
        rf"""create temp macro if not exists _exact_number(t) as
        case when regexp_full_match(t, '{FORM}') then list_transform([regexp_extract(
            t, '^(-?)0*(\d*)(?:\.(\d+))?(?:[eE]\+?(-?\d+))?$',
            ['minus', 'whole', 'part', 'shift'])],
        lambda _p_: list_transform([{{
                digits: rtrim(ltrim(_p_.whole || _p_.part, '0'), '0'),
                point: try_cast(if(_p_.shift = '', '0', _p_.shift) as integer) - length(_p_.part)
                    + length(ltrim(_p_.whole || _p_.part, '0'))
            }}],
            lambda _n_: case when _n_.digits = '' then '1'
                when _p_.minus = '' then '2' || lpad((1000000000 + _n_.point)::varchar, 11, '0')
                    || _n_.digits
                else '0' || lpad((1000000000 - _n_.point)::varchar, 11, '0')
                    || translate(_n_.digits, '0123456789', '9876543210') || '~'
            end)[1])[1] end"""
    )
