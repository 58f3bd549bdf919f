"""Replaces secrets in texts and structures, in the forms that programs usually write.

Not here: which values are secrets (`configuration`).
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

MASK = "****"
SHORT = 3
"""Secrets with fewer characters are replaced only where they stand as a value of their own."""
_PART = 8  # The least length of a line, or of a value in JSON, that is a secret by itself.
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_HARMLESS = frozenset({"true", "false", "null", "none"})
_LONGEST_HELD = 64 * 1024
_LEAST_ENCODED = 6  # Shorter numbers would be found in any base64.
_PAIR = re.compile(
    r"""[\w-]*(?:pass|pwd|secret|token|key|sig|auth|cred)[\w-]*\s*=\s*("[^"]*"|'[^']*'|[^;&\s]+)""",
    re.IGNORECASE,
)
"""What is secret in a connection string or the query of a URL."""
_CREDENTIALS = re.compile(r"(?:(?i:bearer|basic|token)\s+|[^\s:/@]+:(?!//))(\S+)")
"""A word in front of a token, or a user's name in front of a password."""
_SLASHES = 15  # JSON in JSON in JSON in JSON.
_LONGEST_ESCAPE = 2 * (_SLASHES + 5)
_ESCAPES = re.compile(r"""[\\%&+]|["']{2}""")
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_LETTERS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f", "\v": "v", "\a": "a", "\0": "0"}


