"""How fresh each source should be, who owns it, and when it was last loaded.

Read from small files, so that `status` and a run with nothing to do need not import `ingestion`;
the declarations are read again when one of them changed.
"""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tradehouse.home import files, ledger_snapshot, state, switches
from tradehouse.home.paths import PROJECT, Home
from tradehouse.home.records import Promised, Sources

DECLARATIONS = PROJECT / "ingestion" / "sources"
SUFFIXES = (".yml", ".yaml")
ON_DELIVERY = "on delivery"
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Promise:
    """What a declaration says; `freshness` in its words, `limit_seconds` None without one.

    `enabled` is what the home says (`tradehouse.home.switches`), or else the declaration.

    `schedule` is when it is asked for more, in the declaration's words, and `schedule_seconds`
    the interval where that is one.
    """

    name: str
    owner: str
    enabled: bool
    freshness: str | None
    limit_seconds: float | None
    schedule: str | None = None
    schedule_seconds: float | None = None

    @property
    def is_always_due(self) -> bool:
        """Whether every run asks it for more."""
        return self.schedule in (None, ON_DELIVERY)

    def last_due_at(self, began_at: datetime | None, now: datetime) -> datetime | None:
        """Return when its schedule last asked for it, None when that is done or it has none.

        Args:
            began_at: when its last sync began; None when there was none.
            now: the time.
        """
        if self.schedule_seconds is not None:
            if began_at is None or began_at > now:  # The future was noted by a wrong clock.
                began_at = BEGINNING
            intervals = (now - began_at).total_seconds() // self.schedule_seconds
            asked = began_at + timedelta(seconds=intervals * self.schedule_seconds)
            return asked if intervals else None
        if self.schedule is None or self.is_always_due:
            return None
        from cronsim import CronSim

        asked = next(CronSim(self.schedule, now + timedelta(minutes=1), reverse=True))
        return asked if began_at is None or began_at < asked or began_at > now else None

    def is_late(self, succeeded_at: datetime | None, now: datetime) -> bool:
        """Whether the last success is too long ago; a source that is off is not late."""
        if self.limit_seconds is None or not self.enabled:
            return False
        limit = timedelta(seconds=self.limit_seconds)
        return ledger_snapshot.is_late(succeeded_at, limit, now)


def read(home: Home, folder: Path | None = None) -> list[Promise]:
    """Return the promise of every declared source, by name.

    Of a declaration that cannot be read now (`read_faults`) the promise is the one of before.
    """
    found = [Promise(**one.model_dump()) for one in _read(home, folder or DECLARATIONS).promises]
    switched = switches.read(home.state)
    return [replace(one, enabled=switched.get(one.name, one.enabled)) for one in found]


def is_on(home: Home, name: str) -> bool:
    """Whether a source is declared and enabled."""
    return any(one.name == name and one.enabled for one in read(home))


def read_faults(home: Home, folder: Path | None = None) -> dict[str, str]:
    """Return what is wrong with declarations that cannot be read, by the file's name."""
    return _read(home, folder or DECLARATIONS).faults


def _read(home: Home, folder: Path) -> Sources:
    kept = state.find(home, Sources)
    before = kept.promises if kept else []
    try:
        paths = sorted(folder.iterdir()) if folder.exists() else []
        stamps = {
            path.name: stamp
            for path in paths
            if path.suffix in SUFFIXES and (stamp := files.stamp_file(path))
        }
    except OSError as error:
        fault = f"{folder} cannot be read ({error.strerror}): let it be read, then run again."
        return Sources(stamps={}, promises=before, faults={folder.name: fault})
    if kept is None or kept.stamps != stamps:
        from ingestion import declarations

        found, faults = declarations.read_each(folder)
        promises = [Promised(**asdict(of(one))) for one in found]
        promises += [one for one in before if one.name in faults]
        promises.sort(key=lambda one: one.name)
        kept = Sources(stamps=stamps, promises=promises, faults=faults)
        state.keep(home, kept)
    return kept


def of(declaration: Any) -> Promise:
    """Return what a declaration (`ingestion.declarations`) says."""
    limit, schedule = declaration.freshness_limit(), declaration.schedule_interval()
    return Promise(
        declaration.name,
        declaration.owner,
        declaration.enabled,
        declaration.freshness,
        limit and limit.total_seconds(),
        declaration.schedule,
        schedule and schedule.total_seconds(),
    )


def read_syncs(home: Home) -> tuple[list[dict[str, Any]], dict[str, datetime]]:
    """Return the last syncs as the ledger's snapshot has them, and each source's last success."""
    found = ledger_snapshot.read(home.state)
    return found["syncs"], ledger_snapshot.find_successes(found)
