"""Questions answered: their SQL run on a release's file, which is opened to be read only."""

import datetime
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from exposition.metrics import definitions as defined
from exposition.metrics.definitions import Definitions
from exposition.metrics.planning import Plan, Planner
from exposition.metrics.questions import Question, last_days
from tradehouse.home.database import attach, connect, literal
from tradehouse.publish import releases


@dataclass(frozen=True)
class Answer:
    """Rows of a question; columns are the time, then the dimensions, then the metrics.

    Amounts are exact decimals, days are dates. `planned_seconds` is what making the SQL took, next
    to nothing when it was known; `seconds` is what the database took.
    """

    release_id: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    planned_seconds: float
    seconds: float


class Metrics:
    """The metrics of one release; for any number of threads."""

    def __init__(self, release: Path, planner: Planner | None = None) -> None:
        """Read the definitions of a release; its file is opened by the first question.

        Args:
            release: its directory. A link is followed now, so that what is published later does
                not change the answers.
            planner: one that is shared by the metrics of several releases; default: its own.

        Raises:
            TradehouseError: when the release has no metrics.
        """
        self.release = release.resolve()
        self.definitions: Definitions = defined.of_release(self.release)
        self._planner = planner or Planner()
        self._lock = threading.Lock()
        self._connection: Any = None

    def answer(self, question: Question) -> Answer:
        """Return the rows of a question.

        Raises:
            DamagedError: when the release's file cannot be read.
        """
        begun = time.perf_counter()
        plan = self._planner.plan(self.definitions, question.shape)
        planned = time.perf_counter()
        cursor = self._cursor()
        try:
            result = cursor.execute(plan.sql, self._values(plan, question))
            columns = tuple(one[0] for one in result.description)
            rows = [tuple(map(_plain, row)) for row in result.fetchall()]
        finally:
            cursor.close()
        done = time.perf_counter()
        return Answer(self.definitions.release_id, columns, rows, planned - begun, done - planned)

    def explain(self, question: Question) -> str:
        """Return the SQL of a question with its values in it, for people to read and to run."""
        plan = self._planner.plan(self.definitions, question.shape)
        values = self._values(plan, question)
        return _placed(plan.sql, {name: _written(value) for name, value in values.items()})

    def close(self) -> None:
        """Close the release's file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _values(self, plan: Plan, question: Question) -> dict[str, Any]:
        values: dict[str, Any] = dict(question.values)
        if "last_days" in plan.names:
            values["last_days"] = last_days(question, self.definitions.last_day)
        return {name: values[name] for name in plan.names}

    def _cursor(self) -> Any:
        with self._lock:
            if self._connection is None:
                self._connection = _open(self.release / releases.DATABASE)
            cursor = self._connection.cursor()
        cursor.execute("use release")
        return cursor


class MetricsOfReleases:
    """The metrics of several releases, for a server that answers from the published one for long.

    All share one planner; the files of the releases that were asked last are kept open.
    """

    def __init__(self, most: int = 3) -> None:
        """Open nothing yet; `most` is how many releases are kept open."""
        self._most, self._planner, self._lock = most, Planner(), threading.Lock()
        self._kept: OrderedDict[Path, Metrics] = OrderedDict()

    def of(self, release: Path) -> Metrics:
        """Return the metrics of a release by its directory; raises as `Metrics` does."""
        release = release.resolve()
        with self._lock:
            found = self._kept.get(release)
            if found is None:
                found = self._kept[release] = Metrics(release, self._planner)
            self._kept.move_to_end(release)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found


def _open(path: Path) -> Any:
    """Return a connection that can do nothing but read a file, whoever else has it open here."""
    connection = connect()
    attach(connection, path, "release")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _plain(value: Any) -> Any:
    """Return the start of a period, which DuckDB gives as a time, as the day that it is."""
    return value.date() if isinstance(value, datetime.datetime) else value


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]::date[]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, datetime.date):
        return f"date '{value}'"
    return str(literal(value))


def _placed(sql: str, texts: dict[str, str]) -> str:
    """Return SQL with texts in the places of names; what is in a text is no name."""
    return re.sub(r"\$(\w+)", lambda found: texts.get(found[1], found[0]), sql)
