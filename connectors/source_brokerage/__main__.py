"""The connector as a process: `spec`, `check`, `discover`, `read` on the Airbyte protocol.

Exit code 0 only on success; a message reports every failure first.
"""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import BinaryIO

from connectors.source_brokerage.batches import find_batches
from connectors.source_brokerage.config import (
    SPECIFICATION,
    Config,
    parse_catalog,
    parse_config,
    read_json,
)
from connectors.source_brokerage.faults import Fault
from connectors.source_brokerage.protocol import Writer
from connectors.source_brokerage.read import Read
from connectors.source_brokerage.state import parse_states
from connectors.source_brokerage.streams import catalog

BUFFER_BYTES = 1 << 18
STOPPED = ("The read was stopped.", {"code": "stopped"}, "transient_error")


def main(arguments: Sequence[str] | None = None, output: BinaryIO | None = None) -> int:
    """Run one command, messages to `output` (standard output); gives the process's exit code."""
    options = _parse(arguments)
    if output is None:
        output = open(1, "wb", buffering=BUFFER_BYTES, closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGTERM, _stop)
    writer = Writer(output)
    try:
        return _run(options, writer)
    except Fault as fault:
        writer.error(fault.message, fault.details(), "config_error")
    except BrokenPipeError:
        sys.stderr.close()
    except (KeyboardInterrupt, SystemExit):
        writer.error(*STOPPED)
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt | SystemExit):
            # So DuckDB says that it was interrupted.
            writer.error(*STOPPED)
            return 1
        details = {"code": "unexpected", "error": repr(error)}
        writer.error(f"Unexpected: {error!r}", details, "system_error", traceback.format_exc())
    finally:
        writer.flush()
    return 1


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="source-brokerage", description="Airbyte source for a brokerage's landing directory."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("spec", help="print the specification")
    for name, text in (
        ("check", "check that the landing directory holds batches"),
        ("discover", "print the catalogue"),
        ("read", "read what is new"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--config", required=True)
        if name == "read":
            command.add_argument("--catalog", required=True)
            command.add_argument("--state")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, writer: Writer) -> int:
    if options.command == "spec":
        writer.message("SPEC", SPECIFICATION)
        return 0
    if options.command == "check":
        return _check(options, writer)
    config = parse_config(read_json(options.config, "config_invalid"))
    if options.command == "discover":
        writer.message("CATALOG", catalog(config.hands_over_files))
        return 0
    return _read(options, config, writer)


def _check(options: argparse.Namespace, writer: Writer) -> int:
    try:
        config = parse_config(read_json(options.config, "config_invalid"))
        find_batches(config.landing)
    except Fault as fault:
        writer.message("CONNECTION_STATUS", {"status": "FAILED", "message": fault.message})
        return 1
    writer.message("CONNECTION_STATUS", {"status": "SUCCEEDED"})
    return 0


def _read(options: argparse.Namespace, config: Config, writer: Writer) -> int:
    selections = parse_catalog(read_json(options.catalog, "catalog_invalid"))
    content = read_json(options.state, "state_invalid") if options.state else None
    states = parse_states(content, selections)
    status = "INCOMPLETE"
    try:
        for selection in selections:
            writer.status(selection.stream.name, "STARTED")
        faults = Read(config, selections, states, writer).run()
        for fault in faults:
            writer.error(fault.message, fault.details(), "config_error")
        status = "INCOMPLETE" if faults else "COMPLETE"
    finally:
        for selection in selections:
            writer.status(selection.stream.name, status)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
