"""The landing directory: batches that appear whole or not at all, and the files at its root.

Belongs here: what is already there, writing beside and renaming, the small state file. Does not
belong here: the content of batches (`brokerage`).

`simulation.json` at the root keeps the parameters and the records of each batch, so that a later
call can append days to the same brokerage and refuses any other.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from simulator import audits
from simulator.audits import Written
from simulator.brokerage import Brokerage
from simulator.volumes import CALENDAR_START, OFFICIAL, Plan, SimulationError, WriteError, date_of

STATE_FILE = "simulation.json"
_ROOT_FILES = re.compile(
    r"simulation\.json|digen_report\.txt|(Generator|Batch\d+)_audit\.csv|Batch\d+"
    r"|\..*\.(partial|new)"
)


class Landing:
    """A directory that holds, or will hold, the batches of one simulated brokerage."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self._plan, self._root = plan, root
        self._parameters: dict[str, Any] = {"format": 1, **plan.parameters()}
        self._records = self._read_state()

    def write(self, days: int, workers: int, chunk_rows: int) -> list[int]:
        """Write the batches 1..days+1 that are missing; returns their numbers."""
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._records = self._read_state()  # another process may have written since
                missing = [batch for batch in range(1, days + 2) if not self._batch(batch).is_dir()]
                for leftover in self._root.glob(".*.partial"):
                    shutil.rmtree(leftover)
                if missing:
                    self._write_missing(missing, workers, chunk_rows)
                else:
                    self._write_report()
        except OSError as error:
            raise WriteError(self._explain(error)) from error
        return missing

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the directory's lock, which leaves no file and ends with the process."""
        descriptor = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise WriteError(
                f"Another process is writing into {self._root}; wait until it has ended."
            ) from error
        finally:
            os.close(descriptor)

    def _write_missing(self, missing: list[int], workers: int, chunk_rows: int) -> None:
        last = max(missing)
        brokerage = Brokerage(self._plan, last - 1, workers, chunk_rows)
        if 1 in missing:
            self._write_batch(1, brokerage.write_history)
        else:
            brokerage.skip_history()
        for day in range(1, last):
            if day + 1 in missing:
                self._write_batch(day + 1, partial(brokerage.write_day, day))
            else:
                brokerage.skip_day(day)
        self._write_report()

    def _write_batch(self, batch: int, write: Callable[[Path], list[Written]]) -> None:
        """Write beside, then rename: a batch is there whole or not at all."""
        beside = self._root / f".Batch{batch}.partial"
        beside.mkdir()
        try:
            written = write(beside)
            for file in written:
                file.write_audit(beside, batch)
            self._records[batch] = sum(file.records for file in written)
            self._write_state()
            day = date_of(self._plan.batch_day(batch))
            first = CALENDAR_START if batch == 1 else day
            self._replace(f"Batch{batch}_audit.csv", audits.batch_audit(batch, first, day))
            beside.rename(self._batch(batch))
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise

    def _batch(self, batch: int) -> Path:
        return self._root / f"Batch{batch}"

    def _write_report(self) -> None:
        present = {
            batch: count for batch, count in self._records.items() if self._batch(batch).is_dir()
        }
        self._replace("Generator_audit.csv", audits.generator(self._plan, len(present)))
        self._replace("digen_report.txt", audits.report(self._plan, present))

    def _write_state(self) -> None:
        records = {str(batch): count for batch, count in sorted(self._records.items())}
        content = json.dumps(self._parameters | {"records": records}, indent=2) + "\n"
        self._replace(STATE_FILE, content.encode())

    def _replace(self, name: str, content: bytes) -> None:
        beside = self._root / f".{name}.new"
        beside.write_bytes(content)
        beside.replace(self._root / name)

    def _read_state(self) -> dict[int, int]:
        if not self._root.exists():
            return {}
        if not self._root.is_dir():
            raise SimulationError(
                f"The output must be a directory, but {self._root} is a file; choose another one."
            )
        entries = sorted(path.name for path in self._root.iterdir())
        foreign = [name for name in entries if not _ROOT_FILES.fullmatch(name)]
        if foreign or (entries and STATE_FILE not in entries):
            raise SimulationError(
                f"The output directory {self._root} holds something else "
                f"({', '.join((foreign or entries)[:3])}); choose an empty or a new one."
            )
        if not entries:
            return {}
        state = self._parse_state()
        wanted = self._parameters | {"profile": self._plan.profile}
        found = {name: state.get(name) for name in self._parameters}
        found["profile"] = state.get("profile", OFFICIAL)
        if found != wanted:
            different = [name for name in found if found[name] != wanted[name]]
            raise SimulationError(
                f"The output directory {self._root} holds another brokerage: "
                + ", ".join(f"its {name} is {found[name]}" for name in different)
                + "; choose another directory or the same parameters."
            )
        return {int(batch): int(count) for batch, count in state["records"].items()}

    def _parse_state(self) -> dict[str, Any]:
        path = self._root / STATE_FILE
        try:
            state = json.loads(path.read_text())
        except ValueError as error:
            raise SimulationError(
                f"{path} cannot be read ({error}); choose another one."
            ) from error
        if not isinstance(state, dict) or not isinstance(state.get("records"), dict):
            raise SimulationError(f"{path} holds no simulation's state; choose another directory.")
        return state

    def _explain(self, error: OSError) -> str:
        if error.errno == errno.ENOSPC:
            return (
                f"There is no space left for the batch that was being written in {self._root}; "
                "nothing half-written stays, so make room and run the same command again."
            )
        return f"{self._root} cannot be written ({error.strerror}); choose another directory."
