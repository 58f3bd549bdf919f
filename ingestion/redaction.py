"""Secrets in texts and structures are replaced, in the ways programs usually write them.

Not here: which values are secrets (`configuration`).
"""

import base64
import html
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

MASK = "****"
SHORT = 3
"""Secrets with fewer characters are replaced only where they stand as a value of their own."""
_PART = 8  # The least length of a line, or of a value in JSON, that is a secret by itself.
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_HARMLESS = frozenset({"true", "false", "null", "none"})
_LONGEST_HELD = 64 * 1024


class Redactor:
    """Replaces secrets in texts, and in every text of a structure."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: set[str] = set()
        self._forms: list[str] = []
        self._encoded: list[str] = []
        self._short: list[re.Pattern[str]] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Replace these too, and what is secret in them: lines, values of JSON, passwords."""
        wanted = {part for secret in secrets for part in _parts(secret)}
        new = {s for s in wanted - self._secrets if s and s.lower() not in _HARMLESS}
        self._secrets |= new
        for secret in new:
            if len(secret) < SHORT or secret.isdigit():
                self._short.append(_standing_alone(secret))
                continue
            self._forms += sorted(_forms(secret))
            self._encoded += sorted(_base64_cores(secret))

    @property
    def longest(self) -> int:
        """The length of the longest form of a secret."""
        return max(map(len, [*self._forms, *self._encoded]), default=0)

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
        for pattern in self._short:
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
            password = urlsplit(secret).password
        except ValueError:
            password = None
        if password:
            yield password
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


def _forms(secret: str) -> set[str]:
    """How programs write it: as it is, escaped for JSON, Python, URLs, HTML, shells, as hex."""
    once = {secret}
    raw = secret.encode("utf-8", "surrogatepass")
    for ascii_only in (True, False):
        text = secret
        for _ in range(3):  # JSON in JSON in JSON.
            text = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            once |= {text, text.replace("/", "\\/")}
    once |= {repr(secret)[1:-1], repr(repr(secret))[2:-2], ascii(secret)[1:-1], repr(raw)[2:-1]}
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    quoted |= {quote(text, safe="") for text in quoted}
    once |= quoted | {re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), text) for text in quoted}
    once |= {html.escape(secret), html.escape(secret, quote=False)}
    once.add(html.escape(secret).replace("&#x27;", "&#39;"))
    once.add(html.escape(secret).replace("&#x27;", "&apos;"))
    once |= {shlex.quote(secret).strip("'"), re.sub(r"([^\w@%+=:,./-])", r"\\\1", secret)}
    once |= {raw.hex(), raw.hex().upper()}
    return {form for form in once if len(form) >= SHORT}


def _base64_cores(secret: str) -> set[str]:
    """What of its base64 is the same whatever stands before and behind it."""
    raw = secret.encode("utf-8", "surrogatepass")
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
