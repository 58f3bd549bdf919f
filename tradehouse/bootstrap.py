"""Set-up: `.venv` with the packages of requirements.lock and the project itself, by pip or uv.

    python3 -I tradehouse/bootstrap.py [named]

`make` runs it before every target, with any Python 3.11 to 3.13; `named` says that the user chose
this Python. If everything is current, it changes nothing. Nothing is installed yet, so it uses only
modules that every Python installation has. Not here: environments of connectors
(`ingestion.environments`).
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
BATCHES = 16
PROCESSES = 4
NEEDED = ("venv", "ensurepip", "ssl", "sqlite3")
_PIP = ("-I", "-m", "pip", "--disable-pip-version-check", "--no-input")
_EXACT = ("--no-deps", "--require-hashes", "--only-binary", ":all:")
_LOOK = "import sys; print(*sys.version_info[:2], sep='.'); print(sys._base_executable)"
_ENTRY = re.compile(r"^(?:Collecting )?[a-z0-9][A-Za-z0-9._-]*==", re.M)
_ELSEWHERE = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
_NETWORK = (
    r"Retrying \(|NewConnectionError|Connection(?:Error| refused| reset| aborted| broken)|timed out"
    r"|Timeout|IncompleteRead|ProxyError|SSLError|name resolution|Name or service not known"
    r"|error sending request|dns error|HTTP error [45]\d\d|\b[45]\d\d (?:Client|Server) Error"
)


class SetupError(Exception):
    """Set-up cannot go on; the message is for the user."""


class Place:
    """The files of one checkout's set-up."""

    def __init__(self, project: Path) -> None:
        self.lock = project / "requirements.lock"
        self.description = project / "pyproject.toml"
        self.project = project
        self.venv = project / ".venv"
        self.python = self.venv / "bin" / "python"
        self.stamp = self.venv / ".installed"
        self.downloads = self.venv / ".downloads"
        self.log = self.venv / "setup.log"

    def done(self) -> dict[str, str]:
        """What was installed, and where; empty when set-up never came to its end."""
        try:
            lines = self.stamp.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return {}
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def wanted(self, version: str) -> dict[str, str]:
        """What `done` says once everything is installed for this version of Python."""
        files = {"lock": self.lock, "project": self.description}
        digests = {k: hashlib.sha256(path.read_bytes()).hexdigest() for k, path in files.items()}
        return {"place": str(self.venv), "python": version, **digests}

    def write(self, done: dict[str, str]) -> None:
        """Note what is installed."""
        new = self.stamp.with_suffix(".new")
        new.write_text("".join(f"{k} {v}\n" for k, v in done.items()), encoding="utf-8")
        new.replace(self.stamp)

    def requirements(self) -> list[str]:
        """The entries of the lock, each with its hashes, that count for this machine or others."""
        entries = re.split(r"^(?=[a-z0-9])", self.lock.read_text(encoding="utf-8"), flags=re.M)
        return [entry for entry in entries if re.match("[a-z0-9]", entry)]


def look(python: Path | str) -> tuple[str, str] | None:
    """Version (`3.12`) and program that a Python stems from; None if it does not run."""
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", _LOOK], capture_output=True, text=True, timeout=60, check=True
        )
        version, base = done.stdout.splitlines()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return version, base


def set_up(place: Place, *, named: bool) -> None:
    """Install what is missing. Raises SetupError with one sentence; running again goes on."""
    own = (f"{sys.version_info[0]}.{sys.version_info[1]}", sys._base_executable)  # type: ignore[attr-defined]
    there, done = look(place.python), place.done()
    fits = there is not None and there[0] in VERSIONS
    why = ""
    if not done:
        why = "it is not complete" if place.python.parent.exists() else ""
    elif done.get("place") != str(place.venv):
        why = f"it was made in {done.get('place')}"
    elif there is None or there[0] != done.get("python"):
        why = f"its Python {done.get('python')} is gone"
    elif named and there[0] != own[0]:
        why = f"it has Python {there[0]}"
    version, base = there if there and fits and not named else own
    wanted = place.wanted(version)
    if not why and done == wanted:
        return
    if (why or not done) and place.venv.is_symlink():
        raise SetupError(
            f"{place.venv} is a link, and what it leads to may be another checkout's, so it stays "
            f"as it is. Remove the link (rm {place.venv.name}) and run again."
        )
    with _alone(place):
        if why:
            print(f"Making {place.venv.name} anew: {why}.", flush=True)
        _install(place, {} if why else done, wanted, base)


