"""A small process that ends a connector when its parent is gone.

A killed parent cannot clean up, so a shell waits on a pipe whose other end only the parent holds.
When that end closes without a word, the connector's directory with its secrets is removed and its
processes are ended. Not here: stopping a connector while the parent lives (`process`).
"""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

MARK = "TRADEHOUSE_CONNECTOR_RUN"
"""A variable by which a connector's processes are known, whatever session they begin."""

_SCRIPT = """
read -r _ && exit 0
[ -z "$2" ] || rm -rf -- "$2"
kill -s TERM -- "-$1"
i=0
while kill -s 0 -- "-$1" && [ $i -lt 20 ]; do sleep 0.1; i=$((i + 1)); done
kill -s KILL -- "-$1"
for found in $(grep -lasF "$3" /proc/[0-9]*/environ); do
    found=${found#/proc/}
    kill -s KILL "${found%/environ}"
done
[ -z "$2" ] || rm -rf -- "$2"
"""


class Watcher:
    """Watches over one connector until it is dismissed."""

    def __init__(self, group: int, mark: str, directory: Path | None) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        arguments = [str(group), "" if directory is None else str(directory), f"{MARK}={mark}"]
        with suppress(OSError):  # Without a shell a connector ends only while its parent lives.
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "watcher", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
            )

    def dismiss(self) -> None:
        """The connector has ended: there is nothing to watch over."""
        if self._process is not None:
            with suppress(OSError):
                self._process.communicate(b"\n", timeout=10)


def kill_marked(mark: str) -> None:
    """Kill what a connector started and let go of; only where there is `/proc`."""
    wanted = f"{MARK}={mark}".encode()
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in environ.read_bytes():
                os.kill(int(environ.parent.name), signal.SIGKILL)
