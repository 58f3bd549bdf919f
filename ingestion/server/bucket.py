"""Parquet files that the server's S3 destination wrote: listed, and fetched one at a time.

Files are in `<bucket>/<path>/<source>/<stream>/`; a file never changes once it is there. Not here:
loading their rows into raw (`committing`).
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pyarrow import fs

from ingestion.errors import IngestionError
from ingestion.server.settings import Destination
from ingestion.server.units import Connection, Unit, describe, plain
from ingestion.tables import literal

BLOCK = 8 * 1024 * 1024


class ParquetLake:
    """A bucket of the S3 destination. `work` is where fetched files lie until they are landed."""

    def __init__(self, destination: Destination, work: Path) -> None:
        settings = {**destination.config, **destination.read}
        self._work = work
        self._root = "/".join(
            part.strip("/")
            for part in (settings["s3_bucket_name"], settings.get("s3_bucket_path") or "")
            if part.strip("/")
        )
        self._system = fs.S3FileSystem(**_options(settings))

    def units(
        self, connection: Connection, source: str, stream: str, landed: dict[str, int]
    ) -> tuple[Iterator[Unit], bool]:
        """The files that were not landed, by time, and whether any file is there."""
        try:
            files = self._files(source, stream)
        except OSError as error:
            raise self._unreadable(f"{self._root}/{source}/{stream}", error) from error
        new = [found for found in files if self._name(found) not in landed]
        return (self._fetch(connection, found) for found in new), bool(files)

    def _unreadable(self, where: str, error: OSError) -> IngestionError:
        return IngestionError(
            f"{where} cannot be read from here: {error}. Check the destination in "
            f"ingestion/airbyte.yml; `read` takes what is different from here."
        )

    def _files(self, source: str, stream: str) -> list[fs.FileInfo]:
        folders = {f"{self._root}/{source}/{name}" for name in (stream, plain(stream))}
        files = [
            found
            for folder in sorted(folders)
            for found in self._system.get_file_info(
                fs.FileSelector(folder, recursive=True, allow_not_found=True)
            )
            if found.type == fs.FileType.File and found.path.endswith(".parquet")
        ]
        return sorted(files, key=lambda found: (found.mtime_ns or 0, found.path))

    def _name(self, found: fs.FileInfo) -> str:
        """What tells a file from every other, and from one that replaced it."""
        path = found.path.removeprefix(f"{self._root}/")
        return f"{path} ({found.size} bytes, {found.mtime:%Y-%m-%d %H:%M:%S.%f})"

    def _fetch(self, connection: Connection, found: fs.FileInfo) -> Unit:
        digest = hashlib.sha256()
        local = self._work / f"{hashlib.sha256(found.path.encode()).hexdigest()[:24]}.parquet"
        try:
            with self._system.open_input_stream(found.path) as source, local.open("wb") as target:
                while block := source.read(BLOCK):
                    digest.update(block)
                    target.write(block)
        except OSError as error:
            raise self._unreadable(found.path, error) from error
        if local.stat().st_size != found.size:
            raise IngestionError(
                f"{found.path}: {found.size} bytes were expected, {local.stat().st_size} came."
            )
        relation = f"read_parquet({literal(local)}, hive_partitioning = false)"
        columns = describe(connection, relation, found.path)
        row = connection.execute(
            f"select count(*), coalesce(max(_airbyte_generation_id), 0)::bigint from {relation}"
        ).fetchone()
        rows, generation = row if row else (0, 0)
        return Unit(
            self._name(found), relation, columns, rows, found.size, generation, digest.hexdigest()
        )

    def release(self, units: Iterable[Unit]) -> None:
        """Remove what was fetched."""
        for unit in units:
            path = unit.relation.removeprefix("read_parquet('").split("'", 1)[0]
            Path(path).unlink(missing_ok=True)

    def close(self) -> None:
        """End reading."""


def _options(settings: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {
        "access_key": settings.get("access_key_id") or None,
        "secret_key": settings.get("secret_access_key") or None,
        "region": settings.get("s3_bucket_region") or None,
        "connect_timeout": 20,
        "request_timeout": 60,
    }
    endpoint = settings.get("s3_endpoint")
    if endpoint:
        scheme, _, host = str(endpoint).rpartition("://")
        options |= {"endpoint_override": host, "scheme": scheme or "https"}
    return {key: value for key, value in options.items() if value is not None}
