"""The sensor that looks for what is late or over while no command runs.

What is wrong, to whom it is told and how, is for `tradehouse.alerts` to know; every step tells at
its end by itself (`tradehouse.working`).
"""

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from tradehouse import alerts
from tradehouse.home import find_home

INTERVAL_SECONDS = 60


def alert_sensor() -> SensorDefinition:
    """Return the sensor; it starts nothing and is always on."""

    @sensor(
        name="alerts",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Tells owners what is late, and what is over.",
    )
    def look(_context: SensorEvaluationContext) -> SkipReason:
        told = alerts.report(find_home())
        return SkipReason("; ".join(str(one) for one in told) or "Nothing new to tell.")

    return look
