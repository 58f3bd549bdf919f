"""Environments of connectors: each package and version is installed once, into its own.

uv is used when it is there, else venv and pip. Not here: running what is installed (`connector`).
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from ingestion import surroundings
from ingestion.errors import ConnectorError

INSTALL_SECONDS = 900
READY = ".ready"
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
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(parents=True, exist_ok=True)
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
    if uv:
        commands = [
            [uv, "venv", "--quiet", "--python", interpreter, str(home)],
            [
                *(uv, "pip", "install", "--quiet", "--compile-bytecode"),
                *("--python", python, requirement),
            ],
        ]
    else:
        commands = [
            [interpreter, "-m", "venv", str(home)],
            [python, "-m", "pip", "install", "--quiet", requirement],
        ]
    for command in commands:
        _run(command, requirement)


def _run(command: list[str], requirement: str) -> None:
    clean = surroundings.for_installing()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
            env=clean,
        )
    except subprocess.TimeoutExpired:
        raise ConnectorError(
            f"{requirement} could not be installed within {INSTALL_SECONDS} seconds."
        ) from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip()
        raise ConnectorError(f"{requirement} could not be installed: {words[-2000:]}")
