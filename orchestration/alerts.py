"""The sensor that reports what is late or resolved while no command runs.

`tradehouse.observe.alerts` decides what is wrong, who is notified and how; every step reports at
its own end (`tradehouse.runs.session`).
"""

from dagster import SensorDefinition

from orchestration.sensors import watching_sensor
from tradehouse.home.paths import find_home
from tradehouse.observe import alerts

INTERVAL_SECONDS = 60


def alert_sensor() -> SensorDefinition:
    """Return the sensor that notifies owners."""
    return watching_sensor(
        "alerts",
        INTERVAL_SECONDS,
        "Tells owners what is late, and what is over.",
        lambda _: "; ".join(map(str, alerts.report(find_home()))) or "Nothing new to tell.",
    )
