"""The program beside a connector: it runs as long as a process of the connector does.

The first line it prints is a JSON object; `${beside.NAME}` in the declared `config` stands for one
of its values. Not here: the process itself (`process`), and when it is started (`connector`).
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingestion.declarations import BESIDE, Declaration, Limits
from ingestion.errors import ConnectorError
from ingestion.process import ConnectorProcess
from ingestion.redaction import Redactor
from tradehouse.terminal.output import count

PYTHON = "{python}"
LONGEST_LINE = 64 * 1024
NAMED, ESCAPED = "${beside.", "$${beside."
Values = dict[str, str | int | float | bool]


def start(
    declaration: Declaration,
    command: list[str],
    *,
    log: Path,
    redact: Redactor,
    environment: dict[str, str],
    directory: Path,
    directory_of_secrets: Path,
) -> tuple[ConnectorProcess, Values]:
    """Start the program and wait for its first line; returns it with the values.

    `command` is the declared one with its variables replaced. Standard input is a pipe that stays
    open until the program is to end. Raises ConnectorError when it does not start, or says no
    object within `limits.start_seconds`.
    """
    words = [sys.executable if command[0] == PYTHON else command[0], *command[1:]]
    limits = declaration.limits
    try:
        process = ConnectorProcess(
            words,
            error_log=log,
            limits=Limits(silence_seconds=limits.start_seconds, stop_seconds=limits.stop_seconds),
            redact=redact,
            environment=environment,
            directory=directory,
            directory_of_secrets=directory_of_secrets,
            keeps_input_open=True,
        )
    except OSError as error:
        raise ConnectorError(
            f"The program beside the connector of {declaration.name} cannot be started: "
            f"{words[0]}: {error.strerror}."
        ) from None
    try:
        values = _values(declaration.name, process, limits.start_seconds)
    except BaseException:
        process.close()
        raise
    process.ignore_output()
    return process, values


def _values(source: str, process: ConnectorProcess, seconds: float) -> Values:
    what = f"The program beside the connector of {source}"
    line, deadline = bytearray(), time.monotonic() + seconds
    while b"\n" not in line and len(line) < LONGEST_LINE and (block := process.read(4096)):
        line += block
        if b"\n" not in line and time.monotonic() > deadline:
            process.timed_out = True
            break
    if process.timed_out:
        raise ConnectorError(
            f"{what} said no whole line within {seconds:g} seconds and was stopped."
        )
    if not line:
        code = process.wait()
        words = process.last_words() or "it said nothing"
        raise ConnectorError(f"{what} ended before it began (exit code {code}): {words}")
    text = line.partition(b"\n")[0].decode(errors="backslashreplace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(
        isinstance(value, str | int | float) for value in found.values()
    ):
        raise ConnectorError(
            f"{what} should say an object of names and values on its first line, such as "
            f'{{"url": "http://127.0.0.1:40123"}}, and said {_described(found, text)}.'
        )
    return found


def _described(found: Any, text: str) -> str:
    """What is wrong with the first line, without what it says, which may be secret."""
    if not isinstance(found, dict):
        return f"{count(len(text), 'character')} that are none"
    wrong = (name for name, one in found.items() if not isinstance(one, str | int | float))
    return f"neither a text nor a number of {', '.join(sorted(wrong))}"


def filled(source: str, config: Any, values: Mapping[str, Any]) -> Any:
    """The configuration with what the program said; a value that stands alone keeps its type.

    `$${beside.NAME}` stands for `${beside.NAME}`, as `$${` does for `${` everywhere. Raises
    ConnectorError for a name that the program did not say.
    """

    def value(name: str) -> Any:
        if name not in values:
            raise ConnectorError(
                f"{source}: config wants ${{beside.{name}}}, and the program beside the connector "
                f"says {', '.join(sorted(values)) or 'nothing'}."
            )
        return values[name]

    if isinstance(config, dict):
        return {key: filled(source, item, values) for key, item in config.items()}
    if isinstance(config, list):
        return [filled(source, item, values) for item in config]
    if not isinstance(config, str):
        return config
    alone = BESIDE.fullmatch(config)
    if alone:
        return value(alone[1])
    pieces = config.split(ESCAPED)
    return NAMED.join(BESIDE.sub(lambda match: str(value(match[1])), each) for each in pieces)


def unfilled(declared: Any, config: Any) -> Any:
    """A configuration that the connector sent, with what the program said taken out again.

    The program says something else the next time.
    """
    if isinstance(declared, dict) and isinstance(config, dict):
        return {key: unfilled(declared.get(key), item) for key, item in config.items()}
    if isinstance(declared, list) and isinstance(config, list):
        known = [*declared, *[None] * len(config)]
        return [unfilled(one, item) for one, item in zip(known, config, strict=False)]
    is_filled = isinstance(declared, str) and (BESIDE.search(declared) or ESCAPED in declared)
    return declared if is_filled else config
