"""Where everything is: the project's root, the home, the settings of `.env`.

A home is the directory that `TRADEHOUSE_HOME` names; nothing is written outside it. The modules
that write the files define what is in them.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tradehouse.errors import UsageError
from tradehouse.home import files

PROJECT = Path(__file__).resolve().parents[2]
DEFAULT_HOME = "data"
OWN = 0o077
"""What a mode gives to others than the owner."""
SHARED = {"owner": 0, "group": 0o050, "everyone": 0o055}
NAMES = ("*.duckdb*", "releases", "state", "landing", "logs", "target", "tmp", "docs",
         "connectors", "dagster", "partners")  # fmt: skip
"""What Tradehouse makes in a home; whatever else lies there is left as it is."""
LONGEST = 3500
UNUSABLE = frozenset("?#%*[]{}'\"`;:|<>\\$")
"""Characters that DuckDB, dbt, Dagster's SQLite or a shell take for something else in a path."""


@dataclass(frozen=True)
class Home:
    """The paths of one home; properties only, nothing is made by asking for them."""

    root: Path

    @property
    def raw(self) -> Path:
        """The loader's file: every delivered record, states, ledger."""
        return self.root / "raw.duckdb"

    @property
    def warehouse(self) -> Path:
        """The file dbt builds with target `main`: bronze, silver, gold."""
        return self.root / "warehouse.duckdb"

    @property
    def releases(self) -> Path:
        """One directory a release, and the pointer `current`."""
        return self.root / "releases"

    @property
    def state(self) -> Path:
        """Small files that answer `status` and its like while a run is writing."""
        return self.root / "state"

    @property
    def landing(self) -> Path:
        """The simulated brokerage's deliveries, or others that lie in the home."""
        return self.root / "landing"

    @property
    def targets(self) -> Path:
        """The simulated brokerage's partner's file: what branches are to earn."""
        return self.root / "partners" / "branch_targets.csv"

    @property
    def logs(self) -> Path:
        """Logs of dbt and of connectors, rows of failed tests."""
        return self.root / "logs"

    @property
    def temporary(self) -> Path:
        """What only a running process needs; emptied at the start of a run."""
        return self.root / "tmp"

    @property
    def target(self) -> Path:
        """What dbt keeps between runs: the parsed project, compiled SQL."""
        return self.root / "target"

    @property
    def docs(self) -> Path:
        """The documentation site of the models, as of the project's newest state."""
        return self.root / "docs"

    def prepare(self) -> None:
        """Make the home's directories, so that the lock can be taken, for nobody else to read.

        What this process makes from now on is its owner's only, save what `share` gives away.

        Raises:
            UsageError: when they cannot be made.
        """
        os.umask(OWN)
        folder = self.root
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.state, self.releases, self.logs, self.temporary):
                if not folder.is_dir() and (folder.exists() or folder.is_symlink()):
                    aside = files.set_aside(folder)
                    files.tell(f"{folder} should be a directory; what was there is {aside} now.")
                folder.mkdir(exist_ok=True)
            self._close()
        except OSError as error:
            raise UsageError(
                f"The home {self.root} cannot be written ({error.strerror}: {folder}). "
                "Give TRADEHOUSE_HOME a directory that belongs to you."
            ) from error

    def _close(self) -> None:
        """Take from others what they could read: once, then the root's own mode says it is done."""
        shared = find_shared()
        before = stat.S_IMODE(self.root.stat().st_mode)
        passable = before & 0o700 | shared & 0o011
        if before == passable:
            return
        for path in self._own():
            mode = stat.S_IMODE(path.lstat().st_mode)
            given = shared if path.is_relative_to(self.releases) else 0
            wanted = mode & 0o700 | (mode >> 3 & 0o070 | mode >> 6 & 0o007) & given
            with suppress(PermissionError, FileNotFoundError):
                if mode != wanted:
                    path.chmod(wanted)
        with suppress(PermissionError):
            self.root.chmod(passable)

    def _own(self) -> Iterator[Path]:
        """Yield what Tradehouse made, those first that lie deepest; no links.

        Below `landing` and `tmp` are files of the source, or further names of them.
        """
        for top in (path for name in NAMES for path in self.root.glob(name)):
            if not top.is_symlink():
                if top not in (self.landing, self.temporary):
                    yield from _below(top)
                yield top

    def give_to_owner(self) -> None:
        """Let what root made belong to whom the home belongs to, so that it is not locked out."""
        if os.geteuid() != 0 or not self.root.exists():
            return
        owner = self.root.stat()
        if owner.st_uid != 0:
            for path in self._own():
                files.give(path, owner)
            for path in _below(
                self.landing
            ):  # A simulated brokerage's, not names of others' files.
                if path.is_dir() or path.lstat().st_nlink == 1:
                    files.give(path, owner)

    def find_foreign(self) -> list[Path]:
        """Return what Tradehouse made in the home and is not its owner's."""
        owner, found = self.root.stat().st_uid, []
        for path in self._own():
            with suppress(FileNotFoundError):  # A run may be tidying.
                if path.lstat().st_uid != owner:
                    found.append(path)
        return found

    def share(self, path: Path) -> None:
        """Let those read a directory of a release who may: see `find_shared`."""
        shared = find_shared()
        for one in (path, *_below(path)):
            mode = stat.S_IMODE(one.stat().st_mode) & 0o700
            one.chmod(mode | (mode >> 3 | mode >> 6) & shared)

    def tidy(self) -> None:
        """Remove what killed processes left half-written; only the holder of the lock may."""
        for folder in (self.root, self.state, self.state / "runs", self.releases, self.docs):
            files.remove_begun(folder)
        (self.target / "templates.marshal").unlink(missing_ok=True)  # Of a former version.


