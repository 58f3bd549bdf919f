"""The steps of one sync, from the discovered catalogue to the closed ledger.

Not here: what callers use (`sync`) and the parts that are put together (`connector`, `reader`,
`committer`, `tables`, `sync_modes`, `ledger`).
"""

import os
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from ingestion import catalog as catalogs
from ingestion import discovery as discoveries
from ingestion import json_text, ledger, logs, names, repeated_records, sync_modes, tables
from ingestion.committer import Committer, Loaded
from ingestion.configuration import Configuration
from ingestion.connector import Runner
from ingestion.database import most_memory
from ingestion.declarations import Declaration
from ingestion.discovery import Discovery
from ingestion.errors import IngestionError, ProtocolError, Redact, may_hold_values
from ingestion.loads import Loads
from ingestion.paths import Paths
from ingestion.process import ConnectorProcess
from ingestion.protocol import StreamKey, read_items
from ingestion.reader import Reader
from ingestion.redaction import Redactor
from ingestion.results import Progress, ProgressCallback, SyncError, SyncResult
from ingestion.segments import Segment
from ingestion.tables import Table
from tradehouse.home import ledger_snapshot
from tradehouse.terminal import duckdb_messages
from tradehouse.terminal.output import count as counted

PROGRESS_SECONDS = 0.2
KEPT_LOG_BYTES = 16 * 1024 * 1024
NOISE_SHOWN = 200
KEPT_LEVELS = ("ERROR", "FATAL")


