"""The ledger in schema `_tradehouse`: syncs, states, files; and the snapshot that readers use.

Rows of running syncs are only appended, so concurrent transactions never touch the same row. Not
here: the schema's definition and migration (`database`).
"""

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import duckdb

from ingestion import json_text
from ingestion.paths import Paths
from ingestion.protocol import StreamKey, known_as
from ingestion.segments import LoadedFile, Segment
from ingestion.tables import Table
from tradehouse.home import ledger_snapshot as snapshots

KEPT_SYNCS = 100
"""Of all sources together; the last one of each is kept in any case."""


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def start_sync(
    connection: duckdb.DuckDBPyConnection,
    sync_id: str,
    tables: Iterable[Table],
    *,
    connector: str,
    connector_version: str | None,
    declaration_version: str,
    runner: str = "embedded",
) -> None:
    """One row a stream, with status running."""
    for table in tables:
        connection.execute(
            """insert into _tradehouse.syncs by name select
                ? as sync_id, ? as source, ? as namespace, ? as stream, ? as started_at,
                'running' as status, 0 as records, 0 as bytes, 0 as nulled_values,
                ? as generation_id, ?::json as state_before, ? as connector,
                ? as connector_version, ? as declaration_version, ? as runner""",
            [
                sync_id,
                table.source,
                *table.key,
                now(),
                table.generation_id,
                _stream_state(connection, table.source, table.key),
                connector,
                connector_version,
                declaration_version,
                runner,
            ],
        )


def end_sync(
    connection: duckdb.DuckDBPyConnection,
    sync_id: str,
    statuses: dict[StreamKey, str],
    error: dict[str, Any] | None,
) -> None:
    """Close the sync's rows, in the caller's transaction; superseded states go."""
    for key, status in statuses.items():
        source_row = connection.execute(
            "select source from _tradehouse.syncs where sync_id = ? limit 1", [sync_id]
        ).fetchone()
        source = source_row[0] if source_row else ""
        connection.execute(
            """update _tradehouse.syncs set status = ?, ended_at = ?, error = ?::json,
                state_after = ?::json, records = ?, bytes = ?, nulled_values = ?
            where sync_id = ? and stream = ? and namespace is not distinct from ?""",
            [
                status,
                now(),
                None if error is None else json.dumps(error),
                _stream_state(connection, source, key),
                *_totals(connection, sync_id, key),
                sync_id,
                key[1],
                key[0],
            ],
        )
    connection.execute("delete from _tradehouse.segments where sync_id = ?", [sync_id])
    _forget_superseded_states(connection)


def fail_sync(
    connection: duckdb.DuckDBPyConnection, source: str, started_at: datetime, message: str
) -> None:
    """Record a sync that failed before it read anything, unless one is there that says more.

    A server's sync that is still running is continued by the next one.
    """
    row = connection.execute(
        """select count(*) from _tradehouse.syncs
        where source = ? and (started_at >= ? or status = 'running')""",
        [source, started_at],
    ).fetchone()
    if row and row[0]:
        return
    connection.execute(
        """insert into _tradehouse.syncs by name select
            ? as sync_id, ? as source, ? as started_at, ? as ended_at, 'failed' as status,
            0 as records, 0 as bytes, 0 as nulled_values, ?::json as error""",
        [
            new_id(started_at),
            source,
            started_at,
            now(),
            json.dumps({"errors": [{"message": message}]}),
        ],
    )


def new_id(started_at: datetime) -> str:
    """An identifier for a sync."""
    return f"{started_at:%Y%m%dT%H%M%S.%f}Z-{secrets.token_hex(3)}"


def _totals(
    connection: duckdb.DuckDBPyConnection, sync_id: str, key: StreamKey
) -> tuple[int, int, int]:
    row = connection.execute(
        """select coalesce(sum(records), 0)::bigint, coalesce(sum(bytes), 0)::bigint,
            coalesce(sum(nulled_values), 0)::bigint
        from _tradehouse.segments
        where sync_id = ? and stream = ? and namespace is not distinct from ?""",
        [sync_id, key[1], key[0]],
    ).fetchone()
    return (row[0], row[1], row[2]) if row else (0, 0, 0)


