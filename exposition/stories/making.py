"""Makes the stories of a release, a directory a reader; what did not change is kept.

A page is made of the release's file, of the history of runs and of nothing else. Where a page says
what that of the published release says, its files are linked instead of drawn.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from exposition.stories import branch_manager, charts, compliance, platform_owner
from exposition.stories.asking import Asking, KeptPlanner, asking, plain
from exposition.stories.pages import Page
from exposition.stories.sentences import day
from tradehouse.home import files
from tradehouse.home.files import Kept
from tradehouse.home.paths import Home
from tradehouse.publish import releases
from tradehouse.publish.releases import Release

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = "stories"
PAGE = "index.html"
RECORD = "stories.json"
READERS: Mapping[str, Callable[[Asking], Page]] = {
    "branch-manager": branch_manager.tell,
    "compliance": compliance.tell,
    "platform-owner": platform_owner.tell,
}


class Made(Kept):
    """`stories.json`: what each page is made of, by directory, and the SQL of its metrics."""

    digests: dict[str, str] = Field(default_factory=dict)
    plans: dict[str, list[Any]] = Field(default_factory=dict)


def make(home: Home, folder: Path, release: Release) -> str:
    """Write the stories of a release into its directory; return what could not be made, if any.

    Args:
        home: the home.
        folder: where the release's file and manifest lie now.
        release: the release.

    Raises:
        TradehouseError: when the release cannot be asked.
    """
    former, made = _find_former(home)
    planner = KeptPlanner(made.plans)
    pages, faults = [], []
    with asking(home, folder, release, planner) as asked:
        for reader, tell in READERS.items():
            try:
                pages.append(tell(asked))
            except Exception as error:  # A page that fails must not take the others with it.
                faults.append(f"{reader}: {error}")
    digests = {}
    with files.replacing(folder / FOLDER) as begun:
        begun.mkdir()
        for page in pages:
            target = begun / page.directory
            digest = _digest(page)
            try:
                if made.digests.get(page.directory) != digest or not _keep(former, target):
                    _write(target, page)
                digests[page.directory] = digest
            except Exception as error:
                shutil.rmtree(target, ignore_errors=True)
                faults.append(f"{page.directory}: {error}")
        shown = [page for page in pages if page.directory in digests]
        (begun / PAGE).write_text(_render("stories.html", pages=shown), encoding="utf-8")
        kept = {"digests": digests, "plans": planner.plans}
        files.write(begun / RECORD, Made, kept)
    return "; ".join(faults)


def _find_former(home: Home) -> tuple[Path, Made]:
    """Return where the published release's stories lie, and of what they are made."""
    folder = home.releases / releases.CURRENT / FOLDER
    return folder, files.load(folder / RECORD, Made) or Made()


def _keep(former: Path, target: Path) -> bool:
    """Link the files of a page of the former release; whether it was there."""
    page = former / target.name / PAGE
    if not page.is_file():
        return False
    target.mkdir()
    try:
        os.link(page.resolve(), target / PAGE)
    except OSError:
        shutil.copy2(page, target / PAGE)
    return True


def _write(target: Path, page: Page) -> None:
    shown = {
        id(chart): charts.draw(chart, f"{section.id}-{number}")
        for section in page.sections
        for number, chart in enumerate(section.charts)
    }
    target.mkdir()
    content = _render("story.html", page=page, drawing=lambda chart: shown[id(chart)])
    (target / PAGE).write_text(content, encoding="utf-8")


def _digest(page: Page) -> str:
    return hashlib.sha256(f"{_looks()} {plain(asdict(page))}".encode()).hexdigest()


@lru_cache(maxsize=1)
def _looks() -> str:
    """Return a digest of what a page looks like for the same content."""
    package = Path(__file__).parent
    paths: Sequence[Path] = [package / "charts.py", *sorted((package / "templates").iterdir())]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _render(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("exposition.stories"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = day
    return environment
