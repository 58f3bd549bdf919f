"""Which brokerage a home belongs to: its first batch's identity, and its landing directory.

The identity comes from the first batch's files, wherever their directory is. The connector decides
whether a delivery is complete and unchanged.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from connectors.source_brokerage import batches as landings
from connectors.source_brokerage.acceptance import date_text
from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.opening import SourceFile, open_file, shown
from tradehouse.errors import LandingError, OtherBrokerageError, UsageError
from tradehouse.home import records, state
from tradehouse.home.paths import Home

SAMPLE_BYTES = 65536


@dataclass(frozen=True)
class Identity:
    """What tells one brokerage from another: its first batch's number and the digest of its files.

    The digest covers names, sizes, and the beginning and end of each file that a stream reads;
    `unreadable` says of which of them that could not be done.
    """

    first_batch: int
    digest: str
    unreadable: tuple[str, ...] = ()


def find_batches(landing: Path) -> dict[int, landings.Batch]:
    """Return the batches of a landing directory by number, ascending.

    Raises:
        LandingError: when the directory cannot be listed or holds no batch.
    """
    found = _look(landing)
    del found[0]
    return found


def _look(landing: Path) -> dict[int, landings.Batch]:
    try:
        return landings.find_batches(landing)
    except Fault as fault:
        raise LandingError(
            f"{fault.found}. It should hold Batch1/, Batch2/, ...; name it with --landing DIR "
            "(make run LANDING=DIR)."
        ) from fault


def find_ignored(landing: Path) -> list[str]:
    """Return what the landing directory holds and no stream reads, as paths below it."""
    try:
        return [path for batch in _look(landing).values() for path in batch.ignored()]
    except LandingError:
        return []


def find_days(landing: Path) -> dict[int, date]:
    """Return the business day of every batch whose `BatchDate.txt` can be read, by number.

    Raises:
        LandingError: when the directory cannot be listed or holds no batch.
    """
    days: dict[int, date] = {}
    for number, batch in find_batches(landing).items():
        with suppress(Fault):
            for file in batch.of("batch_date"):
                days[number] = date.fromisoformat(date_text(file))
    return days


def identify(landing: Path, batch: int | None = None, *, every: bool = False) -> Identity:
    """Return the identity of the brokerage whose deliveries lie in a landing directory.

    Args:
        landing: the landing directory.
        batch: the batch to know it by, where that one is there; default: the first.
        every: whether files that belong to no stream count as well, as they once did.
    """
    found = find_batches(landing)
    number = batch if batch in found else min(found)
    read = {file.name for files in found[number].files.values() for file in files}
    digest, unreadable, unseen = hashlib.sha256(), [], set(read)
    for file in _every_file(found[number], landing):
        if not every and file.name not in read:
            continue
        unseen.discard(file.name)
        digest.update(os.fsencode(f"{file.name}\0{file.size}\0"))
        try:
            with open_file(file) as content:
                digest.update(content.read(SAMPLE_BYTES))
                content.seek(max(file.size - SAMPLE_BYTES, 0))
                digest.update(content.read(SAMPLE_BYTES))
        except (Fault, OSError) as error:
            digest.update(b"unreadable")
            unreadable.append(str(error))
    unreadable += [f"{name} of Batch{number} is no file" for name in sorted(unseen)]
    return Identity(number, digest.hexdigest(), tuple(unreadable))


def _every_file(batch: landings.Batch, landing: Path) -> Iterator[SourceFile]:
    if batch.fault:
        return
    for entry in sorted(os.scandir(batch.directory), key=lambda entry: entry.name):
        with suppress(OSError):
            if entry.is_file():
                yield landings.source_file(entry, shown(entry.name), batch.number, landing)


def stamp_landing(landing: Path) -> str:
    """Return a digest that differs as soon as any file of the directory was touched."""
    digest = hashlib.sha256()
    for folder in [landing, *(Path(batch.directory) for batch in find_batches(landing).values())]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            digest.update(f"{folder.name}: {error.strerror}\n".encode())
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError as error:  # It is gone again, or the directory may not be searched.
                digest.update(os.fsencode(f"{folder.name}/{entry.name}: {error.strerror}\n"))
                continue
            if entry.is_symlink():
                with suppress(OSError):  # What it leads to may change, and may not be there.
                    found = entry.stat()
            changed = "" if stat.S_ISDIR(found.st_mode) else found.st_mtime_ns
            line = f"{folder.name}/{entry.name} {found.st_ino} {found.st_size} {changed}\n"
            digest.update(os.fsencode(line))
    return digest.hexdigest()


def find_landing(home: Home, given: Path | None) -> Path | None:
    """Return the landing directory to read: the given one, else the home's own, else None.

    The home's own is where its brokerage delivers, or what the last sync read where that is lost.
    """
    if given is not None:
        return _found(given)
    known = known_landing(home)
    if known is None and (last := state.find(home, records.Sync)) and last.landing:
        return Path(last.landing)
    return known or (home.landing if home.landing.is_dir() else None)


def known_landing(home: Home) -> Path | None:
    """Return where the home's brokerage delivers, if that is known.

    A directory in the home is kept as a path below it, so that it moves and is copied with it.
    """
    kept = state.find(home, records.Brokerage)
    return home.root / kept.landing if kept else None


def _found(given: Path) -> Path:
    """The absolute path as it was given: a link is followed whenever it is read."""
    try:
        place = given.expanduser().absolute()
        place = place.resolve() if ".." in place.parts else place
        str(place).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The landing directory {str(given)!r} has a name that is not UTF-8. Give it another."
        ) from error
    except RuntimeError as error:
        raise UsageError(f"There is no landing directory {given}: {error}") from error
    return place


def require_own(
    home: Home, landing: Path, replace_batches: list[int], held: Sequence[int] = ()
) -> None:
    """Check that a landing directory is that of the home's brokerage.

    A corrected first batch and another brokerage look alike, so the sentence names both ways out.
    While the first batch is held, its corrected delivery is taken in the home's own directory.

    Raises:
        OtherBrokerageError: when it is not, and its first batch is not among those to replace.
    """
    record = state.find(home, records.Brokerage)
    if record is None:
        return
    first = record.first_batch
    found = identify(landing, first)
    if found.first_batch == first and (
        first in replace_batches
        or record.digest in (found.digest, identify(landing, first, every=True).digest)
    ):
        return
    own = known_landing(home)
    is_own_directory = own is not None and os.path.realpath(landing) == os.path.realpath(own)
    if found.first_batch == first and first in held and is_own_directory:
        return
    if found.first_batch != first:
        if is_own_directory and found.first_batch > first:
            return
        what = f"begins with Batch{found.first_batch}, the home's brokerage with Batch{first}"
    else:
        what = f"has another Batch{first} than the one that was loaded"
    if found.unreadable and found.first_batch == first:
        raise LandingError(
            f"Whether {landing} is that of the home's brokerage cannot be told: "
            f"{found.unreadable[0].rstrip('.')}. Let it be read, then run again."
        )
    raise OtherBrokerageError(
        f"The home {home.root} belongs to the brokerage loaded from {own}, and "
        f"{landing} {what}. If this is another brokerage, give it a home of its own: "
        f"TRADEHOUSE_HOME=<another directory>. If it is the same one with a corrected first batch, "
        f"take that: tradehouse run --landing {landing} --replace-batch {first}."
    )


def remember(
    home: Home, landing: Path, found: Identity, in_force: dict[int, int], replaced: list[int]
) -> None:
    """Keep where deliveries arrive and, once the first batch is loaded, whose home it is.

    Args:
        home: the home.
        landing: the landing directory.
        found: its identity before the sync; one that could not be read whole is not kept.
        in_force: delivery in force by batch, after the sync.
        replaced: the batches that might be delivered anew.
    """
    before = state.find(home, records.Brokerage)
    is_new = (
        before is None or found.first_batch in replaced or found.first_batch < before.first_batch
    )
    place = str(landing)
    for root in (home.root, Path(os.path.realpath(home.root))):
        if landing.is_relative_to(root):
            place = str(landing.relative_to(root))
    if found.first_batch in in_force and is_new and not found.unreadable:
        record = records.Brokerage(
            first_batch=found.first_batch, digest=found.digest, landing=place
        )
    elif before is not None:
        record = before.model_copy(update={"landing": place})
    else:
        return
    if record != before:
        state.keep(home, record)
