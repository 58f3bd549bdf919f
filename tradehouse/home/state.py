"""What is known about a home without opening a database: small files, written atomically.

`sync.json`, `build.json` and `settled.json` say how the last sync, build and run ended;
`nodes.json` which code made the warehouse; `graph.json` who depends on whom; `alerts.json` which
problems are open; `sources.json` promises; `switches.json` which sources the home has switched on
or off; `brokerage.json` whose home it is; `hold.json` that publishing waits. What each holds is
said by `tradehouse.home.records`. `quarantine.parquet` keeps what was refused; `build.jsonl`
belongs to `tradehouse.build.journal`, `ingestion.json` to `tradehouse.home.ledger_snapshot`, the
files of releases to `tradehouse.publish.releases`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradehouse.home import files, records, switches
from tradehouse.home.files import Kept
from tradehouse.home.paths import Home


@dataclass(frozen=True)
class Entry:
    """A file: its model, and what happens when it is missing or damaged, as a sentence."""

    model: type[Kept]
    anew: str


ENTRIES = {
    "sync": Entry(records.Sync, "The next run looks through the landing directory again."),
    "build": Entry(records.Build, "The next run builds everything from raw and tests it."),
    "settled": Entry(records.Settled, "The next run looks at everything again."),
    "nodes": Entry(records.Nodes, "The next run takes it from the project."),
    "graph": Entry(records.Graph, "The next run takes it from the project."),
    "alerts": Entry(records.Alerts, "What is wrong now is told again."),
    "sources": Entry(records.Sources, "It is read from the declarations again."),
    "switches": Entry(records.Switches, switches.ANEW),
    "brokerage": Entry(
        records.Brokerage,
        "The next run takes the landing directory of the last sync; where that is not known "
        "either, name it once: tradehouse run --landing DIR.",
    ),
    "hold": Entry(records.Hold, "Publishing is held until it is resumed: publish --release-hold."),
}
NAMES = tuple(ENTRIES)


def read(home: Home, name: str) -> dict[str, Any]:
    """Return a record, empty when there is none yet, or, which is said, none that can be read.

    Raises:
        NewerError: when a newer Tradehouse wrote it.
    """
    path, entry = _path(home, name), ENTRIES[name]
    return files.read_or_tell(path, entry.model, entry.anew) or {}


def write(home: Home, name: str, record: dict[str, Any]) -> None:
    """Replace a record."""
    files.write(_path(home, name), ENTRIES[name].model, record)


def exists(home: Home, name: str) -> bool:
    """Whether there is a record, be it one that can be read or not."""
    return os.path.lexists(_path(home, name))


def forget(home: Home, name: str) -> None:
    """Remove a record if it is there."""
    files.remove(_path(home, name))


def find_damage(home: Home) -> list[tuple[str, files.DamagedError]]:
    """Return the names of the records that cannot be read, and what is wrong with them.

    Raises:
        NewerError: when a newer Tradehouse wrote one.
    """
    found = []
    for name, entry in ENTRIES.items():
        try:
            files.read(_path(home, name), entry.model)
        except files.DamagedError as error:
            found.append((name, error))
    return found


def mend(home: Home) -> None:
    """Set aside what cannot be read and is made anew, and say so; for the holder of the lock.

    Raises:
        NewerError: when a newer Tradehouse wrote one of the files.
    """
    for name, error in find_damage(home):
        if name != "hold":
            aside = files.set_aside(error.path)
            files.tell(f"{error} It is {aside.name} now. {ENTRIES[name].anew}")


def quarantine_path(home: Home) -> Path:
    """Return where the snapshot of the quarantine lies."""
    return home.state / "quarantine.parquet"


def _path(home: Home, name: str) -> Path:
    if name not in ENTRIES:
        raise ValueError(f"There is no record {name!r}; there are {', '.join(NAMES)}.")
    return home.state / f"{name}.json"
