"""The sensor that reports what is late or resolved while no command runs.

What is wrong, to whom it is told and how, is for `tradehouse.observe.alerts` to know; every step
tells at its end by itself (`tradehouse.runs.session`).
"""

from dagster import SensorDefinition

from orchestration.sensors import watching_sensor
from tradehouse.home.paths import find_home
from tradehouse.observe import alerts

INTERVAL_SECONDS = 60


def alert_sensor() -> SensorDefinition:
    """Return the sensor that tells owners."""
    return watching_sensor(
        "alerts",
        INTERVAL_SECONDS,
        "Tells owners what is late, and what is over.",
        lambda _: "; ".join(map(str, alerts.report(find_home()))) or "Nothing new to tell.",
    )
