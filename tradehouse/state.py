"""What is known about a home without opening a database: small files, always whole.

`sync.json`, `build.json` and `settled.json` say how the last sync, build and run ended;
`nodes.json` which code made the warehouse;
`graph.json` who depends on whom; `alerts.json` which problems are open; `sources.json` promises;
`brokerage.json` whose home it is; `quarantine.parquet` what was refused; `build.jsonl` how far a
build came belongs to `tradehouse.journal`. The files of releases belong to `tradehouse.releases`.
"""

from pathlib import Path
from typing import Any

from tradehouse.files import read_json, write_json
from tradehouse.home import Home

NAMES = ("sync", "build", "settled", "nodes", "graph", "alerts", "sources", "brokerage")


def read(home: Home, name: str) -> dict[str, Any]:
    """Return a record, empty when there is none yet."""
    content = read_json(_path(home, name))
    return content if isinstance(content, dict) else {}


def write(home: Home, name: str, record: dict[str, Any]) -> None:
    """Replace a record."""
    write_json(_path(home, name), record)


def forget(home: Home, name: str) -> None:
    """Remove a record if it is there."""
    _path(home, name).unlink(missing_ok=True)


def quarantine_path(home: Home) -> Path:
    """Return where the snapshot of the quarantine lies."""
    return home.state / "quarantine.parquet"


def _path(home: Home, name: str) -> Path:
    if name not in NAMES:
        raise ValueError(f"There is no record {name!r}; there are {', '.join(NAMES)}.")
    return home.state / f"{name}.json"
