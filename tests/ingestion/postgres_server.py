"""A PostgreSQL server that a test starts and ends; skipped where the programs are not there."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "secret word"


def program(name: str) -> str:
    """A program of PostgreSQL, which distributions keep out of the search path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = next((str(each / name) for each in folders if (each / name).exists()), None)
    found = found or shutil.which(name)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed (package postgresql)")
    return found


@contextmanager
def running(directory: Path) -> Iterator[dict[str, Any]]:
    """A server on a free port; yields the settings of a destination that writes to it."""
    initdb, postgres = program("initdb"), program("postgres")
    user = None
    if os.geteuid() == 0:  # PostgreSQL does not run as root.
        user = "postgres" if _exists("postgres") else "nobody"
        for folder in [directory, *directory.parents[:3]]:
            folder.chmod(folder.stat().st_mode | 0o755)
        shutil.chown(directory, user)
    data, word = directory / "data", directory / "password"
    word.write_text(PASSWORD)
    word.chmod(0o644)
    options = ["-A", "scram-sha-256", "-U", "airbyte", f"--pwfile={word}", "-E", "UTF8"]
    subprocess.run(
        [initdb, "-D", str(data), *options, "--locale=C", "-N"],
        check=True,
        capture_output=True,
        user=user,
        timeout=120,
        cwd=directory,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [postgres, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(directory)]
    log = (directory / "log").open("wb")
    server = subprocess.Popen(
        [*command, "-c", "fsync=off"], stdout=log, stderr=log, user=user, cwd=directory
    )
    try:
        _wait(program("pg_isready"), port, server, directory)
        yield {
            "host": "127.0.0.1",
            "port": port,
            "database": "postgres",
            "username": "airbyte",
            "password": PASSWORD,
            "schema": "public",
            "unconstrained_number": True,
        }
    finally:
        server.terminate()
        server.wait(60)
        log.close()


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _wait(pg_isready: str, port: int, server: subprocess.Popen[bytes], directory: Path) -> None:
    import time

    for _ in range(600):
        ready = subprocess.run(
            [pg_isready, "-h", "127.0.0.1", "-p", str(port)], capture_output=True
        )
        if ready.returncode == 0:
            return
        assert server.poll() is None, (directory / "log").read_text()
        time.sleep(0.1)
    raise AssertionError((directory / "log").read_text())