def _install(place: Place, done: dict[str, str], wanted: dict[str, str], base: str) -> None:
    began = time.monotonic()
    uv = _uv()
    if done.get("lock") != wanted["lock"]:
        total = len(place.requirements())
        by = "uv" if uv else "pip"
        print(f"Setting {place.venv.name} up with Python {wanted['python']} and {by}:", end=" ")
        print(f"{total} packages, about 300 MB to download.", flush=True)
        place.stamp.unlink(missing_ok=True)
        if not done:
            _make_environment(place, base, uv)
        (_by_uv if uv else _by_pip)(place, total, uv)
        place.write({**wanted, "project": ""})
    command = [str(place.python), *_PIP, "install", "--no-index"]
    if uv:
        command = [uv, "pip", "install", "--python", str(place.python), "--offline"]
    link = ("--no-deps", "--no-build-isolation", "--editable", str(place.project))
    _run(place, [[*command, *link]])
    place.write(wanted)
    shutil.rmtree(place.downloads, ignore_errors=True)
    print(f"Set up in {time.monotonic() - began:.0f} s.", flush=True)


def _uv() -> str | None:
    uv = shutil.which("uv")
    works = uv and subprocess.run([uv, "--version"], capture_output=True, check=False)
    return uv if works and works.returncode == 0 else None


