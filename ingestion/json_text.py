r"""JSON as connectors write it: every digit is kept, and so is what only some can write or read.

That is `NaN`, `1e999` and half a surrogate (`\ud83d` without its second half). Not here: splitting
a connector's output (`protocol`).
"""

import json
from typing import Any

import orjson

_SHAPES = bytes.maketrans(b"E123456789.", b"e0000000000")


class Number(float):
    """A number that is not written as its double would be; `text` is how it came."""

    text: str

    def __repr__(self) -> str:
        """The number as it came."""
        return self.text


def loads(text: bytes | str) -> Any:
    """What the text says, every number exactly. Raises ValueError for what is no JSON at all."""
    raw = text.encode() if isinstance(text, str) else text
    try:
        return strict(raw)
    except ValueError as error:
        try:
            return _exactly(raw)
        except (ValueError, RecursionError):
            raise error from None


def strict(raw: bytes) -> Any:
    """What the text says, every number exactly; ValueError for what JSON does not have, too."""
    found = orjson.loads(raw)
    return _exactly(raw) if _may_be_rounded(raw) else found


def _may_be_rounded(raw: bytes) -> bool:
    """Whether there may be a number that orjson reads as another one: a long or a tiny one."""
    shapes = raw.translate(_SHAPES)
    return b"0" * 16 in shapes or b"e-000" in shapes


def _exactly(raw: bytes, **hooks: Any) -> Any:
    return json.loads(raw.decode(), parse_float=_number, parse_constant=_number, **hooks)


def _number(text: str) -> float:
    if repr(float(text)) == text:
        return float(text)
    number = Number(text)
    number.text = text
    return number


def without_repeats(line: bytes) -> bytes:
    """The line with every name of an object once: of repeats the last one counts, as for most.

    A line that is no JSON stays as it is.
    """
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated |= len(found) < len(pairs)
        return found

    try:
        value = _exactly(line, object_pairs_hook=members)
    except (ValueError, RecursionError):
        return line
    return dumps(value) + b"\n" if repeated else line


def dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """The value as JSON, what was loaded as it came. Raises ValueError for infinity elsewhere."""
    options = orjson.OPT_SORT_KEYS if sort_keys else None
    try:
        return orjson.dumps(value, default=_as_it_came, option=options)
    except TypeError:
        return _spelled(value, sort_keys).encode("utf-8", "backslashreplace")


def _as_it_came(value: Any) -> orjson.Fragment:
    if isinstance(value, Number):
        return orjson.Fragment(value.text)
    raise TypeError


def _spelled(value: Any, sort_keys: bool) -> str:
    """What orjson cannot say: large integers, halves of surrogates."""
    if isinstance(value, dict):
        members = sorted(value.items()) if sort_keys else value.items()
        pairs = (f"{_spelled(key, False)}: {_spelled(item, sort_keys)}" for key, item in members)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_spelled(item, sort_keys) for item in value)}]"
    if isinstance(value, Number):
        return value.text
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def whole(text: str) -> str:
    """The text with U+FFFD for halves of surrogates, which no UTF-8 can say."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replace_lone_surrogates(line: bytes) -> bytes:
    """The line with escaped surrogates that have no partner replaced by an escaped U+FFFD."""
    if b"\\u" not in line:
        return line
    result, position, changed = bytearray(), 0, False
    while (found := line.find(b"\\", position)) >= 0:
        result += line[position:found]
        escape, position = line[found : found + 6], found + 6
        code = _code(escape)
        if code is None:
            result += line[found : found + 2]
            position = found + 2
        elif 0xD800 <= code < 0xDC00 and _is_low(line[position : position + 6]):
            result += escape + line[position : position + 6]
            position += 6
        elif 0xD800 <= code < 0xE000:
            result += b"\\ufffd"
            changed = True
        else:
            result += escape
    return bytes(result + line[position:]) if changed else line


def _code(escape: bytes) -> int | None:
    if len(escape) < 6 or not escape.startswith(b"\\u"):
        return None
    try:
        return int(escape[2:], 16)
    except ValueError:
        return None


def _is_low(escape: bytes) -> bool:
    code = _code(escape)
    return code is not None and 0xDC00 <= code < 0xE000
