"""What a story asks of its release: metrics, and rows of marts; the file is opened to read only.

The SQL of metrics is kept from release to release, as making it takes seconds: it depends on the
definitions and on the code that makes it, and on nothing else.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from exposition.metrics import definitions as defined
from exposition.metrics import planning
from exposition.metrics.answers import Metrics
from exposition.metrics.definitions import Definitions
from exposition.metrics.planning import Plan, Planner
from exposition.metrics.questions import Question, Shape, ask
from tradehouse.home.database import connected
from tradehouse.home.paths import Home
from tradehouse.publish import releases
from tradehouse.publish.releases import Release


class KeptPlanner(Planner):
    """A planner that begins with plans of an earlier process; `plans` is what to keep for later."""

    def __init__(self, kept: Mapping[str, Sequence[Any]]) -> None:
        """Begin with what `plans` of an earlier one was; plans of other definitions are left."""
        super().__init__()
        self._kept = kept
        self.plans: dict[str, Sequence[Any]] = {}

    def plan(self, definitions: Definitions, shape: Shape) -> Plan:
        """Return the plan of a shape, made only when it is not kept."""
        key = f"{_digest(definitions.manifest)} {shape}"
        if key not in self._kept:
            made = super().plan(definitions, shape)
            self._kept = {**self._kept, key: [made.sql, sorted(made.names)]}
        self.plans[key] = self._kept[key]
        sql, names = self._kept[key]
        return Plan(sql, frozenset(names))


@lru_cache(maxsize=4)
def _digest(manifest: str) -> str:
    code = Path(planning.__file__).read_text(encoding="utf-8")
    return hashlib.sha256(f"{version('metricflow')} {code} {manifest}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Asking:
    """A release that can be asked; `day` is its last one, `folder` where its files lie now."""

    home: Home
    release: Release
    folder: Path
    day: date | None
    metrics: Metrics
    connection: Any

    def rows(
        self, statement: str, parameters: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a query of marts; none of its columns may be personal."""
        return list(self.connection.execute(statement, parameters).fetchall())

    def has(self, *tables: str) -> bool:
        """Whether the release has all of some tables."""
        return all(table in self.release.rows or self._has_view(table) for table in tables)

    def figures(
        self,
        *names: str,
        by: Sequence[str] = (),
        grain: str | None = None,
        since: date | None = None,
        until: date | None = None,
    ) -> list[dict[str, Any]]:
        """Return rows of metrics as dictionaries; the start of a period is `period`.

        Metrics that the release does not have are None in every row; without any of them there are
        no rows.
        """
        definitions = self.metrics.definitions
        known = [one for one in names if one in definitions.metrics]
        if not known:
            return []
        question: Question = ask(
            definitions,
            known,
            by=by,
            grain=grain,
            since=str(since) if since else None,
            until=str(until) if until else None,
        )
        answer = self.metrics.answer(question)
        columns = [*(["period"] if grain else []), *by, *known]
        empty: dict[str, Any] = dict.fromkeys(names)
        return [{**empty, **dict(zip(columns, row, strict=True))} for row in answer.rows]

    def daily(self, name: str, days: int) -> list[tuple[date, Any]]:
        """Return a metric for each of the last days, oldest first; a day without rows has 0."""
        if self.day is None or name not in self.metrics.definitions.metrics:
            return []
        since = self.day - timedelta(days - 1)
        rows = self.figures(name, grain="day", since=since, until=self.day)
        found = {row["period"]: row[name] or 0 for row in rows}
        first = min(found, default=since)
        every = [since + timedelta(one) for one in range(days)]
        return [(one, found.get(one, 0)) for one in every if one >= first]

    def _has_view(self, table: str) -> bool:
        wanted = "select 1 from duckdb_views() where schema_name = 'gold' and view_name = ?"
        return bool(self.rows(wanted, [table]))


@contextmanager
def asking(home: Home, folder: Path, release: Release, planner: Planner) -> Iterator[Asking]:
    """Open a release for questions until the block ends.

    Raises:
        TradehouseError: when the release has no metrics.
        DamagedError: when its file cannot be read.
    """
    day = defined.of_release(folder).last_day
    with connected(folder / releases.DATABASE) as connection:
        metrics = Metrics(folder, planner)
        try:
            yield Asking(home, release, folder, day, metrics, connection)
        finally:
            metrics.close()


def plain(value: object) -> str:
    """Return JSON of values, the same for the same values."""
    return json.dumps(value, sort_keys=True, default=str)
