"""Starts the runs of the page: forked by the resident process, or else as Dagster starts them.

A run begins when its process gets the launcher's go-ahead, which then starts no other one. Until
then either may give up, and the run is started in a new process. Named in the instance's settings
(`page`). Not here: the resident process itself (`resident`).
"""

import hashlib
import json
import os
import signal
import socket
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher import LaunchRunContext
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX

from orchestration.servers import RESIDENT
from tradehouse.dbt import fingerprint
from tradehouse.home import processes
from tradehouse.home.paths import PROJECT

SOCKET = "socket"
PROCESS_TAG = f"{HIDDEN_TAG_PREFIX}resident_process"
GO = b"go"
WAIT_SECONDS = 5
MOST_BYTES = 1 << 16
CODE = ("tradehouse", "ingestion", "orchestration", "connectors")
OWN_SETTINGS = ("DAGSTER_", "DBT_SEND_ANONYMOUS_USAGE_STATS", "SF_PARTNER")
"""Beginnings of variables that processes of Dagster, and dbt's runner, set for themselves."""


def digest_environment(environment: Mapping[str, str]) -> str:
    """Return a digest of the variables that a run may ask for."""
    asked = {
        name: value for name, value in environment.items() if not name.startswith(OWN_SETTINGS)
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def digest_state() -> str:
    """Return a digest of all that a parsed project depends on: files, code, packages, variables.

    While files are being replaced it is like no other.
    """
    paths = [Path(sysconfig.get_path("purelib"))]
    for folder in CODE:
        paths += sorted(one for one in (PROJECT / folder).rglob("*.py") if one.is_file())
    try:
        stats = [path.stat() for path in paths]
        project = fingerprint.digest_project()
    except OSError:
        return os.urandom(16).hex()
    stamps = [
        (str(path), one.st_mtime_ns, one.st_size) for path, one in zip(paths, stats, strict=True)
    ]
    content = [project, digest_environment(os.environ), stamps]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def address(folder: int) -> str:
    """Return the socket's path in an open directory, whose own may be too long for a socket."""
    return f"/proc/self/fd/{folder}/{SOCKET}"


def connect(folder: Path) -> socket.socket:
    """Return a connection to the resident process of an instance.

    Raises:
        OSError: when there is none.
    """
    if sys.platform != "linux":
        raise OSError("only Linux has a resident process")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    descriptor = -1
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        connection.settimeout(WAIT_SECONDS)
        connection.connect(address(descriptor))
    except OSError:
        connection.close()
        raise
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return connection


class Launcher(DefaultRunLauncher):
    """Has runs forked where a resident process is ready for that."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run."""
        if not self._is_forked(context.dagster_run):
            super().launch_run(context)

    def _is_forked(self, run: DagsterRun) -> bool:
        from dagster._grpc.types import ExecuteRunArgs
        from dagster._serdes import serialize_value

        if run.job_code_origin is None:
            return False
        asked = {
            "environment": digest_environment(os.environ),
            "run": serialize_value(
                ExecuteRunArgs(run.job_code_origin, run.run_id, self._instance.get_ref())
            ),
        }
        try:
            with connect(Path(self._instance.root_directory) / RESIDENT) as connection:
                connection.send(json.dumps(asked).encode())
                process = int(connection.recv(MOST_BYTES) or 0)
                if not process:
                    return False
                known = f"{process} {processes.started_at(process)}"
                self._instance.add_run_tags(run.run_id, {PROCESS_TAG: known})
                connection.send(GO)
        except (OSError, ValueError):
            return False
        return True

    def terminate(self, run_id: str) -> bool:
        """Interrupt a run, as Dagster does it."""
        run = self._instance.get_run_by_id(run_id) if self.has_instance else None
        if run is None or run.is_finished:
            return False
        process, started = map(int, run.tags.get(PROCESS_TAG, "0 0").split())
        if not processes.is_alive(process, started):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        os.kill(process, signal.SIGINT)
        return True
