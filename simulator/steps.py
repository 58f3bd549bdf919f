"""Deliveries with faults as numbered steps, and playing them into a landing directory.

Belongs here: which fault comes on which day, which deliveries that means in which order, the list
`faults.json`. Does not belong here: the faults themselves (`crm_faults`,
`newswire_faults`, `row_faults`, `file_faults`).

Layout: `steps/001/Batch1/...`, `steps/002/Batch2/...` and `faults.json` beside. A step is one
delivery of one batch. `faults.json` has `brokerage` (the parameters), `steps` (step, batch,
delivery, loaded_through: the last batch that is loaded once the step was played) and `faults`
(step, batch, file, line, fault, outcome, reason, detail, mended_by).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.crm_faults import CRM_FAULTS
from simulator.delivery import Delivery, Fault, Row, link_or_copy
from simulator.file_faults import FILE_FAULTS, FileFault, broken_xml, changed_content
from simulator.newswire_faults import NEWSWIRE_FAULTS
from simulator.row_faults import ROW_FAULTS, bring_late_trades, renumber, take_pending_trades
from simulator.volumes import SimulationError

HISTORY_FAULTS = ("broken_xml", "unknown_records", "several_accounts", "several_announcements")
DELIVERY_FAULTS = ("delivered_twice", "delivered_changed", "delivered_late", "late_trades")
DAILY_FAULTS = (*ROW_FAULTS, *FILE_FAULTS, *DELIVERY_FAULTS)
FAULTS = (*HISTORY_FAULTS, *DAILY_FAULTS)
_TWO_DAYS = ("delivered_late", "late_trades", "missing_file")
_RENUMBERED = ("Customer.txt", "Account.txt")
FAULT_LIST, STEPS = "faults.json", "steps"


def chosen_faults(names: Iterable[str]) -> tuple[str, ...]:
    """The switches named, `all` for every one, in the order in which they are played."""
    wanted = {name for name in names if name}
    unknown = sorted(wanted - {"all", *FAULTS})
    if unknown:
        raise SimulationError(
            f"There is no fault {', '.join(unknown)}; choose from all, {', '.join(FAULTS)}."
        )
    return tuple(name for name in FAULTS if "all" in wanted or name in wanted)


def schedule(faults: Iterable[str], days: int) -> dict[int, str]:
    """First batch of every daily fault, spread over the days; some need two days."""
    daily = [name for name in faults if name in DAILY_FAULTS]
    widths = [2 if name in _TWO_DAYS else 1 for name in daily]
    spare = days - sum(widths)
    if spare < 0:
        raise SimulationError(
            f"These faults need at least {sum(widths)} days, but only {days} were asked for."
        )
    batches, used = {}, 0
    for position, (name, width) in enumerate(zip(daily, widths, strict=True)):
        batches[2 + used + spare * position // len(daily)] = name
        used += width
    return batches


@dataclass
class _Script:
    """The steps written so far."""

    root: Path
    steps: list[dict[str, Any]]
    faults: list[dict[str, Any]]
    loaded: int = 0
    arrived: int = 0

    def deliver(self, delivery: Delivery, kind: str, sound: bool = True) -> int:
        """Write a delivery as the next step; `sound` says that nothing holds or refuses it."""
        step = len(self.steps) + 1
        directory = self.root / f"{step:03d}"
        records = delivery.write(directory / f"Batch{delivery.batch}")
        at_root = [f"Batch{delivery.batch}_audit.csv"]
        if step == 1:
            at_root += ["Generator_audit.csv", "digen_report.txt"]
        for name in at_root:
            link_or_copy(delivery.clean.parent / name, directory / name)
        if sound and delivery.batch == self.loaded + 1:
            self.loaded = max(delivery.batch, self.arrived)
        elif sound and delivery.batch > self.loaded:
            self.arrived = max(self.arrived, delivery.batch)
        self.steps.append(
            {
                "step": step,
                "batch": delivery.batch,
                "delivery": kind,
                "loaded_through": self.loaded,
            }
        )
        for record in records:
            self.faults.append({"step": step, "batch": delivery.batch, **record})
        return step

    def mend(self, first: int, step: int) -> None:
        """Note which step corrects the faults of the steps from `first` on."""
        for fault in self.faults:
            if fault["step"] >= first and fault["outcome"] in ("held", "refused", "waiting"):
                fault.setdefault("mended_by", step)


class Steps:
    """Turns the clean batches of a landing directory into steps with faults."""

    def __init__(self, clean: Path, root: Path, days: int, faults: tuple[str, ...]) -> None:
        self._clean, self._days, self._faults = clean, days, faults
        self._schedule = schedule(faults, days)
        self._script = _Script(root, [], [])
        self._shift = dict.fromkeys(_RENUMBERED, 0)
        self._late: list[Row] = []

    def write(self) -> dict[str, Any]:
        """Write all steps; returns the list of steps and faults."""
        self._history()
        batch = 2
        while batch <= self._days + 1:
            batch = self._daily(batch)
        for fault in self._script.faults:
            fault.setdefault("mended_by", None)
        return {"steps": self._script.steps, "faults": self._script.faults}

    def _history(self) -> None:
        def delivery() -> Delivery:
            made = Delivery(1, self._clean / "Batch1")
            for switches in (NEWSWIRE_FAULTS, CRM_FAULTS):
                for name in self._faults:
                    if name in switches:
                        switches[name](made)
            return made

        if "broken_xml" in self._faults:
            self._spoiled(delivery(), broken_xml, delivery())
        else:
            self._script.deliver(delivery(), "original")

    def _daily(self, batch: int) -> int:
        """Write the steps of a batch, or of two; returns the next batch."""
        fault = self._schedule.get(batch)
        if fault in ROW_FAULTS:
            delivery = self._base(batch)
            rows = {name: len(delivery.rows(name)) for name in _RENUMBERED}
            ROW_FAULTS[fault](delivery)
            if fault in ("several_changes", "update_and_inactivation"):
                for name in _RENUMBERED:
                    self._shift[name] += len(delivery.rows(name)) - rows[name]
            self._script.deliver(delivery, "original")
        elif fault in FILE_FAULTS:
            return self._file_fault(batch, fault)
        elif fault == "delivered_twice":
            self._script.deliver(self._base(batch), "original")
            again = self._base(batch)
            again.file_faults.append((None, Fault(fault, "absorbed", "identical, nothing new")))
            self._script.deliver(again, "repeated", sound=False)
        elif fault == "delivered_changed":
            self._script.deliver(self._base(batch), "original")
            changed = self._base(batch)
            changed_content(changed)
            step = self._script.deliver(changed, "changed", sound=False)
            original = self._script.deliver(self._base(batch), "mended", sound=False)
            self._script.mend(step, original)
        elif fault == "delivered_late":
            return self._late_batch(batch, fault)
        elif fault == "late_trades":
            delivery = self._base(batch)
            self._late = take_pending_trades(delivery, self._base(batch + 1))
            self._script.deliver(delivery, "original")
        else:
            self._script.deliver(self._base(batch), "original")
        return batch + 1

    def _file_fault(self, batch: int, name: str) -> int:
        if name != "missing_file":
            self._spoiled(self._base(batch), FILE_FAULTS[name], self._base(batch))
            return batch + 1
        spoiled = self._base(batch)
        FILE_FAULTS[name](spoiled)
        first = self._script.deliver(spoiled, "faulty", sound=False)
        following = self._base(batch + 1)
        waits = Fault(name, "waiting", f"waits for the mended delivery of batch {batch}")
        following.file_faults.append((None, waits))
        self._script.deliver(following, "original")
        self._script.mend(first, self._script.deliver(self._base(batch), "mended"))
        return batch + 2

    def _spoiled(self, spoiled: Delivery, spoil: FileFault, mended: Delivery) -> None:
        """A faulty delivery that is held, and its corrected one."""
        spoil(spoiled)
        for rows in spoiled.rows_of.values():
            for row in rows:
                row.fault = None  # its rows are not loaded: the mended delivery lists them
        step = self._script.deliver(spoiled, "faulty", sound=False)
        self._script.mend(step, self._script.deliver(mended, "mended"))

    def _late_batch(self, batch: int, name: str) -> int:
        early = self._base(batch + 1)
        waits = Fault(name, "waiting", f"arrives before batch {batch} and waits for it")
        early.file_faults.append((None, waits))
        step = self._script.deliver(early, "early")
        self._script.mend(step, self._script.deliver(self._base(batch), "late"))
        return batch + 2

    def _base(self, batch: int) -> Delivery:
        """A batch as it would come without its own fault."""
        delivery = Delivery(batch, self._clean / f"Batch{batch}")
        for name, by in self._shift.items():
            if by:
                renumber(delivery, name, 0, by)
        if self._schedule.get(batch - 1) == "late_trades" and self._late:
            bring_late_trades(delivery, self._late)
        return delivery


def play(out: Path | str, landing: Path | str, step: int) -> int:
    """Copy one step of `<out>/steps` into a landing directory, in place of what was there.

    Returns the batch. Raises `SimulationError` when there is no such step.
    """
    source = Path(out) / STEPS / f"{step:03d}"
    if not source.is_dir():
        raise SimulationError(f"There is no step {step} in {Path(out) / STEPS}.")
    target = Path(landing)
    target.mkdir(parents=True, exist_ok=True)
    batch = 0
    for path in sorted(source.iterdir()):
        if path.is_file():
            shutil.copyfile(path, target / path.name)
            continue
        batch = int(path.name.removeprefix("Batch"))
        beside, old = target / f".{path.name}.partial", target / f".{path.name}.old"
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(path, beside, copy_function=shutil.copyfile)
        if (target / path.name).exists():
            (target / path.name).rename(old)
        beside.rename(target / path.name)
        shutil.rmtree(old, ignore_errors=True)
    return batch


def read_list(out: Path | str) -> dict[str, Any]:
    """The content of `faults.json`."""
    content: dict[str, Any] = json.loads((Path(out) / FAULT_LIST).read_text())
    return content
