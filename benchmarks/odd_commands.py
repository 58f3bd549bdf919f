"""Odd calls of the command line: `python -m benchmarks.odd_commands --calls 10000 --seed 1`.

Each call has random words, odd values of options and settings, and a home whose small files are
random ones. In this process, and the last `--processes` of them as commands of their own, it has to
end with a documented exit code and a sentence: no traceback, no error that nobody has foreseen,
nothing that a terminal would obey. Calls that would build or download are left out.
"""

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ingestion import declarations
from tradehouse.home.paths import PROJECT
from tradehouse.terminal import exits, streams

CODES = {0, 1, 2, 3, 4, 5, 6}
TEXTS = [
    "", " ", "-", "--", "0", "-1", "1", "2.5", "1e400", "nan", "9" * 30, "9" * 5000, "x", "%s",
    "\\", "a/b", "../../x", "/", "/dev/null", "/dev/full", "~nobody/x", "{{ 1 }}", "'; drop x; --",
    "\x1b[31mred", "\u202egpj", "\ufeff", "\u2028", "\ud800", "\udcff", "é", "東京", "a" * 300, "*",
    "None", "null", "true", "[]", "{}", "[bold]x[/]", "[/]", "2020-02-30", "0001-01-01",
    "9999-12-31",
]  # fmt: skip
OPTIONS = {
    "status": ["--json"],
    "quarantine": ["--batch", "--stream", "--reason", "--limit", "--json"],
    "path": ["--json"],
    "runs": ["--limit", "--json"],
    "runs show": ["--json"],
    "releases": ["--json"],
    "doctor": ["--json"],
    "rollback": ["--json"],
    "run": ["--landing", "--day", "--replace-batch", "--wait", "--resume", "--json", "--by-batch"],
    "sync": ["--landing", "--stream", "--replace-batch", "--wait", "--reset", "--json"],
    "publish": ["--release-hold", "--wait", "--json"],
    "docs": ["--wait", "--json"],
    "build": ["--wait", "--help"],
    "simulate": ["--days", "--seed", "--start", "--newswire", "--profile", "--faults"],
    "profile": ["--out", "--json"],
    "sources list": ["--json"],
    "sources check": [],
    "sources discover": ["--json"],
    "sources scaffold": [],
    "sources add": ["--owner", "--command", "--manifest", "--python"],
    "airbyte plan": ["--adopt", "--json"],
    "airbyte apply": ["--adopt", "--yes", "--json"],
    "alerts list": ["--json"],
    "alerts check": ["--json"],
    "alerts test": ["--json"],
    "alerts": [],
    "": ["--version", "--help", "--show-completion"],
}
FLAGS = {
    "--json", "--resume", "--reset", "--by-batch", "--adopt", "--yes", "--version", "--help",
    "--show-completion",
}  # fmt: skip
SETTINGS = [
    "TRADEHOUSE_WAIT_SECONDS", "TRADEHOUSE_KEEP_RELEASES", "TRADEHOUSE_THREADS", "COLUMNS", "LINES",
    "TRADEHOUSE_ALERTS", "AIRBYTE_API_URL", "TERM", "NO_COLOR", "LANG",
]  # fmt: skip
FILES = [
    "state/sync.json", "state/build.json", "state/settled.json", "state/hold.json",
    "state/alerts.json", "state/graph.json", "state/brokerage.json", "state/ingestion.json",
    "state/sync-x.json", "state/writer.lock", "state/quarantine.parquet", "state/build.jsonl",
    "state/runs/7.json", "releases/20260101T000000.000Z/release.json", "docs/docs.json",
    "raw.duckdb",
]  # fmt: skip


@dataclass
class Odd:
    """One call: its words, its settings, and what the files of its home hold."""

    words: list[str]
    settings: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def draw(chance: random.Random) -> Odd:
    """Return a call that is odd in its words, its settings, its home or all of them."""
    command = chance.choice(list(OPTIONS))
    words = command.split()
    if command == "build":
        words.append("--nothing-of-that-name")  # It would build.
    if command == "simulate":
        words += ["--scale", chance.choice(["0", "-1", "x", "nan", "", "-inf"])]
    for option in chance.choices(OPTIONS[command] or [""], k=chance.randrange(4)):
        words.append(option)
        if option and option not in FLAGS and chance.random() < 0.9:
            words.append(_text(chance))
    takes_word = command not in ("", "run", "alerts test")
    for _ in range(chance.choice([0, 0, 1, 1, 2]) if takes_word else 0):
        words.append(_text(chance))
    settings = {
        name: _text(chance).replace("\0", "").encode("utf-8", "replace").decode()
        for name in chance.sample(SETTINGS, chance.choice([0, 0, 1, 2]))
    }
    names = chance.sample(FILES, min(chance.choice([0, 0, 1, 2, 4]), len(FILES)))
    return Odd([word.replace("\0", "") for word in words], settings, _contents(chance, names))


