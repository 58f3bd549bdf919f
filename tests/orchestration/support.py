"""How the tests of the orchestration run days, and ask what became of them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagster import DagsterInstance, Definitions
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from orchestration.jobs import DAY
from orchestration.page import write_settings
from tests.landing import brokerage_files, write_landing
from tradehouse.home.paths import Home

FILES = brokerage_files(days=2)
FIRST, MIDDLE, LAST = "2019-06-29", "2019-06-30", "2019-07-01"


@dataclass
class Run:
    """A home, the events of a run on it, and what another run needs."""

    home: Path
    result: Any
    definitions: Definitions = field(default_factory=Definitions)
    instance: Any = None

    def day(self, first: str, last: str | None = None, select: list[str] | None = None) -> Any:
        """Run one day, or several in one run."""
        return run_day(self.definitions, self.instance, first, last, select)


def deliver(landing: Path, days: int) -> Path:
    """Write the historical batch and some days of the hand-written brokerage."""
    batches = tuple(f"Batch{number}" for number in range(1, days + 2))
    return write_landing(landing, {n: c for n, c in FILES.items() if n.startswith(batches)})


def open_instance(home: Path) -> DagsterInstance:
    """Open the instance below a home, with the settings of `make ui`."""
    return DagsterInstance.from_config(str(write_settings(Home(home))))


def run_day(
    definitions: Definitions,
    instance: DagsterInstance,
    first: str,
    last: str | None = None,
    select: list[str] | None = None,
) -> Any:
    """Execute the job of a day in this process; `select` are keys such as `gold/dim_trade`."""
    from dagster import AssetKey

    job = definitions.resolve_job_def(DAY)
    tags = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last or first}
    return job.execute_in_process(
        instance=instance,
        partition_key=None if last else first,
        tags=tags if last else {},
        raise_on_error=False,
        asset_selection=[AssetKey(one.split("/")) for one in select] if select else None,
    )


def materialized(result: Any) -> set[str]:
    """Return the keys that a run materialized."""
    return {
        event.asset_key.to_user_string()
        for event in result.all_events
        if event.is_step_materialization
    }


def evaluated(result: Any) -> dict[tuple[str, str], bool]:
    """Return whether each check that a run evaluated passed, by asset and name."""
    return {
        (one.asset_key.to_user_string(), one.check_name): one.passed
        for one in result.get_asset_check_evaluations()
    }


def why(result: Any) -> str:
    """Return what the failed steps of a run say."""
    return "\n".join(
        str(event.event_specific_data.error)
        + str(getattr(event.event_specific_data, "user_failure_data", "") or "")
        for event in result.all_events
        if event.event_type_value == "STEP_FAILURE"
    )
