"""The documentation site of the models: files that open without a network.

dbt makes it from the project's descriptions and the warehouse's columns, with a page of column
lineage (`tradehouse.publish.lineage`). It is made again only when the project changed.
"""

from pathlib import Path

from tradehouse.dbt import fingerprint
from tradehouse.dbt.runner import EVERYTHING, DbtRunner, variables_set
from tradehouse.errors import TradehouseError
from tradehouse.home import files
from tradehouse.home.files import Kept, replacing
from tradehouse.home.paths import Home
from tradehouse.publish import lineage

PAGE = "index.html"
RECORD = "docs.json"
GENERATED = "static_index.html"
STYLE = """
.app-body .logo img { display: none; }
.app-body .logo a::after { content: "Tradehouse"; font-size: 20px; line-height: 46px; }
"""
FILES = (PAGE, lineage.PAGE, lineage.COLUMNS)


class Made(Kept):
    """`docs.json`: of which project the site is, and how long its files are."""

    project_digest: str
    sizes: dict[str, int] = {}


def are_outdated(home: Home) -> bool:
    """Whether there is no whole site yet, or the project changed since it was made."""
    try:
        record = files.read(home.docs / RECORD, Made)
    except files.DamagedError:
        return True
    if record is None or record["sizes"] != _sizes(home):
        return True
    return bool(record["project_digest"] != fingerprint.digest_project())


def _sizes(home: Home) -> dict[str, int]:
    paths = [home.docs / one for one in FILES]
    return {path.name: path.stat().st_size for path in paths if path.is_file()}


def require_data(home: Home) -> None:
    """Check that there is a warehouse to document.

    Raises:
        TradehouseError: when nothing was built yet.
    """
    if not home.warehouse.exists():
        raise TradehouseError(
            f"There is nothing to document yet: {home.warehouse} is missing. Run `make run` first."
        )


def make(home: Home, runner: DbtRunner) -> Path:
    """Make the site and return its path; the old one stays until the new one is whole.

    Raises:
        TradehouseError: when dbt cannot make it.
    """
    return complete(home, generate(home, runner))


def generate(home: Home, runner: DbtRunner) -> str:
    """Have dbt write the site to the home's target folder; return the digest of what it shows.

    Raises:
        TradehouseError: when dbt cannot make it.
    """
    digest = fingerprint.digest_project()
    # Code as built from nothing: what it says does not depend on what the warehouse holds.
    with variables_set({"TRADEHOUSE_REBUILD": EVERYTHING}):
        outcome = runner.generate_docs()
    if not outcome.success or not (home.target / GENERATED).exists():
        raise TradehouseError(
            f"dbt could not make the documentation: {outcome.message or 'see its log'}. "
            f"The whole log: {home.logs / 'dbt.log'}"
        )
    return digest


def complete(home: Home, digest: str) -> Path:
    """Trace the columns of what was generated, and put all pages in place; return the first.

    Opens no database, and may work beside what does.
    """
    with replacing(home.docs / PAGE) as begun:
        begun.write_text(_page(home.target), encoding="utf-8")
    with replacing(home.docs / lineage.PAGE) as begun:
        found = lineage.make(home.target / "manifest.json", home.target / "catalog.json", begun)
    made_from = lineage.sources_by_column(found["edges"])
    files.write(home.docs / lineage.COLUMNS, lineage.Columns, {"made_from": made_from})
    files.write(home.docs / RECORD, Made, {"project_digest": digest, "sizes": _sizes(home)})
    return home.docs / PAGE


def _page(target: Path) -> str:
    """Return dbt's page under our name, with the texts of sources as data only.

    dbt puts manifest and catalogue into a script as they are: a `</script>` in a description or in
    a column's name would end it, and what follows would be run.
    """
    page = (target / GENERATED).read_text(encoding="utf-8")
    for name in ("manifest.json", "catalog.json"):
        content = (target / name).read_text(encoding="utf-8")
        if page.count(content) != 1:
            raise TradehouseError(f"dbt's page of documentation does not hold {name} as it is.")
        page = page.replace(content, content.replace("<", "\\u003c"))
    page = page.replace("<title>dbt Docs</title>", "<title>Tradehouse</title>", 1)
    return page.replace("</head>", f"<style>{STYLE}</style></head>", 1)