def _text(chance: random.Random) -> str:
    if chance.random() < 0.7:
        return chance.choice(TEXTS)
    return "".join(chr(chance.randrange(1, 0x3000)) for _ in range(chance.randrange(12)))


def _contents(chance: random.Random, names: list[str]) -> dict[str, bytes]:
    kinds: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: chance.randbytes(chance.randrange(60)),
        lambda: json.dumps(_value(chance, 3)).encode(),
        lambda: json.dumps({_text(chance): _value(chance, 3) for _ in range(3)}).encode(),
    ]
    return {name: chance.choice(kinds)() for name in names}


def _value(chance: random.Random, depth: int) -> object:
    kind = chance.randrange(7 if depth else 5)
    if kind == 5:
        return [_value(chance, depth - 1) for _ in range(chance.randrange(3))]
    if kind == 6:
        return {_text(chance): _value(chance, depth - 1) for _ in range(chance.randrange(3))}
    return (None, True, 1.5, chance.randrange(-5, 10**12), _text(chance))[kind]


@contextmanager
def place(odd: Odd, folder: Path) -> Iterator[dict[str, str]]:
    """Make the home of a call for the time of a block; yields the environment."""
    home, landing = folder / "home", folder / "empty"
    declared = {*declarations.SOURCES.iterdir()}
    landing.mkdir(parents=True, exist_ok=True)
    for name, content in odd.files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content)
    given = {"TRADEHOUSE_HOME": str(home), "TRADEHOUSE_LANDING": str(landing)}
    try:
        yield {**os.environ, **given, "TMPDIR": str(folder), **odd.settings}
    finally:
        shutil.rmtree(home, ignore_errors=True)
        for added in {*declarations.SOURCES.iterdir()} - declared:  # `sources add` may succeed.
            added.unlink()
        for log in folder.glob("tradehouse-error-*"):
            log.unlink()


def call_here(odd: Odd, folder: Path) -> tuple[int, str]:
    """Call in this process; return the exit code and what was said."""
    from tradehouse.cli import parser as cli

    kept, standard = dict(os.environ), (sys.stdout, sys.stderr)
    said = streams.Shown(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    exits._received, exits._is_ending = None, False
    sys.stdout = sys.stderr = said
    arguments, sys.argv = sys.argv, ["tradehouse", *odd.words]
    try:
        with place(odd, folder) as environment:
            os.environ.clear()
            os.environ.update(environment)
            tempfile.tempdir = str(folder)
            code = exits.guard(cli.call)
    finally:
        sys.argv = arguments
        sys.stdout, sys.stderr = standard
        tempfile.tempdir = None
        os.environ.clear()
        os.environ.update(kept)
    said.flush()
    return code, said.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]


def call_there(odd: Odd, folder: Path) -> tuple[int, str]:
    """Call in a process of its own; return the exit code and what was said."""
    words = [os.fsencode(word.encode("utf-8", "replace").decode()) for word in odd.words]
    with place(odd, folder) as environment:
        done = subprocess.run(
            [sys.executable, "-m", "tradehouse", *words],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
    return done.returncode, done.stdout.decode("utf-8", "replace")


def judge(code: int, said: str) -> str:
    """Return what is wrong with the end of a call, empty when nothing is."""
    if "Traceback (most" in said:
        return "a traceback"
    if "This was not expected" in said:
        return said[said.index("This was not expected") :][:160]
    if code not in CODES:
        return f"exit code {code}"
    if any(one not in streams.WITHIN_LINES and not one.isprintable() for one in said):
        return "something that a terminal obeys"
    return "an error without a word" if code in (1, 2, 5, 6) and not said.strip() else ""


def attack(calls: int, seed: int, call: Callable[[Odd, Path], tuple[int, str]]) -> list[str]:
    """Make calls; return what was wrong, with the words that showed it."""
    chance, found = random.Random(seed), []
    with tempfile.TemporaryDirectory() as name, suppress(KeyboardInterrupt):
        for _ in range(calls):
            odd = draw(chance)
            wrong = judge(*call(odd, Path(name)))
            if wrong:
                found.append(f"{wrong}: {odd}"[:700])
    return found


def main() -> None:
    """Attack and count what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = attack(options.calls, options.seed, call_here)
    found += attack(options.processes, options.seed + 1, call_there)
    for wrong, times in Counter(one.partition(": Odd")[0] for one in found).most_common():
        print(f"{times:>6} {wrong}")
        print("      ", next(one for one in found if one.startswith(wrong)))
    print(f"{options.calls} calls here, {options.processes} commands, {len(found)} findings")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
