"""dbt in this process: calling it, its progress, and the result of each node.

It knows no batches or releases. Only `DbtRunner` imports dbt, as that takes more than a second.
"""

import logging
import os
import re
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from tradehouse.dbt import speedups
from tradehouse.dbt.fingerprint import fingerprint_nodes, forget_other_parse
from tradehouse.errors import TradehouseError
from tradehouse.home.paths import PROJECT, Home, check_engine_settings
from tradehouse.terminal import exits

CHOSEN = "chosen_for_this_build"
LAST_NODE = "built_loads"
EVERYTHING = "*"
"""Instead of the names of models to build from nothing: all."""
BUILD_ONLY = "flags.WHICH"
"""What the code of a node says that a build compiles differently from the documentation."""
TELEMETRY = "DBT_SEND_ANONYMOUS_USAGE_STATS"
PROFILES = "profiles.yml"
VARIABLE = re.compile(r"env_var\('TRADEHOUSE_\w+', ('[^']*')\)")

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class NodeResult:
    """What came of one model, seed or test.

    `rows` and `columns` (name to type) where the build looked at what a model holds.
    """

    name: str
    unique_id: str
    resource_type: str
    status: str
    seconds: float
    failures: int
    message: str
    rows: int | None = None
    columns: dict[str, str] | None = None

    @property
    def is_test(self) -> bool:
        """Whether the node is a data test or a unit test."""
        return self.resource_type in ("test", "unit_test")


OnResult = Callable[[NodeResult], None]


@dataclass(frozen=True)
class Invocation:
    """What came of one dbt command."""

    success: bool
    nodes: list[NodeResult]
    message: str


class DbtRunner:
    """dbt on one home; parses once and keeps the manifest for all commands that follow."""

    def __init__(
        self, home: Home, report: Report | None = None, parsed: Path | None = None
    ) -> None:
        """Prepare; `report` gets a node's name, how many are done and how many there are.

        `parsed` is where dbt keeps what it parsed, if not in the home.
        """
        check_engine_settings()
        logging.raiseExceptions = False  # A log without room is no reason to print tracebacks.
        self.home = home
        self.report = report
        self.parsed = parsed or home.target
        self.manifest: Any = None
        self.fingerprints: dict[str, str] = {}
        self._parsing: Future[Any] | None = None
        self._is_compiled_from_nothing = False
        os.environ["DO_NOT_TRACK"] = "1"
        os.environ[TELEMETRY] = "false"

    @contextmanager
    def parsing_in_background(self) -> Iterator[None]:
        """Parse in a thread while a block waits for something else; `parse` takes what came of it.

        Importing dbt and parsing are seconds; an error is raised by `parse`. However the block
        ends, it waits for the thread: two commands of dbt at once would get in each other's way.
        """
        with ThreadPoolExecutor(max_workers=1) as beside:
            self._parsing = beside.submit(self._invoke_parse)
            yield

    def _invoke_parse(self) -> Any:
        forget_other_parse(self.parsed, PROJECT)
        write_profiles(self.parsed)
        options = self._options(self.parsed, profiles=self.parsed)
        return self._invoke(["parse", *options, "--no-write-json"])

    def take_parse(self, other: "DbtRunner") -> None:
        """Use the manifest of one that parsed before this process was forked.

        Its lock is left to the process it was made in: another fork may be killed while it has it.
        """
        from dbt.mp_context import get_mp_context

        other.manifest._lock = get_mp_context().Lock()
        self.manifest, self.fingerprints = other.manifest, other.fingerprints

    def parse(self) -> Any:
        """Return the manifest of the project, parsed at most once.

        Raises:
            TradehouseError: when the project does not parse.
        """
        if self.manifest is None:
            begun, self._parsing = self._parsing, None
            outcome = self._invoke_parse() if begun is None else begun.result()
            if not outcome.success or outcome.result is None:
                raise TradehouseError(
                    f"dbt cannot read the project in {PROJECT}: "
                    f"{describe(outcome.exception)}\nThe whole log: {self.home.logs / 'dbt.log'}"
                )
            self.manifest = outcome.result
            # A build adds to the manifest which macros ran; only as parsed it compares with others.
            self.fingerprints = fingerprint_nodes(self.manifest, PROJECT)
        return self.manifest

    def build(
        self,
        environment: dict[str, str],
        *,
        full_refresh: bool = False,
        from_nothing: bool = False,
        select: Sequence[str] = (),
        on_result: OnResult | None = None,
        counts_rows: bool = True,
    ) -> Invocation:
        """Build and test everything but dbt's unit tests, with variables set for the time of it.

        `from_nothing` says that every node is compiled as for a new warehouse, which is what the
        documentation shows; `select` are names of models, seeds and tests to which the build is
        restricted. `on_result` gets every node's result as soon as the node has finished, from
        a thread of dbt; with the columns of a model, and its rows where `counts_rows` says so.
        """
        arguments = ["build", *self._options(), "--no-write-json"]
        arguments += ["--exclude", "resource_type:unit_test"]
        if select:
            arguments += ["--indirect-selection", "empty", "--select", f"tag:{CHOSEN}"]
        if full_refresh:
            arguments.append("--full-refresh")
        manifest = self.parse()
        with variables_set(environment), _tagged(manifest, select), _behind_all(manifest):
            outcome = self._invoke(arguments, on_result, counts_rows=counts_rows)
        self._is_compiled_from_nothing = from_nothing and bool(outcome.success)
        return _invocation(outcome)

    def generate_docs(self) -> Invocation:
        """Write the static documentation site to the home's target folder.

        What the last build compiled from nothing is not compiled again, save nodes that a build
        compiles differently.
        """
        manifest = self.parse()
        arguments = ["docs", "generate", "--static", *self._options()]
        if self._is_compiled_from_nothing:
            from dbt.parser.manifest import write_manifest

            nodes = manifest.nodes.values()
            if differing := [node.name for node in nodes if BUILD_ONLY in node.raw_code]:
                chosen = ["--select", *differing]
                outcome = self._invoke(["compile", *self._options(), "--no-write-json", *chosen])
                if not outcome.success:
                    return _invocation(outcome)
            write_manifest(manifest, str(self.home.target))
            arguments.append("--no-compile")
        return _invocation(self._invoke(arguments))

    def _options(self, target: Path | None = None, profiles: Path = PROJECT) -> list[str]:
        return [
            *("--project-dir", str(PROJECT), "--profiles-dir", str(profiles), "--target", "main"),
            *("--target-path", str(target or self.home.target)),
            *("--log-path", str(self.home.logs)),
            *("--log-level", "none", "--log-level-file", "info"),
        ]

    def _invoke(
        self,
        arguments: list[str],
        on_result: OnResult | None = None,
        *,
        counts_rows: bool = True,
    ) -> Any:
        """Call dbt; what stops the whole command (a signal, disk, memory) is raised."""
        _start_resource_tracker()
        speedups.prepare()
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        from tradehouse.dbt import plugin

        watcher = _Watcher(self.report, on_result, counts_rows)
        try:
            with _settings_hidden():
                outcome = dbtRunner(self.manifest, callbacks=[watcher]).invoke(arguments)
            exits.check()
            if isinstance(outcome.exception, KeyboardInterrupt | OSError | MemoryError):
                raise outcome.exception
            return outcome
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
            plugin.release()


