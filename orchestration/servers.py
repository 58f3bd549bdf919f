"""The processes of the asset page: started quietly, watched, ended with all their children.

`orchestration.definitions` decides what is on the page, `page` the order of starting.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tradehouse.errors import TradehouseError, UsageError
from tradehouse.home.paths import PROJECT

MODULE = "orchestration.definitions"
LOCATION = "orchestration.definitions"
RESIDENT = "resident"
STOP_SECONDS = 30
LOG_BYTES = 20_000_000
PREPARED_VARIABLE = "TRADEHOUSE_MANIFEST_PREPARED"
RELOAD = json.dumps(
    {
        "query": "mutation($name: String!) {"
        " reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }",
        "variables": {"name": LOCATION},
    }
).encode()


def require_free(host: str, port: int, what: str) -> None:
    """Refuse a port that another program has.

    Raises:
        UsageError: when nothing can listen there.
    """
    if not 0 < port < 65536:
        raise UsageError(
            f"Port {port}, for {what}, cannot be used: a port is a number from 1 to 65535, and the "
            "front page has the one after the asset page's. Choose another: make ui PORT=3010."
        )
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Port {port} of {host}, for {what}, cannot be used ({error}). Another program, or the "
            "page of another home, may have it: choose another one, such as make ui PORT=3010."
        ) from error


class Servers:
    """Page and daemon, each in a session of its own; what they say goes to one log."""

    def __init__(self, host: str, port: int, environment: Mapping[str, str], log: Path) -> None:
        """Start the page."""
        self.url = f"http://{host}:{port}"
        self.log = log
        self.environment = environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.resident: subprocess.Popen[bytes] | None = None
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))
        self._start(
            "page",
            ["dagster-webserver", "-h", host, "-p", str(port), "--dagster-log-level", "warning"],
        )

    def start_daemon(self) -> None:
        """Start the daemon, once the page answers.

        Page and daemon make the tables of a new instance, and whichever comes second while the
        first is at it ends with "table alembic_version already exists".
        """
        self._start("daemon", ["dagster-daemon", "run"])

    def start_resident(self) -> None:
        """Start the process that forks for runs; it sees our end, and we can do without it."""
        folder = Path(self.environment["DAGSTER_HOME"], RESIDENT)
        command = [sys.executable, "-m", "orchestration.resident", str(folder)]
        self.resident = self._open(command, subprocess.PIPE)

    def _start(self, name: str, command: list[str]) -> None:
        program = str(Path(sys.executable).parent / command[0])
        quiet = ["--log-level", "warning", "--code-server-log-level", "warning"]
        self.running[name] = self._open([program, *command[1:], "-m", MODULE, *quiet])

    def _open(self, command: list[str], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            os.fchmod(output.fileno(), 0o600)
            return subprocess.Popen(
                command,
                env=self.environment,
                cwd=PROJECT,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def answers(self) -> bool:
        """Whether the page answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/server_info", timeout=5):
                return True
        except (OSError, ValueError):
            return False

    def reload(self) -> None:
        """Have the page read the definitions again; the daemon does so every minute by itself."""
        request = urllib.request.Request(
            f"{self.url}/graphql", RELOAD, {"Content-Type": "application/json"}
        )
        with suppress(OSError, ValueError), urllib.request.urlopen(request, timeout=120):
            pass

    def require_alive(self) -> None:
        """Refuse to go on when one of the processes has ended by itself.

        Raises:
            TradehouseError: which one, how, and where it said why.
        """
        for name, process in self.running.items():
            if (code := process.poll()) is not None:
                how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
                raise TradehouseError(
                    f"The {name}'s process {how}; everything is stopped. What it said last is in "
                    f"{self.log}. Start again: make ui."
                )

    def stop(self) -> None:
        """End the processes and their children; what does not end by itself is killed."""
        for process in self.running.values():
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))
        for process in filter(None, [*self.running.values(), self.resident]):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
