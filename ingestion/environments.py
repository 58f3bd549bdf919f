"""Environments of connectors: each package and version is installed once, into its own.

uv is used if it is installed, else venv and pip. Their output goes to standard error as it comes.
An installation takes as long as the network needs; one that was stopped can be continued. Not here:
running what is installed (`connector`).
"""

import re
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path

from ingestion import surroundings
from ingestion.errors import ConnectorError
from tradehouse.home import locks

READY = ".ready"
_MADE = ".made"
_LAST_LINES = 20
_PATIENCE = {"PIP_DEFAULT_TIMEOUT": "300", "PIP_RETRIES": "10", "UV_HTTP_TIMEOUT": "300"}
_MINOR_VERSIONS = range(9, 16)


def executable(
    directory: Path, package: str, version: str, *, program: str, python: str | None = None
) -> Path:
    """The path of a program of the package, installed below `directory` if it is not yet.

    `python` is the range of Python versions the package wants, such as `>=3.10,<3.13`. Raises
    ConnectorError when no interpreter fits, or with pip's or uv's own words.
    """
    interpreter = find_interpreter(python)
    label = f"{package}-{version}-py{'.'.join(map(str, interpreter[1]))}"
    home = directory / "environments" / re.sub(r"[^A-Za-z0-9._-]", "_", label)
    found = home / "bin" / program
    if not (home / READY).exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with locks.alone(home.with_name(home.name + ".lock")):
            if not (home / READY).exists():  # Another process may have made it meanwhile.
                _install(home, f"{package}=={version}", interpreter[0])
                (home / READY).touch()
    if not found.exists():
        programs = sorted(path.name for path in found.parent.glob("source-*"))
        raise ConnectorError(
            f"{package} {version} brings no program {program}; it brings "
            f"{', '.join(programs) or 'none that begins with source-'}. Name it in the "
            f"declaration: connector.executable."
        )
    return found


def find_interpreter(wanted: str | None) -> tuple[str, tuple[int, int]]:
    """An interpreter whose version is in the range, this one first. Raises ConnectorError."""
    own = sys.version_info[:2]
    if fits(own, wanted):
        return sys.executable, own
    for minor in reversed(_MINOR_VERSIONS):
        if not fits((3, minor), wanted):
            continue
        path = shutil.which(f"python3.{minor}") or _managed_by_uv(minor)
        if path:
            return path, (3, minor)
    raise ConnectorError(
        f"The connector needs Python {wanted}; this is Python {own[0]}.{own[1]} and no other that "
        f"fits was found. Install one (for example: uv python install 3.11) and run again."
    )


def fits(version: tuple[int, int], wanted: str | None) -> bool:
    """Whether a version of Python is in a range of comma-separated bounds on minor versions."""
    for bound in (wanted or "").replace(" ", "").split(","):
        match = re.fullmatch(r"(>=|<=|<|>|==)?(\d+)\.(\d+)(?:\.\d+|\.\*)?", bound)
        if not bound:
            continue
        if match is None:
            raise ConnectorError(
                f"Not a range of Python versions: {wanted!r} (such as >=3.10,<3.13)"
            )
        limit = (int(match[2]), int(match[3]))
        holds = {
            ">=": version >= limit,
            "<=": version <= limit,
            "<": version < limit,
            ">": version > limit,
        }.get(match[1] or "==", version == limit)
        if not holds:
            return False
    return True


def _managed_by_uv(minor: int) -> str | None:
    uv = shutil.which("uv")
    if uv is None:
        return None
    command = [uv, "python", "find", "--no-python-downloads", f"3.{minor}"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return found.stdout.strip() or None if found.returncode == 0 else None


def _install(home: Path, requirement: str, interpreter: str) -> None:
    uv = shutil.which("uv")
    python = str(home / "bin" / "python")
    make = [interpreter, "-m", "venv", str(home)]
    fill = [python, "-m", "pip", "install", "--progress-bar", "off", requirement]
    if uv:
        make = [uv, "venv", "--python", interpreter, str(home)]
        fill = [uv, "pip", "install", "--compile-bytecode", "--python", python, requirement]
    if not (home / _MADE).exists():
        shutil.rmtree(home, ignore_errors=True)
        _run(make, requirement)
        (home / _MADE).touch()
    _run(fill, requirement)


def _run(command: list[str], requirement: str) -> None:
    """Run a step of an installation, telling what it says. Raises ConnectorError."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        env=_PATIENCE | surroundings.for_installing(),
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                print(f"install  {line.rstrip()[:200]}", file=sys.stderr, flush=True)
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        words = "\n".join(last)
        raise ConnectorError(
            f"{requirement} could not be installed: {words[-2000:]}\nWhat is there already is "
            f"kept; run the command again to go on."
        )
