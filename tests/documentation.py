"""Commands of the documentation, taken from its Markdown and run in a fresh copy of the project.

What runs: every fenced block of `sh`, whole, and of every `console` block the lines after `$ `
(a line that ends in a backslash goes on in the next; lines without `$ ` are output). A comment in
the line above a block changes that:

    <!-- file: ingestion/sources/branches.yml -->   the block, of any language, is that file
    <!-- not run: needs a server -->                the block is left out, for the reason given

Not here: the tests, which lie beside what a page is about.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from tradehouse import bootstrap

PROJECT = Path(__file__).resolve().parents[1]
RUN = ("sh", "console")
_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>[\w-]*).*$")
_HEADING = re.compile(r"^(?P<level>#+) (?P<title>.+?)\s*$")
_NOTE = re.compile(r"^<!-- (?P<kind>not run|file):(?P<value>.*)-->$")
_PROGRAMS = {
    "python": "",
    "tradehouse": "-m tradehouse.cli.parser",
    "dbt": '-c "from dbt.cli.main import cli; cli()"',
    "dagster": "-m dagster",
    "pytest": "-m pytest",
}
_LEFT_OUT = {".git", ".venv", ".env", "data", "target", "logs", "dbt_packages"}


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is the number of its first line of content."""

    page: Path
    line: int
    section: str
    language: str
    text: str
    not_run: str | None = None
    file: str | None = None

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, section: str | None = None, languages: Collection[str] = RUN) -> list[Block]:
    """The blocks of a page, or of its section with this title, that run or become files.

    Blocks that are marked as not run are among them. `languages` takes blocks of others instead.
    Raises ValueError for a mark without reason and for a section that is not there.
    """
    found: list[Block] = []
    titles: list[str] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        if heading := _HEADING.match(lines[number]):
            titles = [*titles[: len(heading["level"]) - 1], heading["title"]]
        fence = _FENCE.match(lines[number])
        number += 1
        if fence is None:
            continue
        end = lines.index(fence["fence"], number)
        kind, value = _note(page, lines, number - 2)
        if fence["language"] in languages or kind == "file":
            text = "".join(f"{line}\n" for line in lines[number:end])
            if section is None or section in titles:
                block = Block(page, number + 1, " / ".join(titles), fence["language"], text)
                marks = {"not run": "not_run", "file": "file"}
                more = {marks[kind]: value} if kind else {}
                found.append(Block(**{**vars(block), **more}))
        number = end + 1
    if section is not None and f" {section}\n" not in "".join(f"{line}\n" for line in lines):
        raise ValueError(f"{page} has no section {section!r}")
    return found


def _note(page: Path, lines: list[str], above: int) -> tuple[str | None, str]:
    note = _NOTE.match(lines[above].strip()) if above >= 0 else None
    if note is None:
        return None, ""
    value = note["value"].strip()
    if not value:
        raise ValueError(f"{page.name}:{above + 1}: the comment gives no reason or file")
    return note["kind"], value


def commands(block: Block) -> str:
    """What of a block the shell gets."""
    if block.language != "console":
        return block.text
    taken: list[str] = []
    goes_on = False
    for line in block.text.splitlines():
        if goes_on or line.startswith("$ "):
            command = line if goes_on else line.removeprefix("$ ")
            taken.append(command)
            goes_on = command.endswith("\\")
    return "".join(f"{command}\n" for command in taken)


def script(page_blocks: Iterable[Block]) -> str:
    """One shell script of all blocks, which stops at the first failure and says where it is."""
    parts = ["set -euo pipefail", "trap 'echo \"failed: $at\" >&2' ERR"]
    for block in page_blocks:
        if block.not_run is not None:
            continue
        parts.append(f"at='{block.place}'; echo \"== $at\"")
        if block.file is not None:
            parts.append(f"mkdir -p \"$(dirname '{block.file}')\"")
            parts.append(f"cat > '{block.file}' <<'END OF FILE'\n{block.text}END OF FILE")
        else:
            parts.append(commands(block))
    return "\n".join(parts) + "\n"


def fresh_project(target: Path) -> Path:
    """A copy of the project as after `make setup`, without data; returns its path.

    Its `.venv/bin` has the programs of this environment, which run the copy's code.
    """

    def left_out(folder: str, names: list[str]) -> set[str]:
        caches = {name for name in names if name == "__pycache__" or name.endswith("_cache")}
        top = _LEFT_OUT if Path(folder) == PROJECT else set()
        return {name for name in names if name in top} | caches

    shutil.copytree(PROJECT, target, ignore=left_out, symlinks=True)
    programs = target / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, arguments in _PROGRAMS.items():
        path = programs / name
        path.write_text(
            f'#!/bin/sh\nexport PYTHONPATH="{target}"\nexec "{sys.executable}" {arguments} "$@"\n'
        )
        path.chmod(0o755)
    place = bootstrap.Place(target.resolve())
    place.write(place.wanted("{}.{}".format(*sys.version_info)))
    return target


def run(
    page_blocks: Iterable[Block], project: Path, *, timeout: float = 600, **variables: str
) -> str:
    """Run the blocks in a fresh project; returns what they print.

    Raises AssertionError with the place of the command that failed and its words.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEHOUSE_", "DBT_"))}
    kept.pop("PYTHONPATH", None)
    done = subprocess.run(
        ["bash", "-c", script(page_blocks)],
        cwd=project,
        env=kept | {"DO_NOT_TRACK": "1"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
