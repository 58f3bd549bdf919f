"""What Dagster costs on top: the same deliveries through `tradehouse run` and through its job.

    python -m benchmarks.orchestration LANDING

Prints the seconds of `tradehouse run`, those of the job from its first step's start to its last
one's end, their ratio, and what starting the job costs before that. Each has a home of its own.
In brackets the processor seconds of all, to which other work on the machine adds little.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def measure_command_line(home: Path, landing: Path) -> float:
    """Return the wall seconds of `tradehouse run` on a new home."""
    begun = time.monotonic()
    run(home, [sys.executable, "-m", "tradehouse.cli.parser", "run", "--landing", str(landing)])
    return time.monotonic() - begun


def processor_seconds() -> float:
    """Return what all child processes that have ended took of the processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_job(home: Path, landing: Path) -> tuple[float, float]:
    """Return the job's seconds between first and last step, and the seconds before the first."""
    from dagster import DagsterEventType, DagsterInstance

    from orchestration import manifest
    from orchestration.page import write_settings
    from tradehouse.home.paths import Home
    from tradehouse.loads import brokerage

    folder = write_settings(Home(home))
    manifest.prepare()
    days = [day.isoformat() for day in brokerage.find_days(landing).values()]
    tags = (
        f'{{"dagster/asset_partition_range_start": "{days[0]}",'
        f' "dagster/asset_partition_range_end": "{days[-1]}"}}'
    )
    job = [sys.executable, "-m", "dagster", "job", "execute", "-j", "brokerage_day"]
    begun = time.time()
    run(
        home,
        [*job, "-m", "orchestration.definitions", "--tags", tags],
        DAGSTER_HOME=str(folder),
        TRADEHOUSE_LANDING=str(landing),
    )
    with DagsterInstance.from_config(str(folder)) as instance:
        [record] = instance.get_runs()
        logs = instance.all_logs(record.run_id)
    started = [e.timestamp for e in logs if e.dagster_event_type == DagsterEventType.STEP_START]
    ended = [e.timestamp for e in logs if e.dagster_event_type == DagsterEventType.STEP_SUCCESS]
    return max(ended) - min(started), min(started) - begun


def run(home: Path, command: list[str], **settings: str) -> None:
    """Run a command on a home; its words are shown when it fails."""
    environment = {**os.environ, "TRADEHOUSE_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        command,
        env=environment | settings,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout[-4000:])


def main() -> None:
    """Measure and print."""
    landing = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="tradehouse-") as folder:
        plain = measure_command_line(Path(folder) / "plain", landing)
        plain_used = processor_seconds()
        steps, start = measure_job(Path(folder) / "dagster", landing)
        job_used = processor_seconds() - plain_used
    print(f"tradehouse run          {plain:6.1f} s ({plain_used:.1f})")
    print(f"the job, first to last  {steps:6.1f} s, {steps / plain:.2f} of it")
    print(f"before its first step   {start:6.1f} s (with the steps {job_used:.1f})")


if __name__ == "__main__":
    main()
