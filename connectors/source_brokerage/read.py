"""The read command: batches in order, each checked, then emitted, its commit marker last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from connectors.source_brokerage.acceptance import Scanner, check_batch, check_date
from connectors.source_brokerage.batches import Batch, find_batches
from connectors.source_brokerage.config import Config, Selection
from connectors.source_brokerage.emit import emit_crm, emit_rows
from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.opening import SourceFile
from connectors.source_brokerage.pending import MARKER, Delivery, describe, plan_delivery
from connectors.source_brokerage.protocol import Writer
from connectors.source_brokerage.state import StreamState
from connectors.source_brokerage.transfer import emit_file, staging_directory


class Read:
    """One read: what was selected, what is loaded, and where the messages go."""

    def __init__(
        self,
        config: Config,
        selections: list[Selection],
        states: Mapping[str, StreamState],
        writer: Writer,
    ) -> None:
        self.config = config
        self.selections = selections
        self.states = states
        self.writer = writer
        self.scanner = Scanner()
        self.staging: Path | None = None
        marker = states.get(MARKER, StreamState())
        self.dates = {n: entry.date for n, entry in marker.batches.items() if entry.date}
        self.known = {0} | {n for state in states.values() for n in state.batches}
        self.known -= {n for n in self.known if n and not self._is_loaded(n)}

    def _is_loaded(self, number: int) -> bool:
        nothing = Batch(number, "", {}, ())
        return plan_delivery(
            nothing, self.selections, self.states, self.config, self.scanner
        ).is_loaded

    def run(self) -> list[Fault]:
        """Emit all that is new. Gives the faults that held something back, in order."""
        faults: list[Fault] = []
        try:
            last = self.config.last_batch
            found = find_batches(self.config.landing)
            batches = {n: one for n, one in found.items() if last is None or n <= last}
            self._estimate(batches)
            for batch in batches.values():
                try:
                    self._take(batch)
                except Fault as fault:
                    faults.append(fault)
                    if batch.number:
                        break
        except Fault as fault:
            faults.append(fault)
        return faults

    def _estimate(self, batches: Mapping[int, Batch]) -> None:
        for selection in self.selections:
            name = selection.stream.name
            waiting = [b for n, b in batches.items() if n not in self.states[name].batches]
            if size := sum(file.size for batch in waiting for file in batch.of(name)):
                self.writer.estimate(name, size)

    def _take(self, batch: Batch) -> None:
        if batch.fault:
            raise batch.fault
        delivery = plan_delivery(batch, self.selections, self.states, self.config, self.scanner)
        for name, entry in delivery.touched.items():
            self.states[name].batches[batch.number] = entry
            self.writer.state(name, self.states[name].dump())
        if delivery.selections:
            self._check(batch, delivery)
            self._emit(batch, delivery)
        if delivery.selections or delivery.is_loaded:
            self.known.add(batch.number)

    def _check(self, batch: Batch, delivery: Delivery) -> None:
        number = batch.number
        if delivery.note:
            self.writer.log("INFO", delivery.note)
        if not delivery.is_loaded and number > 1 and number - 1 not in self.known:
            if not self.config.allow_gap:
                raise self._waits(number)
            self.writer.log(
                "WARN", f"Batch{number} is taken although Batch{number - 1} is not there."
            )
        check_batch(batch, [selection.stream for selection in delivery.selections], self.scanner)
        if number:
            self.dates[number] = check_date(batch, self._other_dates(number), self.config)
            for path in batch.ignored():
                self.writer.log("WARN", f"{path} belongs to no stream and is ignored.")

    def _other_dates(self, number: int) -> dict[int, str]:
        return {n: date for n, date in self.dates.items() if n != number}

    def _waits(self, number: int) -> Fault:
        return Fault(
            "batch_waits",
            f"Batch{number} waits: Batch{number - 1} is neither in {self.config.landing} nor "
            "loaded. Deliver it, or go on without it with --allow-gap.",
            batch=number,
        )

    def _emit(self, batch: Batch, delivery: Delivery) -> None:
        """The CRM's two streams come out of one pass, so their states follow both."""
        crm = [s for s in delivery.selections if s.stream.format == "xml"]
        names = {selection.stream.name for selection in crm}
        for selection in delivery.selections:
            if selection not in crm:
                for file in batch.of(selection.stream.name):
                    self._emit_one(selection, file, delivery.number)
                self._commit(batch, selection, delivery.number)
            elif selection is crm[0]:
                for file in batch.of(selection.stream.name):
                    emit_crm(self.writer, names, file, delivery.number)
            if crm and selection is crm[-1]:
                for done in crm:
                    self._commit(batch, done, delivery.number)

    def _emit_one(self, selection: Selection, file: SourceFile, delivery: int) -> None:
        stream = selection.stream
        content = self.scanner.content(file)
        if not stream.is_file_based:
            emit_rows(self.writer, stream, file, delivery)
        elif self.config.hands_over_files:
            self.staging = self.staging or staging_directory()
            emit_file(self.writer, stream, file, content, delivery, self.staging)
        else:
            from connectors.source_brokerage.render import emit_text

            emit_text(self.writer, stream, file, content, delivery)

    def _commit(self, batch: Batch, selection: Selection, delivery: int) -> None:
        name = selection.stream.name
        entry = describe(batch, name, delivery, self.scanner)
        if name == MARKER:
            entry = replace(entry, date=self.dates[batch.number])
        self.states[name].batches[batch.number] = entry
        self.writer.state(name, self.states[name].dump())
