"""Hand over whole files: the protocol's file transfer, by links wherever possible."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from connectors.source_brokerage.batches import Content
from connectors.source_brokerage.opening import SourceFile, changed, open_file
from connectors.source_brokerage.protocol import Writer
from connectors.source_brokerage.streams import Stream

STAGING_VARIABLE = "AIRBYTE_STAGING_DIRECTORY"


def staging_directory() -> Path:
    """The platform's staging directory, or a new temporary one where the platform names none."""
    named = os.environ.get(STAGING_VARIABLE)
    if named and Path(named).is_dir():
        return Path(named)
    import tempfile  # costs more than the rest of a start

    return Path(tempfile.mkdtemp(prefix="source-brokerage-"))


def stage(file: SourceFile, staging: Path) -> Path:
    """Put the file below the staging directory under its relative path; the receiver deletes it.

    A hard link where the file system allows it, else a symbolic link, else a copy.
    """
    target = staging / file.relative
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with open_file(file) as stream:
        source = os.path.realpath(file.path)
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            pass
        else:
            if os.path.samestat(target.lstat(), os.fstat(stream.fileno())):
                return target
            target.unlink()
            raise changed(file)
        try:
            target.symlink_to(source)
        except OSError:
            import shutil  # costs more than the rest of a start

            with target.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
    return target


def emit_file(
    writer: Writer, stream: Stream, file: SourceFile, content: Content, delivery: int, staging: Path
) -> None:
    """One record for the whole file."""
    data: dict[str, Any] = {
        "_batch": file.batch,
        "_delivery": delivery,
        "_file": file.relative,
        "_layout": stream.layout(file.batch),
        "_lines": content.lines,
        "_bytes": file.size,
        "_modified_ns": file.modified_ns if abs(file.modified_ns) < 2**63 else None,
        "_sha256": content.digest,
    }
    reference = {
        "staging_file_url": str(stage(file, staging)),
        "source_file_relative_path": file.relative,
        "file_size_bytes": file.size,
    }
    writer.running(stream.name)
    writer.record(stream.name, data, file_reference=reference)