class Run:
    """The state of one sync."""

    def __init__(
        self,
        declaration: Declaration,
        paths: Paths,
        overrides: dict[str, Any],
        streams: Collection[str] | None,
        progress: ProgressCallback | None,
        full_refresh: bool,
        reset: bool,
    ) -> None:
        self._full_refresh = full_refresh or reset
        self._reset = reset
        self._totals: Counter[str] = Counter()
        self._malformed: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()
        self._declaration = declaration
        self._paths = paths
        self._streams = streams
        self._progress = progress
        self._logged = 0
        self._started = time.monotonic()
        moment = ledger.now()
        self._id = ledger.new_id(moment)
        self._log = paths.logs / f"sync-{declaration.name}-{self._id}.log"
        self._configuration = Configuration(
            declaration, paths.connectors, overrides, home=paths.home
        )
        self._redact = Redactor(self._configuration.secrets)
        self._discovery = Discovery(
            declaration, self._configuration, paths.connectors, self._redact
        )
        self._new_batches: set[int] = set()
        self._lost: set[StreamKey] = set()
        self._labels: dict[StreamKey, str] = {}
        self._leftovers: dict[StreamKey, Table] = {}
        self._result = SyncResult(
            self._id, declaration.name, "failed", moment, 0.0, log=str(self._log)
        )

    @property
    def redact(self) -> Redactor:
        """Replaces what is secret in this sync."""
        return self._redact

    def run(self, connection: duckdb.DuckDBPyConnection) -> SyncResult:
        """The whole sync on an open database."""
        _remove_leftovers(self._paths.tmp)
        logs.tidy(self._paths.logs)
        if ledger.close_dead_syncs(connection):
            ledger.write_snapshot(connection, self._paths)
        if fault := logs.find_fault(self._log):
            self._result.warnings.append(f"no log of it is kept: {fault}")
        self._loads = Loads(connection, self._declaration.name, self._id)
        with self._work_directory() as work:
            runner = Runner(
                self._declaration,
                self._configuration,
                work=work,
                log=self._log,
                redact=self._redact,
                environments=self._paths.connectors,
            )
            self._configuration.settle(
                discoveries.specification(self._declaration, self._paths.connectors, runner)
            )
            self._redact.add(self._configuration.secrets)
            offered = self._discovery.streams(runner, refresh=self._full_refresh)
            selected = catalogs.select(self._declaration, offered, self._streams)
            self._require_all_that_share(connection, offered)
            known = names.read(connection, self._declaration.name)
            known.add(catalogs.keys(offered))
            wanted = catalogs.plan(self._declaration, selected, known)
            self._leftovers = self._every(offered, known) | wanted
            self._labels = catalogs.labels(wanted)
            try:
                plan, states = self._start(connection, runner, wanted, known)
            except IngestionError:
                self._discovery.forget()  # What is offered may be why.
                raise
            try:
                self._read(connection, runner, work, plan, states)
            finally:
                if self._result.status != "succeeded":
                    self._discovery.forget()  # What is offered may be why.
                self._close_ledger(connection, plan)
        return self._result

    @contextmanager
    def _work_directory(self) -> Iterator[Path]:
        work = self._paths.tmp / f"sync-{self._id}-{os.getpid()}"
        work.mkdir(mode=0o700, parents=True)
        name, moment = self._declaration.name, self._result.started_at
        try:
            with ledger_snapshot.marked(self._paths.state, name, self._id, moment):
                yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _start(
        self,
        connection: duckdb.DuckDBPyConnection,
        runner: Runner,
        wanted: Mapping[StreamKey, Table],
        known: names.Names,
    ) -> tuple[dict[StreamKey, Table], list[dict[str, Any]]]:
        """Tables and ledger rows in one transaction; returns them and the connector's states."""
        self._result.warnings += sync_modes.merge_leftovers(
            connection, self._leftovers.values(), self._loads
        )
        wanted = self._recognising(connection, wanted)
        plan: dict[StreamKey, Table] = {}
        connection.execute("begin")
        try:
            self._lost = self._tables_lost(connection, wanted)
            for key, table in wanted.items():
                if not self._reset:
                    sync_modes.require_key(connection, table)
                prepared, changes = sync_modes.prepare(connection, table, self._loads)
                self._result.warnings += changes
                plan[key] = sync_modes.with_generation(
                    connection, prepared, full_refresh=self._full_refresh, reset=self._reset
                )
            names.record(connection, known)
            ledger.start_sync(
                connection,
                self._id,
                plan.values(),
                connector=runner.name,
                connector_version=runner.version,
                declaration_version=self._configuration.declaration_digest,
            )
            states = ledger.current_states(
                connection,
                self._declaration.name,
                anew={key: self._starts_anew(table) for key, table in plan.items()},
            )
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise
        return plan, states

    def _require_all_that_share(
        self, connection: duckdb.DuckDBPyConnection, offered: Sequence[Mapping[str, Any]]
    ) -> None:
        """A shared state would go on without the records of streams that are left out.

        Raises IngestionError. Streams that are copied whole have no part in it.
        """
        name, declared = self._declaration.name, self._declaration.streams
        if self._streams is None or not ledger.shares_state(connection, name):
            return
        if declared is None:
            sharing = {str(each["name"]) for each in offered}
        else:
            sharing = {
                k for k, each in declared.items() if each.sync_mode not in sync_modes.REFRESHING
            }
        if left := sorted(sharing - set(self._streams)):
            raise IngestionError(
                f"{name}: the connector keeps one state for all of its streams, which would go on "
                f"without the records of {', '.join(left)}: load, refresh or reset all of its "
                f"streams together, without choosing some."
            )

    def _every(
        self, offered: list[catalogs.Discovered], known: names.Names
    ) -> dict[StreamKey, Table]:
        """The tables of all declared streams; of none where some cannot be read now."""
        if self._streams is None:
            return {}
        with suppress(IngestionError):
            selected = catalogs.select(self._declaration, offered, None)
            return catalogs.plan(self._declaration, selected, known)
        return {}

    def _recognising(
        self, connection: duckdb.DuckDBPyConnection, wanted: Mapping[StreamKey, Table]
    ) -> dict[StreamKey, Table]:
        """The tables, told to leave out what a server loaded already."""
        name = self._declaration.name
        found = {
            key: replace(
                table,
                recognises=not self._reset
                and table.declared.sync_mode == "incremental_append"
                and repeated_records.is_switched(connection, name, key, "embedded"),
            )
            for key, table in wanted.items()
        }
        repeated_records.require_keys(found.values(), "embedded")
        return found

    def _tables_lost(
        self, connection: duckdb.DuckDBPyConnection, wanted: Mapping[StreamKey, Table]
    ) -> set[StreamKey]:
        """The streams with a state whose tables somebody else dropped: they start from nothing.

        Raises IngestionError where deliveries are numbered, which would begin again as well.
        """
        lost = {
            key
            for key, table in wanted.items()
            if sync_modes.is_known(connection, table)
            and not tables.existing_columns(connection, table)
        }
        for key in sorted(lost, key=self._labels.__getitem__):
            said = f"{self._labels[key]}: its table was removed from {self._paths.raw_database}"
            if self._declaration.provenance:
                raise IngestionError(
                    f"{said}, and with it what was delivered. Put back a copy of that file, or "
                    f"give everything to a home of its own: TRADEHOUSE_HOME=<another directory>."
                )
            self._result.warnings.append(f"{said}; the stream is read from the start")
        return lost

    def _starts_anew(self, table: Table) -> bool:
        is_lost = table.key in self._lost
        return is_lost or self._full_refresh or table.declared.sync_mode in sync_modes.REFRESHING

    def _read(
        self,
        connection: duckdb.DuckDBPyConnection,
        runner: Runner,
        work: Path,
        plan: Mapping[StreamKey, Table],
        states: list[dict[str, Any]],
    ) -> None:
        committer = Committer(
            connection,
            plan,
            sync_id=self._id,
            source=self._declaration.name,
            loads=self._loads,
            staging=runner.staging,
            on_commit=self._committed,
        )
        reader = Reader(
            {key: catalogs.is_held(table) for key, table in plan.items()},
            last=[key for key, table in plan.items() if table.declared.commits_last],
            spool=work,
            submit=committer.submit,
            log=self._write_log,
            save_config=runner.renew,
            redact=self._redact,
            first_position=ledger.last_position(connection),
            shares_state=ledger.shares_state(connection, self._declaration.name),
        )
        try:
            with runner.read(catalogs.configured(plan, self._id), states) as process:
                try:
                    self._pump(reader, process)
                except ProtocolError as error:
                    # What states cover came before it and is kept.
                    self._fail(self._located(error))
                else:
                    self._judge(reader, process, plan)
            reader.finish(succeeded=self._result.status == "succeeded")
            committer.close()
        except KeyboardInterrupt:
            self._result.status = "cancelled"
            self._result.errors.append(SyncError("The sync was stopped."))
            committer.abandon()
            raise
        except (IngestionError, duckdb.Error, OSError) as error:
            committer.abandon()
            reader.close()
            _empty(work)
            if isinstance(error, ProtocolError):
                self._fail(self._located(error))
            else:
                self._fail(words(error, self._paths))
                self._write_log("ERROR", traceback.format_exc())
        finally:
            runner.redact_log()
            copies = [
                key
                for key, table in plan.items()
                if table.declared.sync_mode == "full_refresh_append"
            ]
            self._keep(reader, committer, copies)

    def _pump(self, reader: Reader, process: ConnectorProcess) -> None:
        told = time.monotonic()
        for item in read_items(process):
            reader.read(item)
            if self._progress is not None and time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                name = self._declaration.name
                for key, (count, size) in reader.spooled.items():
                    expected = reader.estimated_records.get(key)
                    label = self._labels[key]
                    self._progress(Progress(name, label, "reading", count, size, expected))

    def _judge(
        self, reader: Reader, process: ConnectorProcess, plan: Mapping[StreamKey, Table]
    ) -> None:
        """Success is exit code 0, no ERROR trace, and every selected stream COMPLETE."""
        code = process.wait()
        limits = self._declaration.limits
        for error in reader.errors:
            self._result.errors.append(SyncError(**self._redact.structure(vars(error))))
        by_exit_code = self._declaration.completion == "exit_code" and code == 0
        if by_exit_code and not (reader.errors or process.timed_out or reader.cut):
            reader.complete_all()
        missing = [self._labels[key] for key in plan if key not in reader.complete]
        if process.timed_out:
            self._fail(
                f"The connector sent nothing for {limits.silence_seconds:g} seconds, or did not "
                f"end, and was stopped."
            )
        elif code != 0 and not reader.errors:
            words = process.last_words() or "it said nothing"
            self._fail(f"The connector ended with exit code {code}: {words}")
        elif reader.cut is not None and not reader.errors:
            self._fail(f"The output is cut off: {self._located(reader.cut.error)}")
        elif missing and not reader.errors:
            advice = (
                " Of a connector that never says so, `completion: exit_code` in its declaration "
                "lets exit code 0 decide."
            )
            self._fail(
                f"The connector ended without saying that these streams are complete: "
                f"{', '.join(sorted(missing))}.{'' if by_exit_code else advice}"
            )
        if not self._result.errors:
            self._result.status = "succeeded"

    def _located(self, error: ProtocolError) -> str:
        """What is reported of unreadable output; how it begins is in the log alone.

        The log is readable by its owner only, and what is reported leaves the home with alerts.
        """
        self._write_log("ERROR", f"ProtocolError: {error.told(self._redact)}")
        return error.located(self._redact, self._log)

    def _fail(self, message: str) -> None:
        self._result.status = "failed"
        self._result.errors.append(SyncError(self._redact(message)))

    def _keep(self, reader: Reader, committer: Committer, copies: Collection[StreamKey]) -> None:
        """Note what was read and not; `copies` are streams whose full copies all stay."""
        result = self._result
        for key, stream in committer.results.items():
            stream.status = "complete" if key in reader.complete else "incomplete"
            result.streams[self._labels[key]] = stream
        result.warnings += dropped(reader, self._redact)
        for (_, unselected), count in reader.unselected.items():
            name = self._redact(unselected)
            result.unselected_records[name] = result.unselected_records.get(name, 0) + count
            left = f"{counted(count, 'record')} of {name} left, which is not selected"
            result.warnings.append(left)
        for key, fields in committer.unknown_fields.items():
            name = self._labels[key]
            self._discovery.forget()
            result.warnings.append(
                f"{name} brings fields that its catalogue does not have, which are not loaded: "
                f"{', '.join(f'{each} ({fields[each]})' for each in sorted(fields))}. "
                f"The next sync asks for the catalogue again; "
                f"--full-refresh brings what was missed"
            )
        for name, count in sorted((+self._malformed).items()):
            result.warnings.append(
                f"{counted(count, 'row')} of {name} could not be split into its columns: "
                f"{'each is' if count > 1 else 'it is'} kept with its text (_raw_text)"
                if self._declaration.provenance
                else f"{counted(count, 'empty line')} in files of {name} left out"
            )
        for key in committer.kept_empty:
            name = self._labels[key]
            if committer.results[key].records:
                continue
            would = "allow_empty_overwrite: true in the declaration would remove it"
            if key in copies:
                would = "models go on with the copy before, the newest that has records"
            result.warnings.append(f"{name} brought no records: what was there is kept ({would})")
        result.warnings = self._redact.structure(result.warnings)
        result.new_batches = sorted(self._new_batches)

    def _committed(self, segment: Segment, loaded: Loaded) -> None:
        for key, found in loaded.files.items():
            self._malformed[self._labels[key]] += sum(file.malformed for file in found)
            declared = (self._declaration.streams or {}).get(key[1])
            if declared is not None and declared.commits_last:
                batches = {file.reference.batch for file in found}
                self._new_batches |= {batch for batch in batches if batch is not None}
        for key, (count, size, _) in loaded.totals.items():
            stream = self._labels[key]
            self._totals[stream] += count
            self._sizes[stream] += size
            if self._progress is not None:
                name, total = self._declaration.name, self._totals[stream]
                self._progress(Progress(name, stream, "committed", total, self._sizes[stream]))

    def _close_ledger(
        self, connection: duckdb.DuckDBPyConnection, plan: Mapping[StreamKey, Table]
    ) -> None:
        """After a failure the ledger may be out of reach too: the next sync then closes it."""
        try:
            self._end(connection, plan)
        except (duckdb.Error, OSError) as error:
            if self._result.status == "succeeded":
                raise
            self._result.warnings.append(
                f"the ledger could not be closed ({words(error, self._paths)}); the next sync "
                f"closes it"
            )

    def _end(self, connection: duckdb.DuckDBPyConnection, plan: Mapping[StreamKey, Table]) -> None:
        """Close the ledger's rows and write what readers see."""
        result = self._result
        result.duration_seconds = time.monotonic() - self._started
        whole = result.status == "succeeded"
        statuses = {
            key: "succeeded"
            if whole or result.streams.get(self._labels[key]) is None
            else ("cancelled" if result.status == "cancelled" else "failed")
            for key in plan
        }
        error = None
        if result.errors:
            error = {"errors": [each.as_dict() for each in result.errors]}
        result.warnings += map(
            self._redact, sync_modes.merge(connection, plan.values(), self._loads)
        )
        connection.execute("begin")
        try:
            ledger.end_sync(connection, self._id, statuses, error)
            connection.execute("commit")
        except BaseException:
            connection.execute("rollback")
            raise
        ledger.write_snapshot(connection, self._paths)

    def _write_log(self, level: str, text: str) -> None:
        if level not in KEPT_LEVELS and self._logged > KEPT_LOG_BYTES:
            return
        line = f"{level} {self._redact(text)}\n"
        self._logged += len(line)
        if level not in KEPT_LEVELS and self._logged > KEPT_LOG_BYTES:
            line += "(more of what the connector says follows; only the beginning is kept)\n"
        with logs.Log(self._log) as log:
            log.write(line)


