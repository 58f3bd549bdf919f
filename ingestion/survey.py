"""What a file's bytes show without parsing: whether the fast way may load it.

Not here: loading (`files`, `bulk_files`) and the exact way to split a file (`line_splitting`).
"""

import codecs
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingestion.declarations import FileFormat
from ingestion.line_splitting import NO_DELIMITER

_BLOCK = 1024 * 1024
_LF, _CR = 10, 13


@dataclass(frozen=True)
class Survey:
    """What a file's bytes say about it, found without parsing."""

    lines: int
    digest: str
    newline: str | None
    is_plain: bool
    is_plain_but_for_quotes: bool = False


def survey(path: Path, file_format: FileFormat, layout: str | None, digest: str | None) -> Survey:
    """Count what decides whether a file is plain; its SHA-256 unless `digest` says it.

    Plain: every line ends, all ends are the same, there are as many delimiters as the layout
    wants, and no quote, NUL byte, byte order mark, or empty line in a file of one column. Plain
    but for quotes: the same with quotes, whatever the number of delimiters.
    """
    delimiter = NO_DELIMITER if file_format.delimiter is None else ord(file_format.delimiter)
    quote = None if file_format.quote is None else ord(file_format.quote)
    width = len(file_format.layout_columns(layout))
    hashed = None if digest else hashlib.sha256()
    feeds = returns = pairs = delimiters = quotes = strange = 0
    last, first = b"", b""
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            first = first or block[:3]
            if hashed is not None:
                hashed.update(block)
            values = np.frombuffer(block, np.uint8)
            is_feed, is_return = values == _LF, values == _CR
            feeds += int(np.count_nonzero(is_feed))
            found = int(np.count_nonzero(is_return))
            returns += found
            if found:
                pairs += int(np.count_nonzero(is_return[:-1] & is_feed[1:]))
                pairs += int(last.endswith(b"\r") and block.startswith(b"\n"))
            delimiters += int(np.count_nonzero(values == delimiter))
            strange += int(np.count_nonzero(values == 0))
            if quote is not None:
                quotes += int(np.count_nonzero(values == quote))
            if width == 1:
                starts_line = np.concatenate(([last in (b"", b"\n")], is_feed[:-1]))
                strange += int(np.count_nonzero(starts_line & (is_feed | is_return)))
            last = block[-1:]
    newline = None
    if returns == 0:
        newline = "\\n"
    elif feeds == returns == pairs:
        newline = "\\r\\n"
    has_plain_lines = (
        newline is not None and last in (b"", b"\n") and not strange and first != codecs.BOM_UTF8
    )
    is_plain = has_plain_lines and not quotes and delimiters == feeds * (width - 1)
    found_digest = digest or (hashed.hexdigest() if hashed else "")
    return Survey(feeds, found_digest, newline, is_plain, has_plain_lines and quotes > 0)
