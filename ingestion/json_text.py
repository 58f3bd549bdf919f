"""JSON whose integers keep every digit. Not here: splitting a connector's output (`protocol`)."""

import json
import re
from typing import Any

import orjson

_MANY_DIGITS = re.compile(rb"\d{17}")


def loads(text: bytes | str) -> Any:
    """What the text says; integers of any length are exact. Raises ValueError."""
    raw = text.encode() if isinstance(text, str) else text
    found = orjson.loads(raw)
    # orjson reads integers beyond 64 bits as floats.
    return json.loads(raw) if _MANY_DIGITS.search(raw) else found


def dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """The value as JSON. Raises ValueError for what no JSON can say, such as infinity."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=sort_keys)
        return text.encode()
