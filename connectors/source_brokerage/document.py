"""Which XML documents are accepted, and in which encoding they are read.

A document type declaration is refused: what it declares (entities, defaults of attributes) would
change the text without a trace. So is an encoding that the parser does not read letter by letter.
What the elements mean is in `crm.py`.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, BinaryIO
from xml.parsers import expat

CHUNK_BYTES = 1 << 18
SEPARATOR = " "
NAMESPACE = "http://www.tpc.org/tpc-di"
ROOT = f"{NAMESPACE}{SEPARATOR}Actions"
_HEAD_BYTES = 1024
_NAMES = {"utf-16-le": "utf-16le", "utf-16-be": "utf-16be"}
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([^\"']*)[\"']")
_ENCODINGS = re.compile(r"utf-8|ascii|iso8859-\d+|latin-1|cp125\d|koi8-[ru]")


class DocumentError(Exception):
    """Why a document is not taken, with the line and column, counted from 1."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(problem)
        self.line = line
        self.column = column


def make_parser(stream: BinaryIO) -> tuple[Any, str]:
    """A parser for the document that begins at the stream's position, and its encoding.

    Raises `DocumentError` for an encoding that is not read.
    """
    position = stream.tell()
    head = stream.read(_HEAD_BYTES)
    stream.seek(position)
    encoding = _encoding_of(head)
    parser = expat.ParserCreate(_NAMES.get(encoding, encoding), SEPARATOR)
    parser.buffer_text = True
    return parser, encoding


def _encoding_of(head: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    declared = _DECLARED.match(head)
    if declared is None:
        return "utf-8"
    named = declared[1].decode("ascii", "backslashreplace")
    try:
        encoding = codecs.lookup(named).name
    except (LookupError, ValueError):
        encoding = ""
    if not _ENCODINGS.fullmatch(encoding):
        raise DocumentError(
            f"the encoding {named!r} is not read; expected UTF-8, UTF-16, ISO-8859 or Windows-125x",
            1,
            1,
        )
    return encoding


def check_document(stream: BinaryIO) -> None:
    """Read a document through: it is well-formed and one of actions.

    Raises `DocumentError` when its root is another element, it has a document type declaration or
    an encoding that is not read, `ExpatError` when it is not well-formed, `OSError` when it cannot
    be read.
    """
    parser, _ = make_parser(stream)

    def refuse(problem: str) -> DocumentError:
        return DocumentError(problem, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    def doctype(*_: Any) -> None:
        raise refuse("a document type declaration (DOCTYPE) is not read")

    others: list[DocumentError] = []

    def root(name: str, _attributes: dict[str, str]) -> None:
        parser.StartElementHandler = None
        if name != ROOT:
            found = name.replace(SEPARATOR, ":")
            others.append(refuse(f"the root element is {found}, not {ROOT}"))

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = root
    while chunk := stream.read(CHUNK_BYTES):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)
    for other in others:
        raise other
