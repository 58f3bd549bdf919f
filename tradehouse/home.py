"""Where everything lies: the project's root, the home, the settings of `.env`.

A home is the directory that `TRADEHOUSE_HOME` names; nothing is written outside it. What is in the
files is known by the modules that write them.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tradehouse.errors import UsageError
from tradehouse.files import remove_begun

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT_HOME = "data"


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
        """The simulated brokerage's deliveries, where no other brokerage is given."""
        return self.root / "landing"

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
        """Make the home's directories, so that the lock can be taken."""
        for folder in (self.root, self.state, self.releases, self.logs, self.temporary):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(
                    f"The home {self.root} cannot be written ({error.strerror}: {folder}). "
                    "Give TRADEHOUSE_HOME a directory that belongs to you."
                ) from error

    def tidy(self) -> None:
        """Remove what killed processes left half-written; only the holder of the lock may."""
        for folder in (self.root, self.state, self.releases, self.docs):
            remove_begun(folder)


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
    named = os.environ.get("TRADEHOUSE_HOME") or DEFAULT_HOME
    try:
        root = (PROJECT / Path(named).expanduser()).resolve()
        is_file = root.exists() and not root.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"TRADEHOUSE_HOME should name a directory, and {named} cannot be one ({why}). "
            "Mend it in the environment or in .env."
        ) from error
    if is_file:
        raise UsageError(
            f"TRADEHOUSE_HOME should name a directory, and {root} is a file. Name another one."
        )
    os.environ["TRADEHOUSE_HOME"] = str(root)
    home = Home(root)
    if any(home.temporary.glob("sync-*")) or any(home.temporary.glob("ask-*")):
        from ingestion.surroundings import remove_leftovers

        remove_leftovers(home.temporary)  # Configurations of killed syncs hold secrets.
    return home


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
    if not re.fullmatch(r"\d{1,9}(\.\d{1,3})? ?([KMGT]i?B|%)", limit, re.ASCII | re.IGNORECASE):
        raise UsageError(
            f"TRADEHOUSE_MEMORY_LIMIT should be a size such as 1500MB or 4GB, and is "
            f"{limit[:50]!r}. Mend it in the environment or in .env."
        )
