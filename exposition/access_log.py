"""The access log: who asked for what, as JSON lines, one file a day in the home's logs.

A line is written at once and whole, so several processes may write. Values of filters are left out,
as they may be personal; a token's name and id are in it, the token never.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tradehouse.home import files
from tradehouse.home.paths import Home

KEEP_DAYS = 90
_NAME = "access-{}.jsonl"


def path_of(home: Home, day: date | None = None) -> Path:
    """Return the file of a day; default: today, UTC."""
    return home.logs / _NAME.format(day or datetime.now(UTC).date())


def write(home: Home, entry: dict[str, Any]) -> None:
    """Append an entry, with the time."""
    now = datetime.now(UTC)
    line = orjson.dumps(
        {"at": now.isoformat(timespec="milliseconds"), **entry},
        default=str,
        option=orjson.OPT_APPEND_NEWLINE,
    )
    path = path_of(home, now.date())
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, files.MODE)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def remove_old(home: Home) -> None:
    """Remove the files of days that are longer ago than an access is kept."""
    oldest = path_of(home, datetime.now(UTC).date() - timedelta(days=KEEP_DAYS)).name
    for path in home.logs.glob(_NAME.format("????-??-??")):
        if path.name < oldest:
            path.unlink(missing_ok=True)