class Redactor:
    """Replaces secrets in texts, and in every text of a structure."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: set[str] = set()
        self._forms: list[str] = []
        self._encoded: list[str] = []
        self._escaped: list[str] = []
        self._short: list[re.Pattern[str]] = []
        self.longest = 0
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Replace these too, and what is secret in them: lines, values of JSON, passwords."""
        wanted = {part for secret in secrets for part in _parts(secret)}
        new = {s for s in wanted - self._secrets if s and s.lower() not in _HARMLESS}
        self._secrets |= new
        for secret in new:
            if len(secret) < SHORT or secret.isdigit():
                self._short.append(_standing_alone(secret))
            else:
                self._forms.append(secret)
                if not secret.isalnum() or not secret.isascii():
                    self._escaped.append(secret)
            if len(secret) >= (_LEAST_ENCODED if secret.isdigit() else SHORT):
                raw = secret.encode("utf-8", "surrogatepass")
                self._forms += [raw.hex(), raw.hex().upper()]
                self._encoded += sorted(_base64_cores(raw))
            self.longest = max(self.longest, len(secret) * _LONGEST_ESCAPE)

    def __call__(self, text: str) -> str:
        """The text with every secret as `****`."""
        spans = self.spans(text)
        if not spans:
            return text
        pieces, position = [], 0
        for start, end in spans:
            pieces += [text[position:start], MASK]
            position = end
        return "".join([*pieces, text[position:]])

    def structure(self, value: Any) -> Any:
        """A copy of JSON-like content, every text in it redacted, keys too."""
        if isinstance(value, str):
            return MASK if value in self._secrets else self(value)
        if isinstance(value, dict):
            return {self.structure(key): self.structure(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.structure(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if str(value) in self._secrets else value
        return value

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand, in order; those that meet are one."""
        found = []
        for form in self._forms:
            position = text.find(form)
            while position >= 0:
                found.append((position, position + len(form)))
                position = text.find(form, position + 1)
        for core in self._encoded:
            position = text.find(core)
            while position >= 0:
                found.append(_whole_base64(text, position, position + len(core)))
                position = text.find(core, found[-1][1])
        patterns = self._short
        if self._escaped and _ESCAPES.search(text):
            patterns = [*map(_in_escapes, self._escaped), *patterns]
        for pattern in patterns:
            found += [match.span() for match in pattern.finditer(text)]
        return _merged(sorted(found))


class LineRedactor:
    """Redacts a text that comes in blocks; a line ends where it ends, or where it is too long.

    Of a line without an end as much is held back as a secret is long.
    """

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._held = ""

    def feed(self, text: str) -> Iterator[str]:
        """Lines, or pieces of very long ones, without their ends."""
        *lines, self._held = (self._held + text).split("\n")
        for line in lines:
            yield self._redact(line.rstrip("\r"))
        if len(self._held) > _LONGEST_HELD + 2 * self._redact.longest:
            cut = len(self._held) - self._redact.longest
            for start, end in self._redact.spans(self._held):
                if start < cut < end:
                    cut = start
            if cut:
                piece, self._held = self._held[:cut], self._held[cut:]
                yield self._redact(piece)

    def close(self) -> Iterator[str]:
        """What is left."""
        if self._held:
            yield self._redact(self._held.rstrip("\r"))
        self._held = ""


def _parts(secret: str) -> Iterator[str]:
    """A secret, and what is one in it."""
    yield secret
    yield secret.strip()
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if _is_a_part(line.strip()))
    if "://" in secret:
        try:
            password = urlsplit(secret).password or ""
        except ValueError:
            password = ""
        yield from {password, unquote(password)} - {""}
    for pair in _PAIR.finditer(secret):
        value = pair[1].strip("\"'{}")
        yield from (one for one in (value, unquote(value)) if _is_a_part(one))
    if (inner := _CREDENTIALS.fullmatch(secret)) and _is_a_part(inner[1]):
        yield inner[1]
    if secret.lstrip()[:1] in ("{", "["):
        try:
            yield from (text for text in _texts(json.loads(secret)) if _is_a_part(text))
        except (ValueError, RecursionError):
            return


def _is_a_part(text: str) -> bool:
    return len(text) >= _PART and not text.startswith("-----")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from _parts(value)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _standing_alone(secret: str) -> re.Pattern[str]:
    """A number not within a longer one; a text of one or two characters only as a value."""
    escaped = re.escape(secret)
    if len(secret) >= SHORT:
        return re.compile(rf"(?<![\d.]){escaped}(?!\.?\d)")
    return re.compile(rf"""(?:(?<=[=:"'])|(?<=[=:] )){escaped}(?=["'\s,;&}})\]]|$)""")


@cache
def _in_escapes(secret: str) -> re.Pattern[str]:
    """The secret as programs write it: for JSON, Python, URLs, HTML, SQL, CSV, shells, nested too.

    Letters and digits of ASCII stand as they are.
    """
    pieces = re.finditer(r"\\+|[A-Za-z0-9]+|.", secret, re.DOTALL)
    return re.compile("".join(map(_in_escape, (piece[0] for piece in pieces))))


def _in_escape(piece: str) -> str:
    """An expression for a run of letters, a run of backslashes, or any other character."""
    if piece.isascii() and piece.isalnum():
        return piece
    one, count, number = piece[0], len(piece), ord(piece[0])
    slashes = rf"\\{{1,{_SLASHES}}}"
    raw = one.encode("utf-8", "surrogatepass")
    halves = one.encode("utf-16-be", "surrogatepass")
    units = [halves[i : i + 2].hex() for i in range(0, len(halves), 2)]
    ways = [
        rf"(?:\\{{0,{_SLASHES}}}{re.escape(one)})",
        "".join(rf"{slashes}u(?i:{unit})" for unit in units),
        rf"{slashes}U(?i:{number:08x})",
        "".join(rf"{slashes}x(?i:{byte:02x})" for byte in raw),
        "".join(rf"%(?:25){{0,2}}(?i:{byte:02x})" for byte in raw),
        rf"&(?:amp;)?#(?:0*{number}|[xX]0*(?i:{number:x}));",
    ]
    if number < 256:
        ways.append(rf"{slashes}x(?i:{number:02x})")
    if one in _NAMED:
        ways.append(rf"&(?:amp;){{0,2}}{_NAMED[one]};")
    if one in "\"'":
        ways.append(one * 2)
    if one == "'":
        ways.append("""'(?:"'"|\\\\')'""")
    if one == " ":
        ways.append(r"\+")
    if one in _LETTERS:
        ways.append(f"{slashes}{_LETTERS[one]}")
    if one == "\\":
        ways[0] = rf"\\{{{count},{count * (_SLASHES + 1)}}}"
        return f"(?:{ways[0]}|(?:{'|'.join(ways[1:])}){{{count}}})"
    return f"(?:{'|'.join(ways)})"


def _base64_cores(raw: bytes) -> set[str]:
    """What of its base64 is the same whatever stands before and behind it."""
    cores = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        first = (0, 2, 3)[before]
        core = text[first : len(text) - (0, 3, 2)[(before + len(raw)) % 3]]
        if len(core) > SHORT:
            cores |= {core, core.replace("+", "-").replace("/", "_")}
    return cores


def _whole_base64(text: str, start: int, end: int) -> tuple[int, int]:
    while start > 0 and text[start - 1] in _BASE64:
        start -= 1
    while end < len(text) and (text[end] in _BASE64 or text[end] == "="):
        end += 1
    return start, end


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
