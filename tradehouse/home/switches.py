"""Which sources a home has switched on or off, overriding their declarations.

Every check whether a source is on comes here: no other module reads `state/switches.json`.
"""

from pathlib import Path

from tradehouse.home import files, locks, records

FILE = "switches.json"
ANEW = "Sources are on as their declarations say, until `tradehouse sources enable` says otherwise."


def read(state: Path) -> dict[str, bool]:
    """Return what the home whose directory `state` this is says of sources, by name."""
    kept = files.load_or_tell(state / FILE, records.Switches, ANEW)
    return kept.sources if kept else {}


def turn(state: Path, name: str, *, on: bool) -> None:
    """Switch a source on or off in that home."""
    with locks.alone(state / "switches.lock"):
        files.write(state / FILE, records.Switches, {"sources": read(state) | {name: on}})
