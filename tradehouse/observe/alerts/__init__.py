"""Alerts: one message per root cause to its owner, and another when it is resolved.

`report` is what every command calls when it has ended, and what Dagster's sensor calls. Not here:
what is wrong with what (`tradehouse.build.execution`, `ingestion`), and the graph
(`tradehouse.dbt.graph`).
"""

from tradehouse.observe.alerts.book import OPENED, RECOVERED, Told, list_open, report
from tradehouse.observe.alerts.problem import Problem
from tradehouse.observe.alerts.problems import find

__all__ = ["OPENED", "RECOVERED", "Problem", "Told", "find", "list_open", "report"]
