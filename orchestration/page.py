"""`make ui`: front page, asset page and daemon, on an embedded instance in the home.

Nothing else is needed: storage is SQLite in `dagster/` of the home, no other service.
"""

import argparse
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from exposition import site
from orchestration.servers import PREPARED_VARIABLE, Servers, require_free
from tradehouse.dbt import speedups
from tradehouse.errors import TradehouseError
from tradehouse.home import files, locks
from tradehouse.home.files import replacing
from tradehouse.home.paths import PROJECT, Home, find_home
from tradehouse.loads import brokerage_sync
from tradehouse.terminal.exits import Stopped

PORT = 3000
DOCS_VARIABLE = "TRADEHOUSE_DOCS_URL"
PROFILE_VARIABLE = "TRADEHOUSE_PROFILE"
ADDRESS = "page.json"
LOOK_SECONDS = 1
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
START_SECONDS = 300
is_ending = threading.Event()
SETTINGS = """\
# Written by `make ui` with every start.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
    granularity: run
  runs:
    max_concurrent_runs: 4
run_monitoring:
  enabled: true
  poll_interval_seconds: 20
  start_timeout_seconds: 120
  free_slots_after_run_end_seconds: 10
retention:
  sensor:
    purge_after_days: {skipped: 2, failure: 30, success: -1}
run_launcher:
  module: orchestration.launcher
  class: Launcher
# The pool `writer`: what writes into the home waits here, one run at a time.
event_log_storage:
  module: orchestration.event_log
  class: EventLog
  config:
    base_dir: FOLDER
"""


def write_settings(home: Home) -> Path:
    """Write the instance's settings below the home and return its directory."""
    folder = home.root / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "dagster.yaml") as begun:
        base = json.dumps(str(folder / "history" / "runs"))
        begun.write_text(SETTINGS.replace("FOLDER", base), encoding="utf-8")
    return folder


def set_aside_damaged(folder: Path) -> None:
    """Put away databases of the instance that SQLite cannot read; Dagster begins new ones."""
    for path in sorted(folder.rglob("*.db")):
        try:
            with closing(sqlite3.connect(path)) as connection:
                [[said]] = connection.execute("pragma quick_check(1)").fetchall()
        except sqlite3.Error as error:
            said = str(error)
        if said == "ok":
            continue
        names = [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")]
        aside = [files.set_aside(one).name for one in names if one.exists()]
        files.tell(f"{path} is damaged ({said}): {', '.join(aside)} now. That history is lost.")


@contextmanager
def being_the_page(home: Home, folder: Path) -> Iterator[Path]:
    """Be the only page of a home while the block runs; yields the file for its address.

    Raises:
        BusyError: when the page of this home runs already.
    """
    path = folder / ADDRESS

    def refuse(_: str) -> str:
        known = read_address(path)
        where = f" at {known['url']} (process {known['pid']})" if known else ""
        return f"The page of {home.root} runs already{where}. Open it there, or end it first."

    lock = locks.take(path, 0, refuse=refuse)
    try:
        os.ftruncate(lock, 0)
        set_aside_damaged(folder)
        yield path
    finally:
        locks.give_back(lock)


def read_address(path: Path) -> dict[str, Any]:
    """Return what a running page wrote down; empty where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"url": str(content["url"]), "pid": int(content["pid"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def prepare_manifest() -> None:
    """Parse the project where it changed; a project that dbt cannot read is shown as it was.

    Raises:
        TradehouseError: when dbt cannot read it and it never could.
    """
    from orchestration import manifest

    if manifest.is_prepared():
        return
    say("Reading the dbt project ...")
    try:
        manifest.prepare()
    except TradehouseError as error:
        if not (manifest.FOLDER / manifest.MANIFEST).exists():
            raise
        say(f"{error}\nThe page shows the project as it was before.")


def environment_of(folder: Path, profile: str, docs_url: str) -> dict[str, str]:
    """Return the environment of the page's processes."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        PROFILE_VARIABLE: profile,
        DOCS_VARIABLE: docs_url,
        PREPARED_VARIABLE: "1",
        "DO_NOT_TRACK": "1",
    }


def end(*_: object) -> None:
    """End in order, as Ctrl-C does, and once: whoever swallows this does not keep it from us."""
    ignore_signals()
    is_ending.set()
    raise Stopped  # With KeyboardInterrupt itself Python may end by SIGINT all the same.


