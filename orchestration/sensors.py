"""Sensors that only observe and report. What each looks for has a module of its own."""

from collections.abc import Callable

from dagster import (
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)


def watching_sensor(
    name: str, seconds: int, description: str, look: Callable[[SensorEvaluationContext], str]
) -> SensorDefinition:
    """Return a sensor that is always on; what `look` returns is shown beside it on the page."""

    @sensor(
        name=name,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description=description,
    )
    def tell(context: SensorEvaluationContext) -> SkipReason:
        return SkipReason(look(context))

    return tell
