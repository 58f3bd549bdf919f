"""What DuckDB's messages mean: it has no error classes for some cases that we must distinguish.

No other module reads its messages. What a fault of disk or memory means for a person is in
`tradehouse.terminal.system_faults`.
"""

import re

OWN = "this process"
"""The holder of a file that is not free yet: DuckDB closes one some time after its last connection,
when it is busy or what refers to one is not collected yet."""

_CONFLICT = "Could not set lock on file"
_HOLDER = re.compile(r"Conflicting lock is held in (.*?)\. ", re.DOTALL)
_OWN_CONFLICTS = (
    "Unique file handle conflict",
    "different configuration than existing connections",
)
_CORRUPT = (
    "corrupt",
    "checksum",
    "deserializ",
    "internal error",
    "not a valid duckdb",
    "not read enough bytes",
)
_WITHOUT_MEMORY = ("Out of Memory Error", "Cannot allocate memory", "could not allocate")
_WITHOUT_ROOM = "max_temp_directory_size"
_SETTINGS = ("Memory must have", "Must have at least 1 thread", "options were not recognized")
_INTERRUPTED = ("INTERRUPT Error", "Query interrupted")


def find_holder(error: Exception) -> str | None:
    """Return who has the file open that cannot be opened, None when that is not what is wrong."""
    text = str(error)
    if any(words in text for words in _OWN_CONFLICTS):
        return OWN
    if _CONFLICT not in text:
        return None
    found = _HOLDER.search(text)
    return found[1] if found else "a process that does not say its name"


def means_corrupt(message: str) -> bool:
    """Whether it met a file whose content is not what it wrote."""
    return any(word in message.lower() for word in _CORRUPT)


def is_of_settings(error: Exception) -> bool:
    """Whether a setting is wrong that a file was to be opened with, not the file."""
    return any(words in str(error) for words in _SETTINGS)


def lacks_room(message: str) -> bool:
    """Whether it may write no more beside its files, which it calls a lack of memory."""
    return _WITHOUT_ROOM in message


def lacks_memory(message: str) -> bool:
    """Whether the memory did not suffice."""
    return any(words in message for words in _WITHOUT_MEMORY)


def was_interrupted(message: str) -> bool:
    """Whether a query was cut off because everything is stopped."""
    return any(words in message for words in _INTERRUPTED)


def first_line(error: Exception) -> str:
    """Return what it says in short; what follows repeats the query."""
    return " ".join(str(error).splitlines()[0].split())[:300]
