"""The API's server as a process of its own, as users start it."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

PROJECT = Path(__file__).resolve().parents[2]


@contextmanager
def served(home, *arguments, scheme="http", **variables):
    """Yield address and process of a server that answers; it has ended after the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"{scheme}://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "exposition.api", "--port", str(port), *arguments],
        cwd=PROJECT,
        env={**os.environ, "TRADEHOUSE_HOME": str(home.root), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{address}/health", verify=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, process.stdout.read()
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=30)
    assert process.returncode in (0, 143), said
    assert "Traceback" not in said
