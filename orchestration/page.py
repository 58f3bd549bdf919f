"""`make ui`: the asset page and its daemon on an embedded instance below the home.

Nothing else is needed: storage is SQLite in `dagster/` of the home, no other service.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from orchestration import manifest
from orchestration.assembly import DOCS_VARIABLE
from orchestration.jobs import PROFILE_VARIABLE
from orchestration.working import POOL
from tradehouse.files import replacing
from tradehouse.home import PROJECT, Home, find_home

PORT = 3000
MODULE = "orchestration.definitions"
SETTINGS = f"""\
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
    purge_after_days: {{skipped: 2, failure: 30, success: -1}}
# The pool `{POOL}`: what writes into the home waits here, one run at a time.
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


def prepare(profile: str, docs_port: int, host: str) -> dict[str, str]:
    """Make what the page needs, and return the environment of its processes."""
    home = find_home()
    folder = write_settings(home)
    manifest.prepare()
    close_dead_runs(folder)
    return {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")])),
        PROFILE_VARIABLE: profile,
        DOCS_VARIABLE: f"http://{host}:{docs_port}/index.html",
        "DO_NOT_TRACK": "1",
    }


def close_dead_runs(folder: Path) -> None:
    """Close runs that died while no daemon was there to see it."""
    from dagster import DagsterInstance

    from orchestration import dead_runs

    with DagsterInstance.from_config(str(folder)) as instance:
        for run_id in dead_runs.close_dead_runs(instance):
            print(f"Run {run_id[:8]} had died and is closed.", file=sys.stderr)


def serve_docs(home: Home, host: str, port: int) -> ThreadingHTTPServer:
    """Serve the documentation site, to which every asset links."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing of requests."""

    home.docs.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer((host, port), partial(Quiet, directory=str(home.docs)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def commands(host: str, port: int) -> list[list[str]]:
    """Return the two commands that make the page."""
    programs = Path(sys.executable).parent
    return [
        [str(programs / "dagster-webserver"), "-m", MODULE, "-h", host, "-p", str(port)],
        [str(programs / "dagster-daemon"), "run", "-m", MODULE],
    ]


def main() -> int:
    """Run page and daemon until one ends or Ctrl-C; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make ui", description=__doc__)
    parser.add_argument("--profile", choices=["dev", "prod"], default="dev")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--only-prepare", action="store_true")
    options = parser.parse_args()
    if options.only_prepare:
        made = manifest.prepare()
        print(f"{write_settings(find_home())}: ready; manifest {'made' if made else 'up to date'}")
        return 0
    docs_port = options.port + 1
    environment = prepare(options.profile, docs_port, options.host)
    server = serve_docs(find_home(), options.host, docs_port)
    running = [
        subprocess.Popen(command, env=environment, cwd=PROJECT)
        for command in commands(options.host, options.port)
    ]
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    print(f"The asset page: http://{options.host}:{options.port} (profile {options.profile})")
    try:
        return wait_for_first(running)
    except KeyboardInterrupt:
        return 0
    finally:
        server.shutdown()
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(timeout=60)


def wait_for_first(running: list[subprocess.Popen[bytes]]) -> int:
    """Wait until one of the processes ends and return its exit code."""
    while True:
        for process in running:
            try:
                return process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                continue


if __name__ == "__main__":
    sys.exit(main())
