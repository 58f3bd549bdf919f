"""The summary at the end of a run, and the output of `tradehouse status`.

Both report the same in the same words: batches, rows by layer, quarantine, tests, release, and what
to do next. What is said is gathered in `tradehouse.observe.status`.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from tradehouse.errors import TradehouseError
from tradehouse.home import warehouse_queries
from tradehouse.home.files import read_json
from tradehouse.home.paths import Home
from tradehouse.home.records import Outcome
from tradehouse.home.warehouse_queries import LAYERS
from tradehouse.loads import demo_sources, freshness, syncs
from tradehouse.observe import status
from tradehouse.publish import releases
from tradehouse.terminal import output
from tradehouse.terminal.streams import visible

ROWS_SHOWN = 5
IGNORED_SHOWN = 20
SIMULATION = "simulation.json"
# Of `tradehouse simulate`; another value has to be given again for a further day.
DEFAULTS = {
    "scale": None,
    "seed": 1,
    "start": "2017-07-08",
    "newswire": "continuing",
    "profile": "plausible",
}
UNSAID = {"profile": "official"}  # What a simulation has that does not name it.


def show(home: Home, facts: dict[str, Any]) -> None:
    """Print where things stand."""
    if facts["writing"]:
        holder = facts["writing"]
        print(
            f"Writing now: `{holder['command']}`, process {holder['pid']}, since {holder['since']}"
        )
    for sync in facts["sources"]:
        print(f"Source      {sync['source']}: {syncs.describe(sync)}")
    for source, load in facts["loads_waiting"].items():
        print(f"Waits       load {load} of {source}; `tradehouse run` builds what it reaches")
    _show_switched_off(home)
    if not facts["batches"] and not facts["release"]:
        print(f"Nothing is built yet in {home.root}. `tradehouse run` takes what waits.")
    batches = facts["batches"] + status.find_refused(facts)
    if batches:
        _show_batches(batches)
        print()
    if facts["batches"] or facts["build"].get("status"):
        _show_layers(facts)
    _show_failures(facts)
    if facts["resume"]:
        print(f"\n{facts['resume']}")
    for fault in facts["held"]:
        print(f"\n{status.describe_fault(fault)}")
    _show_ignored(facts["ignored"])
    _show_problems(facts["problems"])
    print()
    _show_release(home, facts)


def show_idle(home: Home, facts: dict[str, Any]) -> None:
    """Print that nothing was new, and the little that is worth knowing then."""
    batches = [batch["batch"] for batch in facts["batches"] if batch["is_accepted"]]
    last = f"; the last batch is {max(batches)}" if batches else ""
    print(f"Nothing new in {facts['landing']}{last}. Nothing was changed.")
    _show_switched_off(home)
    for fault in facts["held"]:
        print(f"Still: {status.describe_fault(fault)}")
    _show_ignored(facts["ignored"])
    _show_problems(facts["problems"])
    _show_release(home, facts)


def _show_switched_off(home: Home) -> None:
    """Say that what the brokerage delivers waits for it to be switched on again."""
    if not freshness.is_on(home, warehouse_queries.BY_BATCH):
        print(
            "Off         brokerage: what it delivers is not loaded until "
            f"`tradehouse sources enable {warehouse_queries.BY_BATCH}`"
        )


def _show_batches(batches: list[dict[str, Any]]) -> None:
    output.print_table(
        [
            "batch",
            "day",
            "delivery",
            "rows delivered",
            "typed",
            "in quarantine",
            "repeats",
            "state",
        ],
        [
            [
                str(batch["batch"]),
                batch["batch_date"],
                batch["delivery"] and str(batch["delivery"]),
                batch["rows_delivered"],
                batch["rows_typed"],
                batch["rows_quarantined"],
                batch["rows_dropped"],
                status.describe_batch(batch),
            ]
            for batch in batches[-10:]
        ],
    )
    if len(batches) > 10:
        print(f"... and {output.count(len(batches) - 10, 'earlier batch')}")


def _show_layers(facts: dict[str, Any]) -> None:
    layers = ", ".join(
        f"{layer} {facts['rows'][layer]:,} in {output.count(facts['tables'][layer], 'table')}"
        for layer in LAYERS
    )
    print(f"Rows        {layers}")
    refused = sum(one["rows"] for one in facts["quarantine"] if one["disposition"] == "quarantined")
    how = f" (read {'it' if refused == 1 else 'them'}: tradehouse quarantine)" if refused else ""
    print(f"Quarantine  {output.count(refused, 'row')}{how}")
    if facts["unmatched"]:
        reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in facts["unmatched"].items())
        print(f"Unmatched   {reasons} (not published: bronze.quarantine_unmatched, docs/faults.md)")
    tests = facts["tests"]
    if tests:
        words = [
            f"{tests[name]:,} {name}" for name in ("passed", "warned", "failed") if tests[name]
        ]
        print(f"Tests       {', '.join(words) or 'none'}")
    for warning in facts["warnings"]:
        print(f"  warned    {warning['test']}: {warning['message']}")


def _show_failures(facts: dict[str, Any]) -> None:
    if facts["build"]["status"] == Outcome.FAILED:
        print(f"\n{facts['build']['error']}")
    for failure in facts["failures"]:
        print(f"\nFailed: {failure['test']}, {output.count(failure['failing_rows'], 'row')}")
        if not failure["rows"]:
            print(f"  {failure['message']}")
        for row in failure["rows"][:ROWS_SHOWN]:
            print("  " + visible(", ".join(f"{name}={value}" for name, value in row.items())))
        if failure["kept_in"]:
            print(f"  up to a hundred of them: {failure['kept_in']}")


def _show_ignored(paths: list[str]) -> None:
    """Print what the landing directory holds and no stream reads."""
    if paths:
        more = f" and {len(paths) - IGNORED_SHOWN} more" if len(paths) > IGNORED_SHOWN else ""
        named = ", ".join(paths[:IGNORED_SHOWN])
        what = output.count(len(paths), "entry", "entries")
        print(f"\nIgnored     {what} of the landing directory that no stream reads: {named}{more}")


def _show_problems(problems: list[dict[str, Any]]) -> None:
    """Print what is wrong and not said elsewhere: late and failed sources, runs that died."""
    elsewhere = ("model/", "test/", "build/", "held/", "contract/", "source/brokerage/")
    for problem in problems:
        if not problem["key"].startswith(elsewhere):
            since = f"since {problem['since']}"
            print(f"\nProblem     {problem['title']}, {since}: {problem['what']}")


def _show_release(home: Home, facts: dict[str, Any]) -> None:
    release, hold = facts["release"], facts["publishing_held"]
    if facts.get("release_fault"):
        print(f"Release     {facts['release_fault']} {releases.advice(home)}")
    elif release is None:
        print("Release     none yet")
    else:
        size = output.text_of_bytes(release["bytes"])
        rows = output.count(sum(release["rows"].values()), "row")
        print(f"Release     {release['id']}: {rows}, {size}")
        print(f"  open it   {home.releases / releases.CURRENT / releases.DATABASE} (read-only)")
        if release["docs"]:
            print(f"  read      {home.releases / releases.CURRENT / release['docs']}")
    if hold:
        print(status.describe_hold(hold))
    elif release is not None:
        _show_next(home, facts)


def _show_next(home: Home, facts: dict[str, Any]) -> None:
    """Say how a simulated brokerage goes on, once all it delivered is published."""
    try:
        simulation = read_json(home.landing / SIMULATION)
    except (TradehouseError, OSError):
        return
    if not isinstance(simulation, dict) or facts["landing"] != str(home.landing):
        return
    simulation = UNSAID | simulation
    batches = facts["batches"]
    if facts["held"] or not batches or not all(batch["is_published"] for batch in batches):
        return
    days = max(batch["batch"] for batch in batches)
    options = "".join(
        f" --{name} {simulation[name]}"
        for name, default in DEFAULTS.items()
        if simulation.get(name, default) != default
    )
    call = f"{_program()} simulate{options} --days {days}"
    print(f"Next        a further day: {call}, then make run")
    if demo_sources.is_offered(home):
        print(f"            two more sources, rates and targets: {_program()} demo-sources")


def _program() -> str:
    """Return how the command line is called: by its name, or by its path where PATH lacks it."""
    path = Path(sys.executable).with_name("tradehouse")
    if shutil.which("tradehouse") is not None or not path.exists():
        return "tradehouse"
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
