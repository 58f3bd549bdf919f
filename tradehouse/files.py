"""Small files that are always whole: written beside their place, then renamed into it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tradehouse.errors import TradehouseError

BEGUN = ".begun-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block ends.

    When the block raises, what was written is removed and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_name(f"{BEGUN}{os.getpid()}-{path.name}")
    try:
        yield begun
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, durably: after a crash the old file or the new one is there."""
    with replacing(path) as begun, begun.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, default=str)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def read_json(path: Path) -> Any | None:
    """Return the content of a JSON file, or None when there is no such file.

    Raises:
        TradehouseError: when the file is there and is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise TradehouseError(
            f"{path} should be JSON and is not ({error}). It was changed from outside; remove it, "
            "and the next `tradehouse run` writes it anew."
        ) from error


def sync_to_disk(path: Path) -> None:
    """Wait until a file or a directory's entries are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_begun(folder: Path) -> list[Path]:
    """Remove what killed processes began to write in `folder` and never finished."""
    found = sorted(folder.glob(f"{BEGUN}*")) if folder.is_dir() else []
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return found