def write_profiles(folder: Path) -> None:
    """Write the profiles to parse with: those of the project, with the default of each variable.

    No node depends on where a home is or how much memory it may take, and dbt would parse
    everything anew when its connection changes. A build has the project's own profiles. Whoever
    parses into one directory has to parse with the same ones.

    Args:
        folder: the directory where dbt keeps what it parsed.
    """
    written = folder / PROFILES
    text = VARIABLE.sub(r"\1", (PROJECT / PROFILES).read_text(encoding="utf-8"))
    if not written.is_file() or written.read_text(errors="replace") != text:
        written.write_text(text, encoding="utf-8")


def _start_resource_tracker() -> None:
    """Start the process that Python keeps beside dbt's locks, deaf to hang-ups as to other signals.

    It is in the terminal's group, and where it dies Python says so at length when we end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Watcher:
    """Turns dbt's events into calls of a report, and results into calls of who waits for them."""

    hears = frozenset({"LogStartLine", "LogHookStartLine", "NodeFinished"})

    def __init__(
        self, report: Report | None, on_result: OnResult | None, counts_rows: bool
    ) -> None:
        self.report = report
        self.on_result = on_result
        self.counts_rows = counts_rows
        self.done = 0
        self.total = 0

    def __call__(self, event: Any) -> None:
        if self.on_result is not None and event.info.name == "NodeFinished":
            self.on_result(_result_of(event.data, self.counts_rows))
        if self.report is None:
            return
        if event.info.name in ("LogStartLine", "LogHookStartLine"):
            self.total = max(self.total, event.data.total)
            self.report(event.data.node_info.node_name, self.done, self.total)
        elif event.info.name == "NodeFinished":
            self.done += 1
            self.report(event.data.node_info.node_name, self.done, max(self.total, self.done))


