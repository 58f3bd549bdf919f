"""The event log of the embedded instance: Dagster's SQLite storage with connections kept open.

Dagster opens and closes a database for every statement, and each close makes the disk write
everything out. A run stores a thousand events, so that took longer than small models do. Tables,
files and queries are Dagster's; `orchestration.page` names it in the instance's settings.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool, Pool, QueuePool

RUNS_KEPT_OPEN = 8


class EventLog(SqliteEventLogStorage):
    """Dagster's event log; the index and the runs used last stay open.

    A commit is safe when the process is killed. After a power cut the last events may be missing;
    the database is whole (SQLite's `synchronous=NORMAL` with a write-ahead log).
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "EventLog":
        """Return the log in the directory that the settings name."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        """Return the open database of a run, or the index; called under the lock."""
        if shard not in self._engines:
            if shard not in self._initialized_dbs:
                self._initdb(_open(self.conn_string_for_shard(shard), NullPool))
                self._initialized_dbs.add(shard)
            self._engines[shard] = _open(self.conn_string_for_shard(shard), QueuePool, pool_size=1)
            runs = [one for one in self._engines if one != INDEX_SHARD_NAME]
            for one in runs[:-RUNS_KEPT_OPEN]:
                self._engines.pop(one).dispose()
        self._engines.move_to_end(shard)
        return self._engines[shard]

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, and touch the run's file: the page watches it to show what is new."""
        super().store_event(event)
        with suppress(FileNotFoundError):
            os.utime(self.path_for_shard(event.run_id))

    def wipe(self) -> None:
        """Remove every run's file and empty the index."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _open(address: str, pool: type[Pool], **options: Any) -> Engine:
    engine = create_engine(
        address,
        poolclass=pool,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        **options,
    )
    event.listen(engine, "connect", lambda opened, _: opened.execute("pragma synchronous=normal"))
    return engine
