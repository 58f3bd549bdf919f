"""Alerts: one message per root cause to its owner, and another when it is resolved.

Every command calls `report` when it has ended, and so does Dagster's sensor. Not here: how faults
are found (`tradehouse.build.execution`, `ingestion`), and the graph (`tradehouse.dbt.graph`).
"""

from tradehouse.observe.alerts.book import OPENED, RECOVERED, Told, list_open, report
from tradehouse.observe.alerts.find_problems import find
from tradehouse.observe.alerts.problem import Problem

__all__ = ["OPENED", "RECOVERED", "Problem", "Told", "find", "list_open", "report"]
