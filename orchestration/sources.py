"""The declared sources as the page shows them; an invalid one is shown with its error."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from ingestion import declarations
from ingestion.declarations import CommandConnector, Declaration
from ingestion.errors import IngestionError
from tradehouse.home import switches
from tradehouse.home.paths import find_home
from tradehouse.loads import brokerage_sync

OWNER = "data-platform"
READING = (IngestionError, OSError, ValueError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Source:
    """A source; where its declaration cannot be used, `fault` says why and nothing is loaded."""

    declaration: Declaration
    fault: str = ""

    @property
    def name(self) -> str:
        """What the source is called."""
        return self.declaration.name

    @property
    def is_polled(self) -> bool:
        """Whether it is asked for what is new, instead of delivering it."""
        return self.declaration.enabled and self.name != brokerage_sync.SOURCE

    def describe(self, words: str) -> str:
        """Return a description, the fault first."""
        return f"**Cannot be loaded.** {self.fault}\n\n{words}" if self.fault else words


def read_all(directory: Path | None = None) -> list[Source]:
    """Return every declared source as the home has switched it, the brokerage always among them."""
    found: dict[str, Source] = {}
    broken: dict[str, Source] = {}
    place = directory or declarations.SOURCES
    switched = switches.read(find_home().state)
    words = f"{brokerage_sync.SOURCE}.yml is missing in {place}."
    try:
        paths = declarations.paths(place)
    except READING as error:
        paths, words = [], str(error)
    for path in paths:
        try:
            one = declarations.read_file(path)
            one.freshness_limit()
        except READING as error:
            broken[path.stem] = _stand_in(
                path.stem, str(error), enabled=switched.get(path.stem, _is_enabled(path))
            )
            continue
        is_on = switched.get(one.name, one.enabled)
        found[one.name] = Source(one.model_copy(update={"enabled": is_on}))
    if brokerage_sync.SOURCE not in found | broken:
        broken[brokerage_sync.SOURCE] = _stand_in(brokerage_sync.SOURCE, words)
    return [*found.values(), *broken.values()]


def undeclared(name: str) -> Source:
    """Return a source that only dbt knows: no declaration loads it."""
    words = f"There is no declaration {name}.yml; what dbt reads comes from somewhere else."
    return Source(
        _stand_in(name, "", enabled=False).declaration.model_copy(update={"description": words})
    )


def _stand_in(name: str, fault: str, *, enabled: bool = True) -> Source:
    declaration = Declaration.model_construct(
        name=name,
        description="",
        owner=OWNER,
        enabled=enabled,
        connector=CommandConnector(command=["false"]),
    )
    return Source(declaration, fault)


def _is_enabled(path: Path) -> bool:
    """Whether a declaration that cannot be used says no clear word against it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, ValueError, RecursionError):
        return True
    return not (isinstance(content, dict) and content.get("enabled") is False)
