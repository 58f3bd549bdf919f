"""What has to be delivered of a batch, by comparing the landing directory with the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.source_brokerage.acceptance import Scanner
from connectors.source_brokerage.batches import Batch
from connectors.source_brokerage.config import Config, Selection
from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.state import DIGEST_LENGTH, Loaded, StreamState, stat_digest

MARKER = "batch_date"


@dataclass(frozen=True)
class Delivery:
    """Streams of a batch to emit under one delivery number; none when nothing is new.

    `touched` streams are unchanged in content but not in their files' times: their new state is
    given. `is_loaded` tells that the batch's commit marker was emitted in an earlier run.
    """

    number: int
    selections: tuple[Selection, ...]
    touched: dict[str, Loaded]
    is_loaded: bool
    note: str | None = None


def describe(batch: Batch, stream: str, delivery: int, scanner: Scanner) -> Loaded:
    """The stream's part of the batch as the state keeps it."""
    files = batch.of(stream)
    digests = {file.name: scanner.content(file).digest[:DIGEST_LENGTH] for file in files}
    return Loaded(delivery, stat_digest(files), digests)


def plan_delivery(
    batch: Batch,
    selections: list[Selection],
    states: Mapping[str, StreamState],
    config: Config,
    scanner: Scanner,
) -> Delivery:
    """Decide what of the batch is emitted, and under which delivery number.

    Raises `Fault` (`delivery_changed`) when a loaded batch has other content than before and is
    not among the batches to replace. A delivery that was begun but never got its commit marker
    is finished, or superseded when its files changed in the meantime.
    """
    here = [s for s in selections if s.stream.in_batch(batch.number)]
    loaded = {
        s.stream.name: states[s.stream.name].batches[batch.number]
        for s in here
        if batch.number in states[s.stream.name].batches
    }
    current = max((entry.delivery for entry in loaded.values()), default=0)
    is_loaded = _is_loaded(batch.number, current, loaded, selections)
    if not batch.files and (current or batch.number == 0):
        return Delivery(current, (), {}, is_loaded)
    if current == 0:
        return Delivery(1, tuple(here), {}, is_loaded)
    touched: dict[str, Loaded] = {}
    for name, entry in loaded.items():
        if entry.delivery != current or entry.stat == stat_digest(batch.of(name)):
            continue
        found = describe(batch, name, current, scanner)
        if found.files == entry.files:
            touched[name] = replace(found, date=entry.date)
            continue
        if is_loaded and batch.number not in config.replace_batches:
            raise _changed(batch, entry, found)
        note = f"Batch{batch.number}: delivery {current + 1} takes the place of {current}."
        return Delivery(current + 1, tuple(here), {}, is_loaded, note)
    behind = tuple(
        s for s in here if s.stream.name not in loaded or loaded[s.stream.name].delivery < current
    )
    return Delivery(current, behind, touched, is_loaded)


def _is_loaded(
    number: int, current: int, loaded: Mapping[str, Loaded], selections: list[Selection]
) -> bool:
    if current == 0 or number == 0:
        return False
    if any(s.stream.name == MARKER and s.is_incremental for s in selections):
        return MARKER in loaded and loaded[MARKER].delivery == current
    return True


def _changed(batch: Batch, before: Loaded, now: Loaded) -> Fault:
    names = sorted(set(before.files) | set(now.files))
    name = next(name for name in names if before.files.get(name) != now.files.get(name))
    relative = f"Batch{batch.number}/{name}"
    if name not in now.files:
        what = "is gone"
    elif name not in before.files:
        what = "was not there before"
    else:
        what = "has other content than the loaded delivery"
    return Fault(
        "delivery_changed",
        f"Batch{batch.number} was loaded before and {relative} {what}. Put the loaded delivery "
        f"back, or take the new one with --replace-batch {batch.number}.",
        batch=batch.number,
        file=relative,
    )