def ignore_signals() -> None:
    """Let nothing disturb what ends."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def require_going_on() -> None:
    """Raise Stopped when a signal came, whatever became of it where it arrived."""
    if is_ending.is_set():
        raise Stopped


def say(words: str) -> None:
    """Say something at once, also where output is a file."""
    print(words, flush=True)


def main() -> int:
    """Run page and daemon until one of them ends or a signal comes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make ui", description=__doc__)
    parser.add_argument("--profile", choices=["dev", "prod"], default="dev")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--only-prepare", action="store_true")
    options = parser.parse_args()
    for number in ENDING:  # Set one by one: what starts in the background ignores SIGINT.
        signal.signal(number, end)
    try:
        if options.only_prepare:
            from orchestration import manifest

            made = "made" if manifest.prepare() else "up to date"
            say(f"{write_settings(find_home())}: ready; manifest {made}")
            return 0
        run(options)
    except BaseException as error:
        return told(error)
    return 0


def told(error: BaseException) -> int:
    """Say how the page ended; returns the exit code. What nobody foresees is raised again.

    A signal during an import comes out of it as an ImportError, or as whatever a library makes of
    it: what counts is that it came.
    """
    if is_ending.is_set():
        say("The page has ended.")
        return 0
    if isinstance(error, TradehouseError):
        print(error, file=sys.stderr)
        return error.exit_code
    if isinstance(error, OSError):
        print(f"The page cannot run: {error}", file=sys.stderr)
        return 1
    raise error


def run(options: argparse.Namespace) -> None:
    """Start everything, say where it is, and watch until something ends it.

    Raises:
        Stopped: when a signal came; everything has ended then.
        UsageError: when a port is taken, or in production nothing can be loaded.
        TradehouseError: when something ended by itself.
    """
    home, host, front_port = find_home(), options.host, options.port + 1
    if options.profile == "prod":
        brokerage_sync.landing_to_read(home, brokerage_sync.given_landing())
    require_free(host, options.port, "the page")
    require_free(host, front_port, "the front page")
    folder = write_settings(home)
    own = identity_of(folder)
    with being_the_page(home, folder) as address:
        prepare_manifest()
        log = home.logs / "page.log"
        front_url = f"http://{host}:{front_port}/"
        docs_url = f"{front_url}docs/index.html"
        say(f"Starting the page of {home.root} (profile {options.profile}); its log is {log}")
        environment = environment_of(folder, options.profile, docs_url)
        addresses = {"assets": f"http://{host}:{options.port}", "docs": docs_url}
        front = site.serve(home, host, front_port, addresses)
        servers = Servers(host, options.port, environment, log)
        try:
            await_answer(servers)
            servers.start_daemon()
            if sys.platform == "linux" and speedups.are_applied():
                servers.start_resident()
            address.write_text(json.dumps({"url": servers.url, "pid": os.getpid()}))
            say(f"The front page:    {front_url}")
            say(f"The asset page:    {servers.url}")
            is_made = (home.docs / "index.html").exists()
            say(f"The documentation: {docs_url}{'' if is_made else ' (made by the first run)'}")
            say("Ctrl-C ends them.")
            watch(servers, home, folder, own)
        finally:
            ignore_signals()
            servers.stop()
            front.shutdown()


def await_answer(servers: Servers) -> None:
    """Wait until the page answers.

    Raises:
        TradehouseError: when a process ends before, or it takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while not servers.answers():
        require_going_on()
        servers.require_alive()
        if time.monotonic() > deadline:
            raise TradehouseError(
                f"The page does not answer after {START_SECONDS} s. Its log is {servers.log}."
            )
        time.sleep(0.2)


def identity_of(folder: Path) -> tuple[int, int] | None:
    """Return what tells a directory from another one at its place; None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def watch(servers: Servers, home: Home, folder: Path, own: tuple[int, int] | None) -> None:
    """Watch the processes and the home; have the page read again what it shows when that changed.

    Args:
        servers: the processes.
        home: the home.
        folder: the instance's directory in it.
        own: the identity that directory had at the start.

    Raises:
        Stopped: when a signal came.
        TradehouseError: when a process has ended, or the home is gone.
    """
    from orchestration import changes

    seen = changes.look(home)
    while True:
        for _ in range(changes.EVERY_SECONDS // LOOK_SECONDS):
            is_ending.wait(LOOK_SECONDS)
            require_going_on()
            servers.require_alive()
            if identity_of(folder) != own:  # Dagster makes it anew where it misses it.
                raise TradehouseError(f"The home {home.root} is gone; the page has ended.")
        if (now := changes.look(home)) != seen:
            seen = now
            servers.reload()


if __name__ == "__main__":
    sys.exit(main())
