"""A cheap proof that spooled records hold nothing that needs a closer look.

For most streams, one regular expression over blocks of lines shows that no record has a field that
its table lacks, and that no number has more digits than a double surely holds. What it does not
match may still be plain. Not here: the closer look (`numbers`, `record_loading.unknown_fields`).
"""

import re
from collections.abc import Collection
from pathlib import Path

from ingestion import json_text
from ingestion.protocol import DATA, RECORD_HEAD

_BLOCK = 1024 * 1024
MOST_FIELDS = 100
"""Of more fields compiling the expression takes longer than the closer look."""
_ESCAPED_TEXT = rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'
_TEXT = rb'"[^"]*+"'
_NUMBER = rb"-?+[\d.]{1,15}+(?![\d.])"


def are_plain(path: Path, fields: Collection[str]) -> bool:
    """Whether all records of a file are seen to have only these fields, and short numbers.

    They are when they have the fields in the order in which the first record has them, and nothing
    that is nested more than two levels deep.
    """
    with path.open("rb") as file:
        wanted = _expressions(file.readline(), fields)
        if wanted is None:
            return False
        file.seek(0)
        rest = b""
        while block := file.read(_BLOCK):
            lines, end, rest = (rest + block).rpartition(b"\n")
            lines += end
            match = wanted[b"\\" in lines].match(lines)
            if match is None or match.end() < len(lines):
                return False
    return not rest


def _expressions(
    first: bytes, fields: Collection[str]
) -> tuple[re.Pattern[bytes], re.Pattern[bytes]] | None:
    """What a block of records looks like, without and with escapes in it."""
    head = RECORD_HEAD.match(first)
    if head is None:
        return None
    try:
        data = json_text.loads(first)["record"]["data"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(data, dict) or not data.keys() <= set(fields):
        return None
    if len(data) > MOST_FIELDS:
        return None
    gap = b" " if first[: head.end()].endswith(b'": {') else b""
    without, escaped = (_lines(head[1], list(data), gap, text) for text in (_TEXT, _ESCAPED_TEXT))
    return without, escaped


def _lines(prefix: bytes, names: list[str], gap: bytes, text: bytes) -> re.Pattern[bytes]:
    """Records as `json.dumps` and most others write them: a blank or none behind `:` and `,`."""
    flat = text + rb"|" + _NUMBER + rb"|true|false|null"
    inner = rb"(?>(?:" + flat + rb"|[\s:,]++)*)"
    outer = rb"(?>(?:" + flat + rb"|[\s:,]++|\{" + inner + rb"\}|\[" + inner + rb"\])*)"
    value = rb"(?:" + flat + rb"|\{" + outer + rb"\}|\[" + outer + rb"\])"
    comma, colon = b"," + gap, b'":' + gap
    members = [b'"' + re.escape(name.encode()) + colon + value for name in names]
    some = b"".join(rb"(?>(?:" + each + rb"(?>(?:" + comma + rb")?))?)" for each in members)
    end = rb"\}(?:" + comma + rb'"emitted_at' + colon + rb"\d{1,15}+)?\}\}\n"
    begin = re.escape(prefix) + DATA
    every = begin + comma.join(members) + end  # Much quicker to match.
    return re.compile(rb"(?>(?:" + every + rb"|" + begin + some + end + rb")*)")
