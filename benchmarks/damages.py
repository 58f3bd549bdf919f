"""Random damages to the files of a home, and what the commands that read make of them.

`python -m benchmarks.damages HOME --seed 1 --count 2000` damages one file of a copy of a home at a
time, calls every reading command in this process, and puts the file back. A finding is an exception
that is no sentence, an exit code that is not documented, or silence about a file that is no longer
what it was. Every so many damages (`--runs`) the copy is mended by a run, and has to be well.
"""

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tradehouse.cli import parser as cli
from tradehouse.errors import TradehouseError
from tradehouse.home import files, state
from tradehouse.home.paths import Home
from tradehouse.observe import doctor
from tradehouse.publish import releases
from tradehouse.runs.pipeline import Options, run
from tradehouse.terminal.progress import Steps

COMMANDS = (["status", "--json"], ["path"], ["releases"], ["runs"], ["quarantine"], ["doctor"],
            ["alerts", "list"], ["sources", "list"])  # fmt: skip
EXIT_CODES = {0, 1, 2, 3, 4, 5, 6}
UNSEEN = ("logs", "target", "tmp", "landing", "connectors", ".lock", "dagster", "docs")


def missing(path: Path, _chance: random.Random) -> None:
    """Remove it."""
    files.remove(path)


def cut(path: Path, chance: random.Random) -> None:
    """Cut it off somewhere."""
    os.truncate(path, chance.randrange(max(path.stat().st_size, 1)))


def empty(path: Path, _chance: random.Random) -> None:
    """Leave nothing in it."""
    os.truncate(path, 0)


def zero(path: Path, _chance: random.Random) -> None:
    """Fill it with NUL."""
    path.write_bytes(bytes(path.stat().st_size))


def shape(path: Path, chance: random.Random) -> None:
    """Give it another shape."""
    others = [[], {}, None, 1, "text", {"version": "x"}, {"nodes": 3}, [[]] * 3, {"id": []}]
    path.write_text(json.dumps(chance.choice(others)))


def wrong(path: Path, chance: random.Random) -> None:
    """Let one field of an object be of another kind."""
    try:
        content = json.loads(path.read_text())
        key = chance.choice(sorted(content))
    except (ValueError, TypeError, IndexError):
        return zero(path, chance)
    content[key] = chance.choice([None, -1, "text", [1], {"a": {"b": None}}, 1e300, True])
    path.write_text(json.dumps(content))
    return None


def newer(path: Path, _chance: random.Random) -> None:
    """Say that a newer version wrote it."""
    path.write_text(json.dumps({"version": 99}))


def garbage(path: Path, chance: random.Random) -> None:
    """Write anything."""
    path.write_bytes(chance.randbytes(chance.randrange(1, 20_000)))


def directory(path: Path, _chance: random.Random) -> None:
    """Put a directory in its place."""
    files.remove(path)
    path.mkdir()


def nowhere(path: Path, _chance: random.Random) -> None:
    """Put a link to nothing in its place."""
    files.remove(path)
    path.symlink_to(path.with_name("nowhere"))


def pipe(path: Path, _chance: random.Random) -> None:
    """Put a pipe in its place."""
    files.remove(path)
    os.mkfifo(path)


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    missing, cut, empty, zero, shape, wrong, newer, garbage, directory, nowhere, pipe,
)  # fmt: skip


def call(arguments: list[str]) -> tuple[str, str]:
    """Call a command in this process; return what it said, and what is wrong with how it ended."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            cli.app(arguments, standalone_mode=False)
        except TradehouseError as error:
            said.write(str(error))
        except SystemExit as end:
            if end.code not in EXIT_CODES:
                return said.getvalue(), f"exit code {end.code}"
        except BaseException as error:  # whatever it is, it is a finding
            return said.getvalue(), f"{type(error).__name__}: {error}"
    return said.getvalue(), ""


def try_one(home: Home, path: Path, damage: Callable, chance: random.Random) -> list[str]:
    """Damage a file, call every command, put it back; return the findings."""
    kept = path.with_name(f"{path.name}.kept")
    path.rename(kept)
    shutil.copy2(kept, path)
    before = path.read_bytes()
    path.chmod(0o600)
    damage(path, chance)
    is_same = path.is_file() and path.read_bytes() == before
    files._told.clear()
    found, said = [], ""
    for arguments in COMMANDS:
        text, wrong_end = call(arguments)
        said += text
        if wrong_end:
            found.append(f"{' '.join(arguments)}: {wrong_end}"[:300])
    is_missing = not os.path.lexists(path)
    is_same = is_same or _is_well(path, before)
    is_seen = any(part in str(path.relative_to(home.root)) for part in UNSEEN)
    if not (is_same or is_missing or is_seen) and path.name not in said:
        found.append("nobody says anything of it")
    files.remove(path)
    kept.rename(path)
    return found


def _is_well(path: Path, before: bytes) -> bool:
    """Whether a file was made again as it was, or is a journal that ends as a kill may leave it."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    return content == before or (path.suffix == ".jsonl" and before.startswith(content))


def main() -> int:
    """Run the campaign; the exit code is 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.damages", description=__doc__)
    parser.add_argument("home", type=Path, help="a home in which a release is published")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=0, help="mend with a run after so many damages")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    doctor._packages = lambda _home: iter(())  # It looks at no file of the home, and takes longest.
    findings: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder, "home"))
        shutil.copytree(options.home, home.root, symlinks=True)
        os.environ["TRADEHOUSE_HOME"] = str(home.root)
        landing = home.root / "landing"
        run(home, Options(landing=landing if landing.is_dir() else None), Steps(quiet=True))
        paths = sorted(
            path for path in home.root.rglob("*")
            if path.is_file() and not path.is_symlink()
            and not str(path.relative_to(home.root)).startswith(("landing", "target", "logs"))
        )  # fmt: skip
        for number in range(1, options.count + 1):
            path, damage = chance.choice(paths), chance.choice(DAMAGES)
            name = str(path.relative_to(home.root))
            for found in try_one(home, path, damage, chance):
                findings[f"{damage.__name__} {name}: {found}"] += 1
            if options.runs and number % options.runs == 0:
                chosen = (
                    state.quarantine_path(home),
                    home.state
                    / chance.choice(
                        ["sync.json", "nodes.json", "graph.json", "settled.json", "ingestion.json"]
                    ),
                )
                for one in chosen:
                    damage(one, chance) if damage is not newer else zero(one, chance)
                run(home, Options(), Steps(quiet=True))
                if state.find_damage(home) or releases.find_fault(home):
                    findings[f"{damage.__name__} {chosen[1].name}: not mended by a run"] += 1
    print(f"{options.count} damages, seed {options.seed}: {sum(findings.values())} findings")
    for found, times in findings.most_common():
        print(f"  {times} x {found}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
