"""How many lines people have to keep: hand-written Python, SQL, Jinja and YAML outside tests.

`python -m benchmarks.size [COMMIT ...]` counts the lines that are not blank, by folder, of the
working tree's tracked files and of the commits. What is made of contracts says so and does not
count; comments do. The sources that are shipped beside the brokerage, and what is made of them up
to the marts, are listed apart.
"""

import argparse
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tradehouse.terminal.output import print_table

PROJECT = Path(__file__).resolve().parents[1]
LANGUAGES = (".py", ".sql", ".yml", ".yaml")
LEFT_OUT = ("tests/", ".github/")
MADE = "Made from contracts/"
APART = "second sources"
SECOND_SOURCES = (
    "exchange_rates",
    "branch_targets",
    "country_currencies",
    "mart_customer_monthly_trading",
    "reporting_currency",
    "simulator/bank.py",
    "simulator/delivered.py",
    "simulator/partner.py",
    "tradehouse/loads/demo_sources.py",
)


def count_lines(text: str) -> int:
    """Lines that are not blank, up to the one that says that the rest is made."""
    lines = text.splitlines()
    made = next((place for place, line in enumerate(lines) if MADE in line), len(lines))
    return sum(bool(line.strip()) for line in lines[:made])


def count_tree(commit: str | None) -> Counter[str]:
    """Hand-written lines by folder, of a commit or of the working tree."""
    listing = ["ls-tree", "-r", "--name-only", commit] if commit else ["ls-files"]
    found: Counter[str] = Counter()
    for name in _git(*listing).splitlines():
        if not name.endswith(LANGUAGES) or name.startswith(LEFT_OUT):
            continue
        if commit is None and not (PROJECT / name).is_file():
            continue
        text = _git("show", f"{commit}:{name}") if commit else (PROJECT / name).read_text()
        folder = name.partition("/")[0] if "/" in name else "."
        found[APART if any(one in name for one in SECOND_SOURCES) else folder] += count_lines(text)
    return found


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def main() -> int:
    """Print a column for the working tree and for every commit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.size", description=__doc__)
    parser.add_argument("commit", nargs="*", help="commits to compare with")
    commits = parser.parse_args().commit
    trees = [count_tree(None), *(count_tree(commit) for commit in commits)]
    folders = sorted({folder for tree in trees for folder in tree})
    rows = [[folder, *(tree[folder] for tree in trees)] for folder in folders]
    rows.append(["in all", *(tree.total() for tree in trees)])
    print_table(["folder", "now", *commits], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