def _make_environment(place: Place, base: str, uv: str | None) -> None:
    """An empty environment; what was downloaded for it before stays."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if uv is None and missing:
        version = "{}.{}".format(*sys.version_info)
        package = f"python{version}-venv" if missing[0] in NEEDED[:2] else f"python{version}"
        package = f"apt install {package}" if shutil.which("apt") else "its package"
        raise SetupError(
            f"Python {version} ({sys.executable}) came without its module {missing[0]}: install it "
            f"({package}), or uv, and run again."
        )
    place.venv.mkdir(exist_ok=True)
    for path in place.venv.iterdir():
        if path.is_dir() and not path.is_symlink() and path != place.downloads:
            shutil.rmtree(path)
        elif path != place.downloads:
            path.unlink()
    command = [base, "-I", "-m", "venv", str(place.venv)]
    if uv:
        command = [uv, "venv", "--allow-existing", "--python", base, str(place.venv)]
    _run(place, [command])


def _by_uv(place: Place, total: int, uv: str | None) -> None:
    command = [str(uv), "pip", "install", "--python", str(place.python), "--compile-bytecode"]
    exact = ("--no-deps", "--require-hashes", "--no-build", "-r", str(place.lock))
    _run(place, [[*command, *exact]], _Progress("installing", total, lambda: _installed(place)))


def _by_pip(place: Place, total: int, _uv: str | None) -> None:
    """Download in batches, several at once, each kept when it is whole; then install them all."""
    pip = [str(place.python), *_PIP]
    entries = place.requirements()
    batches = ["".join(entries[i::BATCHES]) for i in range(BATCHES)]
    names = [hashlib.sha256(batch.encode()).hexdigest()[:12] for batch in batches if batch]
    place.downloads.mkdir(exist_ok=True)
    commands, folders = [], [place.downloads / name for name in names]
    for folder, batch in zip(folders, batches, strict=False):
        folder.with_suffix(".txt").write_text(batch, encoding="utf-8")
        if not folder.exists():
            shutil.rmtree(part := folder.with_suffix(".part"), ignore_errors=True)
            wheels = ("download", "--dest", str(part), "-r", str(folder.with_suffix(".txt")))
            commands.append([*pip, *wheels, *_EXACT])

    def fetched() -> int:
        whole = [folder for folder in folders if folder.exists()]
        texts = [folder.with_suffix(".txt") for folder in whole]
        texts += [folder.with_suffix(".log") for folder in folders if folder not in whole]
        return sum(len(_ENTRY.findall(_read(text))) for text in texts)

    _run(place, commands, _Progress("downloading", total, fetched))
    links = [word for folder in folders for word in ("--find-links", str(folder))]
    command = [*pip, "install", "--no-index", *links, "-r", str(place.lock), *_EXACT]
    command += ["--no-compile", "--no-warn-script-location"]
    _run(place, [command], _Progress("installing", total, lambda: _installed(place)))
    print("  writing bytecode", flush=True)
    compiling = [str(place.python), "-I", "-m", "compileall", "-q", "-j", "0", str(place.venv)]
    subprocess.run(compiling, capture_output=True, check=False)


def _installed(place: Place) -> int:
    return sum(1 for _ in place.venv.glob("lib/python3*/site-packages/*.dist-info"))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


class _Progress:
    """One line that is written anew on a terminal; elsewhere a line every ten seconds."""

    def __init__(self, doing: str, total: int, count: Callable[[], int]) -> None:
        self.doing, self.total, self.count = doing, total, count
        self.said, self.at = "", time.monotonic() if not sys.stdout.isatty() else 0.0

    def __call__(self, last: bool = False) -> None:
        now = time.monotonic()
        if not last and now - self.at < (0.5 if sys.stdout.isatty() else 10):
            return
        text = f"  {self.doing} {min(self.count(), self.total)} of {self.total}"
        if sys.stdout.isatty():
            print(f"\r{text}", end="\n" if last else "", flush=True)
        elif text != self.said:
            print(text, flush=True)
        self.said, self.at = text, now


def _run(place: Place, commands: list[list[str]], show: _Progress | None = None) -> None:
    """Run the commands, some at once. Raises SetupError for the first that fails.

    What a command downloads goes to a folder `<name>.part` that is renamed when it is whole. After
    a failure nothing new begins, and what is running comes to its end: that much is kept.
    """
    clean = {k: v for k, v in os.environ.items() if k not in _ELSEWHERE} | {"PIP_USER": "0"}
    waiting, failed = list(commands), ""
    running: list[tuple[subprocess.Popen[bytes], Path | None, Path]] = []
    try:
        while waiting or running:
            while waiting and len(running) < PROCESSES:
                command = waiting.pop(0)
                part = Path(command[command.index("--dest") + 1]) if "--dest" in command else None
                log = part.with_suffix(".log") if part else place.log
                with log.open("w", encoding="utf-8") as out:
                    started = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=clean
                    )
                running.append((started, part, log))
            time.sleep(0.1)
            for one in [one for one in running if one[0].poll() is not None]:
                running.remove(one)
                process, part, log = one
                if process.returncode:
                    failed = failed or explain(_read(log), log)
                    waiting.clear()
                elif part:
                    part.mkdir(exist_ok=True)
                    part.rename(part.with_suffix(""))
            if show:
                show(last=not (waiting or running))
    finally:
        for process, _part, _log in running:
            process.terminate()
            process.wait()
    if failed:
        raise SetupError(failed)


def explain(said: str, log: Path) -> str:
    """One sentence of what pip or uv said when it failed."""
    if "No space left on device" in said:
        return "the disk is full: about 1.5 GB are needed. Make room and run again."
    if "DO NOT MATCH THE HASHES" in said or "Hash mismatch" in said:
        return f"a package arrived that is not the locked one, see {log}. Run again or ask for it."
    if re.search(_NETWORK, said):
        return (
            "the package index could not be reached: see to the network, the proxy or the index "
            f"that pip is set to, and run again; it goes on where it stopped ({log} says more)."
        )
    if missing := re.search(
        r"No matching distribution found for (\S+)|(\S+) has no usable wh", said
    ):
        return (
            f"there is no build of {missing[1] or missing[2]} for Python "
            f"{platform.python_version()} on {platform.platform()}. Tradehouse runs on Linux with "
            "glibc 2.28 or later and on macOS; an index of your own must hold what the lock names."
        )
    lines = [line for line in said.splitlines() if re.match(r"(?i)\s*(error|cause)\b", line)]
    words = (lines or said.strip().splitlines() or ["it said nothing"])[-1].strip()
    return f"{words.rstrip('.')} ({log} says more). See to it and run again."


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Two targets at once do not install into one environment: the second waits."""
    with place.lock.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up of this checkout ...", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 with a sentence, 130 or 143 when it was interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        set_up(Place(PROJECT), named="named" in arguments)
    except SetupError as error:
        print(f"Set-up failed: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Set-up failed: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; running it again goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