def close_dead_syncs(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Close the rows of syncs that died; whoever holds the database knows they do not run.

    A server's job runs whether somebody watches it or not: its rows stay open until it is.
    """
    dead = connection.execute(
        """select sync_id, namespace, stream from _tradehouse.syncs
        where status = 'running' and runner is distinct from 'server'"""
    ).fetchall()
    by_sync: dict[str, dict[StreamKey, str]] = {}
    for sync_id, namespace, stream in dead:
        by_sync.setdefault(sync_id, {})[(namespace, stream)] = "died"
    for sync_id, statuses in by_sync.items():
        error = {"message": "The sync ended without closing its ledger rows: it was killed."}
        end_sync(connection, sync_id, statuses, error)
    return sorted(by_sync)


def record_segment(
    connection: duckdb.DuckDBPyConnection,
    sync_id: str,
    source: str,
    segment: Segment,
    totals: dict[StreamKey, tuple[int, int, int]],
    files: dict[StreamKey, list[LoadedFile]],
) -> None:
    """States, totals and files of a segment, in the transaction that loads it."""
    moment = now()
    for state in segment.states:
        namespace, stream = state.key or (None, None)
        connection.execute(
            "insert into _tradehouse.states values (?, ?, ?, ?, ?::json, ?, ?, ?)",
            [
                source,
                state.kind,
                namespace,
                stream,
                _as_kept(state.content),
                state.position,
                sync_id,
                moment,
            ],
        )
    for key, (records, size, nulled) in totals.items():
        connection.execute(
            "insert into _tradehouse.segments values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [sync_id, source, *key, segment.number, records, size, nulled, moment],
        )
    rows = [(key[1], file) for key, loaded in files.items() for file in loaded]
    if rows:
        connection.execute(
            """insert into _tradehouse.files select ?, unnest(?::varchar[]), unnest(?::integer[]),
                unnest(?::integer[]), unnest(?::varchar[]), unnest(?::bigint[]),
                unnest(?::varchar[]), unnest(?::bigint[]), unnest(?::bigint[]), ?, ?""",
            [
                source,
                [stream for stream, _ in rows],
                [file.reference.batch for _, file in rows],
                [file.reference.delivery for _, file in rows],
                [file.reference.relative_path for _, file in rows],
                [file.reference.bytes if file.digest else None for _, file in rows],
                [file.digest for _, file in rows],
                [file.records for _, file in rows],
                [file.malformed for _, file in rows],
                sync_id,
                moment,
            ],
        )


def _as_kept(state: Any) -> str:
    """The state as JSON that the database takes: one with half a surrogate is JSON in a text."""
    text = json_text.dumps(state)
    return (json_text.dumps(text.decode()) if b"\\ud" in text else text).decode()


def _as_it_came(kept: str) -> dict[str, Any]:
    state = json_text.loads(kept)
    return dict(json_text.loads(state) if isinstance(state, str) else state)


_CURRENT = """
    select source, namespace, stream, kind, position,
        row_number() over (partition by source, namespace, stream order by position desc) as age,
        max(position) filter (where kind <> 'STREAM') over (partition by source) as newest_global
    from _tradehouse.states"""


def current_states(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    anew: Mapping[StreamKey, bool] | None = None,
) -> list[dict[str, Any]]:
    """The messages the next run gets: the newest state of every stream, or one for all.

    `anew` says of the streams that will be read which start from nothing: their states are left
    out, and so are their entries of a state for all streams. Where all do, that one is, too.
    """
    rows = connection.execute(
        f"""select position, namespace, stream from ({_CURRENT}) where source = ? and age = 1
            and (kind <> 'STREAM' or position > coalesce(newest_global, -1))
        order by position""",
        [source],
    ).fetchall()
    anew = anew or {}
    is_shared_anew = bool(anew) and all(anew.values())
    states = [
        _without(_as_it_came(_state_at(connection, position)), anew)
        for position, namespace, stream in rows
        if not (is_shared_anew if stream is None else anew.get((namespace, stream)))
    ]
    return [state for state in states if not _is_reset(state)]


def shares_state(connection: duckdb.DuckDBPyConnection, source: str) -> bool:
    """Whether the source has one state for all of its streams."""
    [(position,)] = connection.execute(
        "select max(position) from _tradehouse.states where source = ? and stream is null", [source]
    ).fetchall()
    return position is not None and not _is_reset(_as_it_came(_state_at(connection, position)))


def _without(state: dict[str, Any], anew: Mapping[StreamKey, bool]) -> dict[str, Any]:
    """A state without the entries of streams that start from nothing."""
    shared = state.get("global")
    entries = shared.get("stream_states") if isinstance(shared, dict) else None
    if not isinstance(shared, dict) or not isinstance(entries, list):
        return state
    left = [entry for entry in entries if not anew.get(_stream_of(entry, anew) or (None, ""))]
    return state | {"global": shared | {"stream_states": left}}


def _stream_of(entry: Any, known: Collection[StreamKey]) -> StreamKey | None:
    descriptor = entry.get("stream_descriptor") if isinstance(entry, dict) else None
    if not isinstance(descriptor, dict) or not isinstance(descriptor.get("name"), str):
        return None
    return known_as((descriptor.get("namespace"), descriptor["name"]), known)


def _state_at(connection: duckdb.DuckDBPyConnection, position: int) -> str:
    """One state by itself: a query that reads all of them needs memory for thousands at a time."""
    [state] = connection.execute(
        f"select state from _tradehouse.states where position = {position:d}"
    ).fetchall()
    return str(state[0])


def _is_reset(state: dict[str, Any]) -> bool:
    kind = state.get("type") or "LEGACY"
    if kind == "STREAM":
        return (state.get("stream") or {}).get("stream_state") is None
    return (state.get("global") if kind == "GLOBAL" else state.get("data")) is None


def _stream_state(connection: duckdb.DuckDBPyConnection, source: str, key: StreamKey) -> str | None:
    row = connection.execute(
        """select max(position) from _tradehouse.states where source = ?
            and (stream is null or (stream = ? and namespace is not distinct from ?))""",
        [source, key[1], key[0]],
    ).fetchone()
    return _state_at(connection, row[0]) if row and row[0] is not None else None


def _forget_superseded_states(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"""delete from _tradehouse.states where position in (
            select position from ({_CURRENT})
            where states.source = source
                and (age > 1 or (kind = 'STREAM' and position < newest_global)))"""
    )


def last_position(connection: duckdb.DuckDBPyConnection) -> int:
    """The highest position of a state."""
    row = connection.execute("select coalesce(max(position), 0) from _tradehouse.states").fetchone()
    return int(row[0]) if row else 0


def snapshot(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What `status` shows: the last syncs, newest first, and by stream what was loaded in all.

    Which came last is said by their rows, not by clocks.
    """
    syncs = _dicts(
        connection,
        f"""select * exclude (state_before, state_after, last_row) from _tradehouse.syncs
        inner join (
            select source, sync_id, last_row from (
                select source, sync_id, max(rowid) as last_row from _tradehouse.syncs group by all)
            qualify row_number() over (order by last_row desc) <= {KEPT_SYNCS}
                or row_number() over (partition by source order by last_row desc) = 1
        ) as kept using (source, sync_id)
        order by last_row desc, source, stream""",
    )
    streams = _dicts(
        connection,
        """select syncs.source, syncs.namespace, syncs.stream, count(*) as syncs,
            sum(records)::bigint as records, sum(bytes)::bigint as bytes,
            max_by(ended_at, syncs.rowid) filter (where status = 'succeeded') as succeeded_at,
            any_value(table_name) as table_name
        from _tradehouse.syncs left join (
            select source, namespace, stream, any_value(name) as table_name
            from _tradehouse.names where field is null group by all
        ) as recorded
            on syncs.source = recorded.source and syncs.stream = recorded.stream
            and syncs.namespace is not distinct from recorded.namespace
        where syncs.stream is not null group by all order by all""",
    )
    batches = _dicts(
        connection,
        """select source, batch, delivery, count(*) as files, sum(records)::bigint as records,
            sum(bytes)::bigint as bytes, sum(malformed_records)::bigint as malformed_records,
            max(committed_at) as committed_at
        from _tradehouse.files where batch is not null group by all order by all""",
    )
    loads = _dicts(
        connection,
        """select source, max(load) as load, epoch_us(max(committed_at)) as committed_at
        from _tradehouse.loads group by all order by all""",
    )
    held = _dicts(
        connection,
        """select source, load, since_load, reason, judged_at as held_at from _tradehouse.judged
        qualify row_number() over (partition by source order by load desc) = 1
            and not is_accepted order by all""",
    )
    found = {"syncs": syncs, "streams": streams, "batches": batches, "loads": loads, "held": held}
    return {"written_at": now(), **found}


def _dicts(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    result = connection.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def write_snapshot(connection: duckdb.DuckDBPyConnection, paths: Paths) -> None:
    """Write the snapshot beside the old one and put it in its place."""
    snapshots.write(paths.state, snapshot(connection))


def read_status(paths: Paths) -> dict[str, Any]:
    """The snapshot of the last sync, and under `running` what runs now; opens no database.

    Returns empty lists where nothing was synced yet.
    """
    return snapshots.read(paths.state) | {"running": snapshots.running(paths.state)}