def _result_of(data: Any, counts_rows: bool) -> NodeResult:
    node, result = data.node_info, data.run_result
    is_done = result.status == "success"
    rows, columns = _measure(node, counts_rows) if is_done else (None, None)
    return NodeResult(
        name=node.node_name,
        unique_id=node.unique_id,
        resource_type=node.resource_type,
        status=result.status,
        seconds=float(result.execution_time),
        failures=int(result.num_failures),
        message=result.message,
        rows=rows,
        columns=columns,
    )


def _measure(node: Any, counts_rows: bool) -> tuple[int | None, dict[str, str] | None]:
    """Return rows and columns of a model or seed, on the connection that dbt has open."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    environment = DuckDBConnectionManager._ENV
    connection = getattr(environment, "conn", None)
    relation = node.node_relation.relation_name
    if connection is None or not relation or node.resource_type == "test":
        return None, None
    with connection.cursor() as cursor:
        described = cursor.execute(f"describe {relation}").fetchall()
        columns = {name: kind for name, kind, *_ in described}
        if not counts_rows:
            return None, columns
        return int(cursor.execute(f"select count(*) from {relation}").fetchone()[0]), columns


@contextmanager
def _tagged(manifest: Any, names: Collection[str]) -> Iterator[None]:
    """Tag nodes for the time of a block: dbt compares every name it is given with every node."""
    chosen = set(names)
    nodes = [node for node in manifest.nodes.values() if node.name in chosen]
    for node in nodes:
        node.tags.append(CHOSEN)
    try:
        yield
    finally:
        for node in nodes:
            node.tags.remove(CHOSEN)


@contextmanager
def _behind_all(manifest: Any) -> Iterator[None]:
    """Let `LAST_NODE` come behind every model and its tests, those it does not refer to as well.

    What reads it comes behind it.
    """
    nodes = manifest.nodes
    last = next((one for one, node in nodes.items() if node.name == LAST_NODE), None)
    if last is None:
        yield
        return
    behind = {last}
    for _ in nodes:
        found = {
            one
            for one, node in nodes.items()
            if not behind.isdisjoint(getattr(node.depends_on, "nodes", ()))
        }
        if found <= behind:
            break
        behind |= found
    reads = nodes[last].depends_on.nodes
    others = [one for one, node in nodes.items() if node.resource_type in ("model", "snapshot")]
    added = sorted(set(others) - behind - set(reads))
    reads += added
    try:
        yield
    finally:
        del reads[len(reads) - len(added) :]


@contextmanager
def variables_set(environment: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the time of a block; afterwards all is as it was."""
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _settings_hidden() -> Iterator[None]:
    """Hide the variables by which dbt takes options, for the time of a block.

    One that a person exports for work by hand (DBT_EMPTY, DBT_EXCLUDE_RESOURCE_TYPES) would build
    without rows or tests. What models read by `env_var` stays.
    """
    from dbt.cli.main import cli

    options = [option for command in (cli, *cli.commands.values()) for option in command.params]
    known = {name for one in options for name in _names(one.envvar)} - {TELEMETRY}
    hidden = {name: os.environ.pop(name) for name in known & os.environ.keys()}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _names(variables: str | Sequence[str] | None) -> Sequence[str]:
    return [variables] if isinstance(variables, str) else variables or []


def _invocation(outcome: Any) -> Invocation:
    results = getattr(outcome.result, "results", None) or []
    nodes = [
        NodeResult(
            name=result.node.name,
            unique_id=result.node.unique_id,
            resource_type=str(result.node.resource_type),
            status=str(result.status),
            seconds=float(result.execution_time),
            failures=int(result.failures or 0),
            message=str(result.message or ""),
        )
        for result in results
        if hasattr(result, "node") and hasattr(result, "status")
    ]
    return Invocation(bool(outcome.success), nodes, describe(outcome.exception))


def without_model(message: str) -> str:
    """Return the words of a node's error without the line in which dbt names the model."""
    return re.sub(r"^\w+ Error in \w+ \w+ \([^)]*\)\s*", "", " ".join(message.split()))


def describe(exception: BaseException | None) -> str:
    """Return an error of dbt in one piece, without the frame it puts around it."""
    if exception is None:
        return ""
    lines = [line.strip() for line in str(exception).splitlines() if line.strip()]
    return " ".join(line for line in lines if line not in ("Runtime Error", "Database Error"))