def find_shared() -> int:
    """Return the bits of a mode that releases give to others than their owner.

    Raises:
        UsageError: when TRADEHOUSE_RELEASES_FOR says something else than there is.
    """
    said = os.environ.get("TRADEHOUSE_RELEASES_FOR") or "owner"
    if said not in SHARED:
        raise UsageError(
            f"TRADEHOUSE_RELEASES_FOR should be {', '.join(SHARED)}, and is {said!r}. "
            "Mend it in the environment or in .env."
        )
    return SHARED[said]


def _below(folder: Path) -> Iterator[Path]:
    """Yield directories and files, those first that lie deepest; no links."""
    for name, folders, names in os.walk(folder, topdown=False):
        for one in (*names, *folders):
            path = Path(name, one)
            if not path.is_symlink():
                yield path


def load_settings() -> None:
    """Read `.env` of the project's root into the environment; what is set already stays."""
    path = PROJECT / ".env"
    if path.exists():
        from dotenv import load_dotenv

        try:
            if not path.is_file():
                raise ValueError("it is no file")  # noqa: TRY301
            load_dotenv(path, override=False)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{path} should be a text file of settings like .env.example, and it cannot be "
                f"read ({why}). Mend it or move it away."
            ) from error


def find_home() -> Home:
    """Return the home `TRADEHOUSE_HOME` names; a relative one lies below the project's root.

    The variable is set to the absolute path, so that dbt and connectors use the same one.
    """
    load_settings()
    said = os.environ.get("TRADEHOUSE_HOME") or DEFAULT_HOME
    try:
        root = (PROJECT / Path(said).expanduser()).resolve()
        is_other = root.exists() and not root.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"TRADEHOUSE_HOME should name a directory, and {_shown(said)} cannot be one ({why}). "
            "Mend it in the environment or in .env."
        ) from error
    if is_other:
        raise UsageError(
            f"TRADEHOUSE_HOME should name a directory, and {_shown(root)} is a file. "
            "Name another one."
        )
    _require_usable(root)
    os.environ["TRADEHOUSE_HOME"] = str(root)
    home = Home(root)
    if any(home.temporary.glob("sync-*")) or any(home.temporary.glob("ask-*")):
        from ingestion.surroundings import remove_leftovers

        remove_leftovers(home.temporary)  # Configurations of killed syncs hold secrets.
    return home


def _require_usable(root: Path) -> None:
    """Check that every program that gets the path reads the same directory from it.

    Raises:
        UsageError: when one would not.
    """
    text = str(root)
    bad = sorted({one for one in text if one in UNUSABLE or not one.isprintable()})
    if bad:
        named = ", ".join(ascii(one) for one in bad)
        why = f"the path holds {named}, which DuckDB, dbt or SQLite take for something else"
    elif len(os.fsencode(text)) > LONGEST:
        why = f"the path is longer than {LONGEST} bytes"
    elif root == PROJECT or root in PROJECT.parents:
        why = "the project itself lies there"
    else:
        return
    raise UsageError(
        f"The home cannot be {_shown(text)}: {why}. "
        "Give TRADEHOUSE_HOME (or, where it is not set, the project) another place."
    )


def _shown(path: object) -> str:
    """Return a path as it can be printed, whatever is in it."""
    text = str(path)
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= 200 else f"{shown[:200]}..."


def whole_number_setting(name: str, default: int, least: int = 0) -> int:
    """Return an integer setting of the environment, checked."""
    text = (os.environ.get(name) or str(default)).strip()
    number = int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1
    if number < least:
        raise UsageError(
            f"{name} should be a whole number of at least {least} and at most nine digits, and is "
            f"{text[:50]!r}. Mend it in the environment or in .env."
        )
    return number


def check_engine_settings() -> None:
    """Check what the settings say of DuckDB's threads and memory, which dbt hands on unread.

    Raises:
        UsageError: when one of them cannot be meant.
    """
    whole_number_setting("TRADEHOUSE_THREADS", 2, least=1)
    limit = os.environ.get("TRADEHOUSE_MEMORY_LIMIT") or "1500MB"
    if not re.fullmatch(r"\d{1,9}(\.\d{1,3})? ?[KMGT]i?B", limit, re.ASCII | re.IGNORECASE):
        raise UsageError(
            f"TRADEHOUSE_MEMORY_LIMIT should be a size such as 1500MB or 4GB, and is "
            f"{limit[:50]!r}. Mend it in the environment or in .env."
        )
