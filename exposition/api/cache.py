"""Answers that were given, by release and question: given again as long as it is published."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

MOST_BYTES = 64_000_000
LARGEST = 2_000_000


class Answers:
    """The last answers, as many as fit; used by the event loop alone."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Empty."""
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._most, self._bytes = most_bytes, 0

    def get(self, tag: str) -> bytes | None:
        """Return the answer to a question, if it is kept."""
        found = self._kept.get(tag)
        if found is not None:
            self._kept.move_to_end(tag)
        return found

    def keep(self, tag: str, body: bytes) -> None:
        """Keep an answer, unless it is large; the ones that were not asked for longest go."""
        if len(body) > LARGEST or tag in self._kept:
            return
        self._kept[tag] = body
        self._bytes += len(body)
        while self._bytes > self._most:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone)


def tag_of(
    release_id: str, path: str, parameters: Sequence[tuple[str, str]], may_see_personal: bool
) -> str:
    """Return the entity tag of an answer: the same question to the same release has the same.

    It is a weak one: the rows are the same, the bytes of Parquet need not be.
    """
    text = repr((release_id, path, sorted(parameters), may_see_personal))
    return f'W/"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` names the tag."""
    if not header:
        return False
    bare = tag.removeprefix("W/")
    given = {one.strip().removeprefix("W/") for one in header.split(",")}
    return "*" in given or bare in given
