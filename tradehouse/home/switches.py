"""Which sources a home has switched on or off, overriding their declarations.

Whoever asks whether a source is on asks here: `state/switches.json` is read nowhere else.
"""

from pathlib import Path

from tradehouse.home import files, records

FILE = "switches.json"
ANEW = "Sources are on as their declarations say, until `tradehouse sources enable` says otherwise."


def read(state: Path) -> dict[str, bool]:
    """Return what the home whose directory `state` this is says of sources, by name."""
    kept = files.read_or_tell(state / FILE, records.Switches, ANEW) or {}
    return dict(kept.get("sources", {}))


def turn(state: Path, name: str, *, on: bool) -> None:
    """Switch a source on or off in that home."""
    with files.alone(state / "switches.lock"):
        files.write(state / FILE, records.Switches, {"sources": read(state) | {name: on}})
