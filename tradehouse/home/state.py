"""What is known about a home without opening a database: small files, written atomically.

`sync.json`, `build.json` and `settled.json` say how the last sync, build and run ended;
`nodes.json` which code made the warehouse; `graph.json` what depends on what; `alerts.json` which
problems are open; `sources.json` what sources declare; `switches.json` which sources the home has
switched on or off; `brokerage.json` which brokerage the home belongs to; `tokens.json` who may
ask the API; `hold.json` whether publishing is on hold. `tradehouse.home.records` defines them.
`quarantine.parquet` keeps refused rows; `build.jsonl` belongs to `tradehouse.build.journal`,
`ingestion.json` to `tradehouse.home.ledger_snapshot`, the files of releases to
`tradehouse.publish.releases`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradehouse.home import files, records, switches
from tradehouse.home.files import K, Kept
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
    "tokens": Entry(
        records.Tokens,
        "Until then nobody can use the API; make new tokens: tradehouse tokens create NAME.",
    ),
    "hold": Entry(records.Hold, "Publishing is held until it is resumed: publish --release-hold."),
}
NAMES = tuple(ENTRIES)
NAME_OF = {entry.model: name for name, entry in ENTRIES.items()}


def find(home: Home, model: type[K]) -> K | None:
    """Return a record; None when there is none yet or, with a message, none that can be read.

    Raises:
        NewerError: when a newer Tradehouse wrote it.
    """
    name = NAME_OF[model]
    return files.load_or_tell(_path(home, name), model, ENTRIES[name].anew)


def keep(home: Home, record: Kept) -> None:
    """Replace a record."""
    write(home, NAME_OF[type(record)], record.model_dump())


def last_build(home: Home) -> records.Build:
    """Return the record of the last build; without one, a record whose status says so."""
    return find(home, records.Build) or records.Build(status=records.Outcome.NONE)


def read(home: Home, name: str) -> dict[str, Any]:
    """Return what `find` does as a dictionary, empty for None."""
    _path(home, name)
    record = find(home, ENTRIES[name].model)
    return {} if record is None else record.model_dump()


def write(home: Home, name: str, content: dict[str, Any]) -> None:
    """Replace a record."""
    files.write(_path(home, name), ENTRIES[name].model, content)


def exists(home: Home, name: str) -> bool:
    """Whether there is a record, readable or not."""
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