def dropped(reader: Reader, redact: Redact) -> list[str]:
    """What of the output was read and not used, counted and named; redacted before it is cut."""
    found = [
        f"Passed over, in the log: {counted(count, 'message')} of a type that is not known, {kind}"
        for kind, count in reader.unknown_messages.items()
    ]
    found += [
        f"{counted(count, 'state')} of {redact(json_text.whole(name))} left, which is not selected"
        for name, count in reader.unselected_states.items()
    ]
    if reader.first_noise is not None:
        first = reader.first_noise
        shown = redact(first.text)[:NOISE_SHOWN]
        if may_hold_values(first.text):
            shown = f"{counted(len(first.text), 'character')} with an object or a list in them"
        found.append(
            f"Passed over, in the log: {counted(reader.noise_lines, 'piece')} of output that is "
            f"not the Airbyte protocol; the first is on line {first.line}: {shown}"
        )
    return found


def _remove_leftovers(tmp: Path) -> None:
    """Spools of syncs that died; whoever holds the database knows that none runs."""
    for directory in tmp.glob("sync-*"):
        shutil.rmtree(directory, ignore_errors=True)


def _empty(work: Path) -> None:
    """Give the space of spooled records back at once; a full disk needs it."""
    for spool in work.glob("*.jsonl"):
        spool.unlink(missing_ok=True)


def words(error: BaseException, paths: Paths) -> str:
    """An error for people."""
    is_memory = isinstance(error, duckdb.OutOfMemoryException)
    if is_memory and not duckdb_messages.lacks_room(str(error)):
        return (
            f"The records need more memory than loading may take, {most_memory()}. Set "
            f"TRADEHOUSE_MEMORY_LIMIT to more, such as 4GB, then run again: what was committed "
            f"stays."
        )
    if isinstance(error, duckdb.CatalogException):
        return (
            f"{error}. Somebody else changed {paths.raw_database}: remove what was made there (a "
            f"view, an index, a table in the way), then run again."
        )
    if isinstance(error, OSError) and error.strerror:
        where = error.filename or paths.raw_database.parent
        return f"{error.strerror} ({where}); make room or check the directory, then run again."
    return str(error)
