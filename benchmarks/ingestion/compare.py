"""Loading trades and holdings side by side: this project, PyAirbyte, a CDK connector, DuckDB alone.

    python -m benchmarks.ingestion.compare [LANDING] [--rounds 3] [--without-pyairbyte]

Without a landing directory a brokerage of scale 3 is simulated. Prints Markdown: wall time, CPU
time, peak memory and rate of every load, and the ratios that are promised. PyAirbyte and the CDK
get environments of their own below the user's cache; what cannot be installed is left out, with
the reason. Every load starts from nothing, in a process of its own; rounds alternate.
"""

import argparse
import datetime as dt
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from benchmarks.ingestion.loads import STREAMS, columns
from benchmarks.ingestion.measure import Measured, measure
from ingestion import environments
from ingestion.errors import ConnectorError

HERE = Path(__file__).parent
CDK, PYAIRBYTE = "7.39.1", "0.71.3"
PYTHON = ">=3.10,<3.13"
FILES, RECORDS = "own connector, whole files", "own connector, records"
WITH_CDK, WITH_PYAIRBYTE = "CDK connector, own loader", "CDK connector, PyAirbyte"
DIRECT, PLAIN = "DuckDB read_csv, with Airbyte's columns", "DuckDB read_csv, without"

Load = Callable[[Path], list[str]]
"""From an empty directory to the command line of a load."""


def loads(landing: Path, folder: Path, cached: Path, *, pyairbyte: bool) -> dict[str, Load]:
    """The loads by name, without those that cannot be installed."""
    module = [sys.executable, "-m", "benchmarks.ingestion.loads"]
    where = str(landing)
    found: dict[str, Load] = {
        FILES: lambda home: [*module, "own", where, str(home), "use_file_transfer"],
        RECORDS: lambda home: [*module, "own", where, str(home), "use_records_transfer"],
        DIRECT: lambda home: [*module, "direct", where, str(home / "direct.duckdb"), "raw"],
        PLAIN: lambda home: [*module, "direct", where, str(home / "plain.duckdb"), "plain"],
    }
    config = folder / "config.json"
    streams = [
        {"name": name, "pattern": STREAMS[name], "columns": listed}
        for name, listed in columns().items()
    ]
    config.write_text(json.dumps({"landing": where, "streams": streams}))
    cdk = _python_with(cached, "airbyte-cdk", CDK)
    if cdk is None:
        return found
    connector = folder / "source-delivered"
    connector.write_text(f'#!/bin/sh\nexec "{cdk}" "{HERE / "cdk_source.py"}" "$@"\n')
    connector.chmod(0o755)
    found[WITH_CDK] = lambda home: [
        *(*module, "before_loader", str(config), str(home), str(connector))
    ]
    other = _python_with(cached, "airbyte", PYAIRBYTE) if pyairbyte else None
    if other is not None:
        script = str(HERE / "pyairbyte_read.py")
        found[WITH_PYAIRBYTE] = lambda home: [
            *(str(other), script, str(connector), str(config), str(home / "pyairbyte.duckdb"))
        ]
    return found


def _python_with(cached: Path, package: str, version: str) -> Path | None:
    try:
        return environments.executable(cached, package, version, program="python", python=PYTHON)
    except ConnectorError as error:
        print(f"Left out: {package} {version}. {error}\n", flush=True)
        return None


def run(found: dict[str, Load], rounds: int, folder: Path) -> dict[str, list[Measured]]:
    """Every load once a round, each in a new directory; all have to bring the same records."""
    measured: dict[str, list[Measured]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, load in found.items():
            home = folder / "load"
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            done = measure(load(home))
            measured[name].append(done)
            print(f"{name}: {done.wall_seconds:.2f} s", file=sys.stderr, flush=True)
    counts = {name: runs[0].records for name, runs in measured.items()}
    if len(set(counts.values())) != 1:
        raise SystemExit(f"The loads brought different numbers of records: {counts}")
    return measured


def wall(runs: list[Measured]) -> float:
    """The median of the wall times."""
    return statistics.median(each.wall_seconds for each in runs)


def cpu(runs: list[Measured]) -> float:
    """The median of the CPU times."""
    return statistics.median(each.cpu_seconds for each in runs)


def table(measured: dict[str, list[Measured]]) -> str:
    """All loads, medians of the rounds."""
    lines = ["| load | wall s | CPU s | peak MB | records/s |", "|---|---:|---:|---:|---:|"]
    for name, runs in measured.items():
        peak = max(each.peak_megabytes for each in runs)
        rate = runs[0].records / wall(runs)
        lines.append(f"| {name} | {wall(runs):.2f} | {cpu(runs):.2f} | {peak:.0f} | {rate:,.0f} |")
    return "\n".join(lines)


def ratios(measured: dict[str, list[Measured]]) -> str:
    """The promised ratios of wall times, each with its goal; CPU times beside them.

    CPU times say more than wall times where other programs compete for the machine.
    """
    lines = ["| ratio | wall | CPU | goal | |", "|---|---:|---:|---:|---|"]

    def add(what: str, above: str, below: str, goal: float, *, least: bool) -> None:
        if above not in measured or below not in measured:
            return
        ratio = wall(measured[above]) / wall(measured[below])
        of_cpu = cpu(measured[above]) / cpu(measured[below])
        met = "met" if (ratio >= goal if least else ratio <= goal) else "missed"
        bound = f"at least {goal:g}" if least else f"at most {goal:g}"
        lines.append(f"| {what} | {ratio:.1f} | {of_cpu:.1f} | {bound} | {met} |")

    add("PyAirbyte / own, whole files", WITH_PYAIRBYTE, FILES, 25, least=True)
    add("PyAirbyte / own, records", WITH_PYAIRBYTE, RECORDS, 25, least=True)
    add("own, whole files / direct read", FILES, DIRECT, 2.5, least=False)
    add("own, records / direct read", RECORDS, DIRECT, 2.5, least=False)
    add("PyAirbyte / own loader, same CDK connector", WITH_PYAIRBYTE, WITH_CDK, 3, least=True)
    own = [measured[name] for name in (FILES, RECORDS, WITH_CDK) if name in measured]
    peak = max(each.peak_megabytes for runs in own for each in runs)
    met = "met" if peak < 500 else "missed"
    lines.append(f"| peak memory of own loads, MB | {peak:.0f} | | below 500 | {met} |")
    return "\n".join(lines)


def simulated(folder: Path) -> Path:
    """A landing directory of the size of the reference: scale 3, two days."""
    from simulator import simulate

    simulate(3, 2, 1, dt.date(2017, 7, 8), folder / "landing", profile="official")
    return folder / "landing"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("landing", nargs="?", type=Path, help="landing directory (simulated)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without-pyairbyte", action="store_true")
    arguments = parser.parse_args()
    cached = platformdirs.user_cache_path("tradehouse") / "benchmarks"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        landing = (arguments.landing or simulated(folder)).resolve()
        found = loads(landing, folder, cached, pyairbyte=not arguments.without_pyairbyte)
        measured = run(found, arguments.rounds, folder)
    print(f"{next(iter(measured.values()))[0].records:,} records\n")
    print(f"{table(measured)}\n\n{ratios(measured)}")


if __name__ == "__main__":
    main()
