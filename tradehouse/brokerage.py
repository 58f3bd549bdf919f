"""Whose home it is: the identity of the brokerage's first batch, and where its deliveries arrive.

The identity is taken from the first batch's files wherever their directory lies. Whether a delivery
is whole and unchanged is for the connector to say.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tradehouse import state
from tradehouse.errors import LandingError, OtherBrokerageError
from tradehouse.home import Home

SAMPLE_BYTES = 65536
_BATCH = re.compile(r"Batch([1-9]\d*)")


@dataclass(frozen=True)
class Identity:
    """What tells one brokerage from another: its first batch's number and the digest of its files.

    The digest covers names, sizes, and the beginning and end of each file.
    """

    first_batch: int
    digest: str


def find_batches(landing: Path) -> dict[int, Path]:
    """Return the directories `BatchN` of a landing directory by number, ascending.

    Raises:
        LandingError: when the directory cannot be listed or holds no batch.
    """
    try:
        with os.scandir(landing) as entries:
            numbered = [(_BATCH.fullmatch(entry.name), entry) for entry in entries]
    except OSError as error:
        raise LandingError(
            f"The landing directory {landing} cannot be opened ({error.strerror}). It should hold "
            "Batch1/, Batch2/, ...; name it with --landing DIR (make run LANDING=DIR)."
        ) from error
    batches = {int(match[1]): Path(entry) for match, entry in numbered if match and entry.is_dir()}
    if not batches:
        raise LandingError(
            f"The landing directory {landing} holds no batch. It should hold Batch1/, Batch2/, ...;"
            " name the directory above them with --landing DIR (make run LANDING=DIR)."
        )
    return dict(sorted(batches.items()))


def find_days(landing: Path) -> dict[int, date]:
    """Return the business day of every batch whose `BatchDate.txt` can be read, by number.

    Raises:
        LandingError: when the directory cannot be listed or holds no batch.
    """
    days = {}
    for number, folder in find_batches(landing).items():
        try:
            text = (folder / "BatchDate.txt").read_text(encoding="ascii")
            days[number] = date.fromisoformat(text.strip())
        except (OSError, ValueError):
            continue
    return days


def identify(landing: Path) -> Identity:
    """Return the identity of the brokerage whose deliveries lie in a landing directory."""
    number, folder = next(iter(find_batches(landing).items()))
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0".encode())
        try:
            with path.open("rb") as file:
                digest.update(file.read(SAMPLE_BYTES))
                file.seek(max(size - SAMPLE_BYTES, 0))
                digest.update(file.read(SAMPLE_BYTES))
        except PermissionError:
            digest.update(b"unreadable")
    return Identity(number, digest.hexdigest())


def stamp_landing(landing: Path) -> str:
    """Return a digest that differs as soon as any file of the directory was touched."""
    digest = hashlib.sha256()
    folders = [landing, *find_batches(landing).values()]
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                found = entry.stat()
                changed = "" if entry.is_dir() else found.st_mtime_ns
                line = f"{folder.name}/{entry.name} {found.st_ino} {found.st_size} {changed}\n"
                digest.update(line.encode())
    return digest.hexdigest()


def find_landing(home: Home, given: Path | None) -> Path | None:
    """Return the landing directory to read: the given one, else the home's own, else None."""
    if given is not None:
        return given.expanduser().resolve()
    known = state.read(home, "brokerage").get("landing")
    if known:
        return Path(known)
    return home.landing if home.landing.is_dir() else None


def require_own(
    home: Home, landing: Path, replace_batches: list[int], held: Sequence[int] = ()
) -> None:
    """Check that a landing directory is that of the home's brokerage.

    A corrected first batch and another brokerage look alike, so the sentence names both ways out.
    While the first batch is held, its mended delivery is taken in the home's own directory.

    Raises:
        OtherBrokerageError: when it is not, and its first batch is not among those to replace.
    """
    record = state.read(home, "brokerage")
    if not record:
        return
    found = identify(landing)
    first = record["first_batch"]
    if found.first_batch == first and (
        found.digest == record["digest"] or first in replace_batches
    ):
        return
    is_own_directory = str(landing) == record["landing"]
    if found.first_batch == first and first in held and is_own_directory:
        return
    if found.first_batch != first:
        if is_own_directory and found.first_batch > first:
            return
        what = f"begins with Batch{found.first_batch}, the home's brokerage with Batch{first}"
    else:
        what = f"has another Batch{first} than the one that was loaded"
    raise OtherBrokerageError(
        f"The home {home.root} belongs to the brokerage loaded from {record['landing']}, and "
        f"{landing} {what}. If this is another brokerage, give it a home of its own: "
        f"TRADEHOUSE_HOME=<another directory>. If it is the same one with a corrected first batch, "
        f"take that: tradehouse run --landing {landing} --replace-batch {first}."
    )


def remember(home: Home, landing: Path, in_force: dict[int, int], replaced: list[int]) -> None:
    """Keep where deliveries arrive and, once the first batch is loaded, whose home it is."""
    record: dict[str, Any] = state.read(home, "brokerage")
    found = identify(landing)
    if found.first_batch in in_force and (not record or found.first_batch in replaced):
        record |= {"first_batch": found.first_batch, "digest": found.digest}
    if record and record.get("landing") != str(landing):
        record["landing"] = str(landing)
    if record and record != state.read(home, "brokerage"):
        state.write(home, "brokerage", record)
