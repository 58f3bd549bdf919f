"""The summary at the end of a run, and the output of `tradehouse status`.

Both say the same things in the same words: batches, rows by layer, quarantine, tests, release, and
what to do next. Everything is read from `state/` and the releases' manifests.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from tradehouse.build import execution
from tradehouse.errors import TradehouseError
from tradehouse.home import locks, state, warehouse
from tradehouse.home.files import read_json
from tradehouse.home.paths import Home
from tradehouse.home.warehouse import LAYERS
from tradehouse.loads import brokerage, demo_sources, freshness, syncs
from tradehouse.publish import releases
from tradehouse.terminal import output
from tradehouse.terminal.streams import visible

ROWS_SHOWN = 5
IGNORED_SHOWN = 20
SIMULATION = "simulation.json"
# Of `tradehouse simulate`; another value has to be given again for a further day.
DEFAULTS = {"scale": None, "seed": 1, "start": "2017-07-08", "newswire": "continuing"}
BUILD_KEYS = ("id", "status", "error", "finished_at", "seconds")


def collect(home: Home) -> dict[str, Any]:
    """Return where things stand, as `tradehouse status --json` prints it."""
    from tradehouse.build import resume
    from tradehouse.observe import alerts
    from tradehouse.runs.run import find_held

    record = state.read(home, "build")
    holder = locks.find_holder(home)
    sync = state.read(home, "sync")
    current = [release for release in releases.list_releases(home) if release["is_current"]]
    published = {
        (batch["batch"], batch["delivery"]) for release in current for batch in release["batches"]
    }
    rows = record.get("rows", {})
    return {
        "home": str(home.root),
        "landing": (landing := brokerage.known_landing(home)) and str(landing),
        "writing": holder,
        "sync": {key: sync.get(key) for key in ("at", "status", "records", "bytes", "new_batches")},
        "sources": syncs.last_syncs(home),
        "loads_waiting": syncs.loads_waiting(home, record.get("built_loads", {})),
        "batches": [
            {**batch, "is_published": (batch["batch"], batch["delivery"]) in published}
            for batch in record.get("batches", [])
        ],
        "held": find_held(home),
        "ignored": _find_ignored(home),
        "rows": {layer: sum(rows.get(layer, {}).values()) for layer in LAYERS},
        "tables": {layer: len(rows.get(layer, {})) for layer in LAYERS},
        "quarantine": record.get("quarantine", []),
        "unmatched": record.get("unmatched", {}),
        "build": {
            key: record.get(key) for key in ("id", "status", "error", "finished_at", "seconds")
        },
        "tests": record.get("tests", {}),
        "warnings": _warnings(record),
        "failures": record.get("failures", []),
        "release": current[0] if current else None,
        "release_fault": releases.find_fault(home),
        "publishing_held": releases.read_hold(home),
        "resume": "" if holder else resume.describe(home),
        "problems": [
            {name: getattr(one, name) for name in ("key", "title", "what", "since", "owner")}
            for one in alerts.find(home)
        ],
    }


def _find_ignored(home: Home) -> list[str]:
    landing = brokerage.known_landing(home)
    return brokerage.find_ignored(landing) if landing else []


def _warnings(record: dict[str, Any]) -> list[dict[str, str]]:
    """Return the tests of the last build that found something and let it pass, and what."""
    return [
        {"test": name.split(".")[2], "message": node.get("message") or "see logs/dbt.log"}
        for name, node in record.get("nodes", {}).items()
        if node["status"] == "warn"
    ]


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
    batches = facts["batches"] + _at_door(facts)
    if batches:
        _show_batches(batches)
        print()
    if facts["batches"] or facts["build"].get("status"):
        _show_layers(facts)
    _show_failures(facts)
    if facts["resume"]:
        print(f"\n{facts['resume']}")
    for fault in facts["held"]:
        print(f"\n{describe_fault(fault)}")
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
        print(f"Still: {describe_fault(fault)}")
    _show_ignored(facts["ignored"])
    _show_problems(facts["problems"])
    _show_release(home, facts)


def _show_switched_off(home: Home) -> None:
    """Say that what the brokerage delivers waits for it to be switched on again."""
    if not freshness.is_on(home, warehouse.BY_BATCH):
        print(
            "Off         brokerage: what it delivers is not loaded until "
            f"`tradehouse sources enable {warehouse.BY_BATCH}`"
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
                _standing(batch),
            ]
            for batch in batches[-10:]
        ],
    )
    if len(batches) > 10:
        print(f"... and {output.count(len(batches) - 10, 'earlier batch')}")


def _at_door(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the batches that no sync has taken, in the form of those that are built."""
    known = {batch["batch"] for batch in facts["batches"]}
    kept = ("batch_date", "delivery", "rows_delivered", "rows_typed", "rows_quarantined")
    return [
        {**dict.fromkeys((*kept, "rows_dropped")), "batch": batch, "is_refused": True}
        for batch in sorted({one.get("batch") for one in facts["held"]} - known - {None})
    ]


def _standing(batch: dict[str, Any]) -> str:
    if batch.get("is_refused"):
        return "refused"
    if not batch["is_accepted"]:
        return "held"
    return "published" if batch["is_published"] else "not published"


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
    if facts["build"]["status"] == execution.FAILED:
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
        print(
            f"Publishing is held since {hold['since']}, when {hold['rolled_back_from']} was rolled "
            "back. Let it go on: tradehouse publish --release-hold"
        )
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


def describe_fault(fault: dict[str, Any]) -> str:
    """Return what keeps a batch from being published, with file and line where known."""
    message = str(fault["message"])
    place = fault.get("file") or ""
    if place and place not in message:
        line = f", line {fault['line']}" if fault.get("line") else ""
        message = f"{place}{line}: {message}"
    return f"{fault.get('code') or 'error'}: {message}"
