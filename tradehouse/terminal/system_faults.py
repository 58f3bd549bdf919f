"""Disk and memory errors in words: what happened, and what to do.

They arrive as `OSError`, as texts of DuckDB (`duckdb_messages`), or as either inside an error of
dbt, so they are recognised by the system's messages. Callers decide how to react.
"""

import errno
import os
import re

from tradehouse.terminal import duckdb_messages

_ROOM = (
    "There is no room left for {place}. Make room, then call the same again: what was committed "
    "stays. `tradehouse doctor` says how much a run may need."
)
_SENTENCES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: "The quota of the disk is used up, so there is no room left for {place}. Make "
    "room or have it raised, then call the same again: what was committed stays.",
    errno.EFBIG: "{place} would become larger than the system allows (ulimit -f, or the file "
    "system). Raise the limit, then call the same again: what was committed stays.",
    errno.EROFS: "{place} lies on a file system that can only be read. Mount it for writing or "
    "give TRADEHOUSE_HOME another directory, then call the same again.",
    errno.EACCES: "{place} may not be read or written by this user. Check whose it is and its "
    "permissions, then call the same again.",
    errno.EPERM: "{place} may not be changed by this user. Check whose it is and its permissions, "
    "then call the same again.",
    errno.EIO: "The disk failed to read or write {place}. See the system's log and check the disk, "
    "then call the same again: what was committed stays.",
    errno.EMFILE: "More files are open than this process may have. Raise the limit (ulimit -n), "
    "then call the same again.",
    errno.ENFILE: "More files are open than the system allows. Close other programs, then call the "
    "same again.",
}
_MEMORY = (
    "The memory did not suffice. Close other programs or give the machine more, then call the same "
    "again: what was committed stays."
)
_FILE = re.compile(r"""["'](/[^"']+)["']""")


def advise(error: BaseException | str) -> str | None:
    """Return what a fault of disk or memory means and what to do, None when it is another fault."""
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, OSError) and error.errno in _SENTENCES:
        place = error.filename2 or error.filename
        return _say(_SENTENCES[error.errno], str(place) if place else None)
    text = str(error)
    found = _FILE.search(text)
    place = found[1] if found else None
    if duckdb_messages.lacks_room(text):
        return _say(_ROOM, place)
    for number, sentence in _SENTENCES.items():
        if os.strerror(number) in text:
            return _say(sentence, place)
    return _MEMORY if duckdb_messages.lacks_memory(text) else None


def _say(sentence: str, place: str | None) -> str:
    return sentence.format(place=place or os.environ.get("TRADEHOUSE_HOME") or "the home")
