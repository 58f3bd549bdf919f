"""Where readers and owners come in: each door, what it is for, its address while it is open."""

from collections.abc import Mapping
from dataclasses import dataclass

from tradehouse.home.paths import Home
from tradehouse.publish import releases


@dataclass(frozen=True)
class Door:
    """One place to go. `address` is None while nothing answers there; `advice` opens it."""

    title: str
    purpose: str
    address: str | None
    advice: str = ""


def list_doors(home: Home, addresses: Mapping[str, str]) -> list[Door]:
    """Return every door of a home.

    Args:
        home: the home.
        addresses: where `assets` and `docs` are served.
    """
    docs = addresses["docs"].rpartition("/")[0]
    has_docs = (home.docs / "index.html").exists()
    by_run = "The first `make run` makes it."
    return [
        Door(
            "Assets", "Runs, days, checks and lineage: start, stop and resume.", addresses["assets"]
        ),
        Door(
            "Documentation",
            "What every table and column is, with its tests.",
            addresses["docs"] if has_docs else None,
            by_run,
        ),
        Door(
            "Column lineage",
            "From which columns of the sources a figure is made.",
            f"{docs}/lineage.html" if (home.docs / "lineage.html").exists() else None,
            by_run,
        ),
        Door(
            "Stories",
            "What happened: for branch managers, compliance and the platform's owner.",
            f"{docs.removesuffix('/docs')}/stories/index.html"
            if (home.releases / releases.CURRENT / "stories" / "index.html").exists()
            else None,
            "The next release brings them, unless `TRADEHOUSE_STORIES` is `off`.",
        ),
        Door(
            "Metrics",
            "Figures with one definition each, by branch, customer, security and time.",
            None,
            "List them with `tradehouse metrics list`, ask with `tradehouse metrics query`.",
        ),
        Door(
            "API",
            "Tables, metrics and extracts over HTTP, for programs and partners.",
            None,
            "Start it with `make api`, make a token with `tradehouse tokens create`.",
        ),
        Door(
            "Release file",
            "Gold in one DuckDB file, for DuckDB itself, Python or a BI tool.",
            None,
            f"Open `{home.releases / releases.CURRENT / releases.DATABASE}` read-only."
            if releases.find_current(home)
            else by_run,
        ),
    ]
