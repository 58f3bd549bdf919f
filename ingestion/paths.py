"""Where ingestion reads and writes below a home. Creates no directory before it is asked to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The files and directories of one home that ingestion uses."""

    raw_database: Path
    logs: Path
    tmp: Path
    state: Path
    connectors: Path

    @classmethod
    def below(cls, home: Path) -> "Paths":
        """The paths of a home in its standard layout."""
        return cls(
            raw_database=home / "raw.duckdb",
            logs=home / "logs",
            tmp=home / "tmp",
            state=home / "state",
            connectors=home / "connectors",
        )

    @property
    def home(self) -> Path:
        """The directory that the others lie in."""
        return self.raw_database.parent

    def make(self) -> None:
        """Create the directories that are missing."""
        for directory in (
            self.raw_database.parent,
            self.logs,
            self.tmp,
            self.state,
            self.connectors,
        ):
            directory.mkdir(parents=True, exist_ok=True)
