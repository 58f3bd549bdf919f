"""SQL of a question, by MetricFlow; kept by release and shape, as making it takes 0.1 s and more.

MetricFlow takes conditions as templates of Jinja. The ones it gets here are made of names that the
definitions know and of names of values (`$filter_1_1`): nothing that somebody wrote is in them.
Importing MetricFlow takes a second, so only a plan that is not kept does.

A level, such as assets or customers, must not be added up over days. MetricFlow would take it from
the last day that has a row, which after a filter may be long before the end: of a share that was
sold, the day before the sale. So a level is taken from the last day of a period whatever is there:
the release's last day, or the last one asked about, and with a grain the last one of each. The
condition stands inside, at the table, where views by day work out the days that are asked for.
"""

import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from exposition.metrics.conditions import LISTS, WITHOUT_VALUE
from exposition.metrics.definitions import Definitions
from exposition.metrics.questions import Shape, value_name

MOST_PLANS = 2000
MOST_ENGINES = 4
TIME = "metric_time"
_DAY = f"{{{{ TimeDimension('{TIME}', 'day') }}}}"


@dataclass(frozen=True)
class Plan:
    """SQL, and the names of the values that have to be bound when it runs."""

    sql: str
    names: frozenset[str]


class Planner:
    """Makes and keeps the SQL of questions; for any number of threads."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._lock = threading.Lock()
        self._engines: OrderedDict[str, tuple[Any, dict[str, str]]] = OrderedDict()
        self._plans: OrderedDict[tuple[str, Shape], Plan] = OrderedDict()

    def plan(self, definitions: Definitions, shape: Shape) -> Plan:
        """Return the SQL of questions of a shape, with names where their values go.

        The names are those of a question's values, and `last_days` for levels: the days that they
        are taken from. Columns are the time, if there is a grain, then the dimensions, then the
        metrics; rows are ordered by the former two.
        """
        key = (definitions.release_id, shape)
        with self._lock:
            found = self._plans.get(key)
            if found is None:
                found = _make(*self._engine(definitions), shape)
                self._plans[key] = found
            self._plans.move_to_end(key)
            _shorten(self._plans, MOST_PLANS)
        return found

    def _engine(self, definitions: Definitions) -> tuple[Any, dict[str, str]]:
        engine = self._engines.get(definitions.release_id)
        if engine is None:
            engine = self._engines[definitions.release_id] = _start(definitions)
        self._engines.move_to_end(definitions.release_id)
        _shorten(self._engines, MOST_ENGINES)
        return engine


def _shorten(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)


def _start(definitions: Definitions) -> tuple[Any, dict[str, str]]:
    """Return MetricFlow on the definitions, and the conditions of the tables of levels."""
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantics.model.dbt_manifest_parser import (
        parse_manifest_from_dbt_generated_manifest,
    )
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Dialect:
        """What MetricFlow has to know of a database to write SQL for it; it never runs any."""

        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    found = json.loads(definitions.manifest)
    levels = _take_levels(found)
    manifest = parse_manifest_from_dbt_generated_manifest(json.dumps(found))
    dialect: Any = Dialect()
    return MetricFlowEngine(SemanticManifestLookup(manifest), dialect), levels


def _take_levels(manifest: dict[str, Any]) -> dict[str, str]:
    """Take from the definitions what says that measures are levels; return conditions by table.

    A level is a measure with a `non_additive_dimension`; a table of levels has nothing else.
    """
    found = {}
    for model in manifest["semantic_models"]:
        taken = [one.pop("non_additive_dimension", None) for one in model["measures"]]
        if any(taken):
            if not all(taken):
                raise ValueError(f"{model['name']} mixes levels with what can be added up")
            [day] = [one for one in model["dimensions"] if one["name"] == taken[0]["name"]]
            table = model["node_relation"]["relation_name"]
            found[table] = f"list_contains($last_days, {day.get('expr') or day['name']})"
    return found


def _make(engine: Any, levels: dict[str, str], shape: Shape) -> Plan:
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest, OutputColumnOrderMode

    grouped = [*([f"{TIME}__{shape.grain}"] if shape.grain else []), *shape.by]
    request = MetricFlowQueryRequest.create(
        metric_names=shape.metrics,
        group_by_names=grouped,
        order_by_names=grouped,
        where_constraints=_conditions(shape),
        output_column_order_mode=OutputColumnOrderMode.TYPE_GROUPED,
    )
    sql = str(engine.explain(request).sql_statement.sql)
    for table, condition in levels.items():
        limited = f"FROM (FROM {table} WHERE {condition}) "
        sql = sql.replace(f"FROM {table} ", limited)
        if len(re.findall(rf"{re.escape(table)}(?!\w)", sql)) != sql.count(limited):
            raise ValueError(f"{table} is not read as expected, so its days would be added up")
    if shape.has_limit:
        sql += "\nLIMIT $limit"
    return Plan(sql, frozenset(re.findall(r"\$(\w+)", sql)))


def _conditions(shape: Shape) -> list[str]:
    found = [f"{_DAY} is not null"] if shape.grain else []  # An open trade is in no period.
    found += [f"{_DAY} >= $since"] if shape.has_since else []
    found += [f"{_DAY} <= $until"] if shape.has_until else []
    for number, (name, operator, length) in enumerate(shape.filters):
        column = f"{{{{ Dimension('{name}') }}}}"
        values = ", ".join(f"${value_name(number, one)}" for one in range(length))
        if operator in WITHOUT_VALUE:
            found.append(f"{column} {operator}")
        elif operator in LISTS:
            found.append(f"{column} {operator} ({values})")
        else:
            found.append(f"{column} {operator} {values}")
    return found
