"""What metrics a release has, from the definitions that lie beside its file.

MetricFlow is not needed for that: unit, grain, owner, class and the dimensions that suit a metric
are in the metric's `meta`, types and classes of dimensions in theirs.
"""

import difflib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from tradehouse.errors import TradehouseError, UsageError
from tradehouse.home import files
from tradehouse.publish import releases

OPEN_CLASSES = frozenset({"public", "internal"})
"""Classes of what everybody may see; `personal` and `sensitive` take a right."""
ALL_CLASSES = OPEN_CLASSES | {"personal", "sensitive"}
TYPES = ("text", "number", "date", "boolean")
MOST_SUGGESTIONS = 3


@dataclass(frozen=True)
class Dimension:
    """What a metric can be grouped and filtered by; `type` is one of `TYPES`."""

    name: str
    label: str
    description: str
    type: str
    classification: str


@dataclass(frozen=True)
class Metric:
    """A figure: what it means, in what unit, and what it can be asked by.

    Args:
        name: what it is called by.
        label: what it is called in a heading.
        description: what it says, for people.
        unit: `USD`, `per cent`, `trades` and the like.
        grain: what one row is that it is made of.
        owner: who answers for its definition.
        classification: class of what it shows, as contracts have it.
        is_of_now: whether it also depends on the day on which it is asked, not on the release only.
        dimensions: names of the dimensions that suit it.
    """

    name: str
    label: str
    description: str
    unit: str
    grain: str
    owner: str
    classification: str
    is_of_now: bool
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Definitions:
    """The metrics and dimensions of a release; `manifest` is what MetricFlow makes SQL of.

    `last_day` is the day of the release's last batch, None when it has none.
    """

    release_id: str
    last_day: date | None
    metrics: dict[str, Metric]
    dimensions: dict[str, Dimension]
    manifest: str

    def metric(self, name: str, may_see: Collection[str] = OPEN_CLASSES) -> Metric:
        """Return a metric by its name.

        Raises:
            UsageError: when there is none of that name, or its class is not among `may_see`.
        """
        found = self.metrics.get(name)
        if found is None:
            seen = [one.name for one in self.metrics.values() if one.classification in may_see]
            raise UsageError(
                f"There is no metric {shown(name)}. {_closest(name, seen)}"
                "All of them: tradehouse metrics list."
            )
        _require(f"The metric {name}", found.classification, may_see)
        return found

    def dimension(
        self, name: str, metrics: Iterable[Metric], may_see: Collection[str] = OPEN_CLASSES
    ) -> Dimension:
        """Return a dimension that suits all of some metrics.

        Raises:
            UsageError: when there is none of that name, it does not suit one of the metrics, or its
                class is not among `may_see`.
        """
        asked = list(metrics)
        suits = [one for one in asked[0].dimensions if all(one in m.dimensions for m in asked)]
        found = self.dimensions.get(name)
        if found is None or name not in suits:
            of = " and ".join(one.name for one in asked)
            seen = [one for one in suits if self.dimensions[one].classification in may_see]
            raise UsageError(
                f"{of} cannot be asked by {shown(name)}. {_closest(name, seen)}"
                f"Possible: {', '.join(seen) or 'time only (--grain)'}."
            )
        _require(f"The dimension {name}", found.classification, may_see)
        return found


def of_release(release: Path) -> Definitions:
    """Return the definitions of a release by its directory.

    Raises:
        TradehouseError: when the release was made before there were metrics, or what lies beside
            its file cannot be read.
    """
    path = release.resolve() / releases.SEMANTICS
    try:
        stamp = path.stat().st_mtime_ns
        return _read(path, stamp)
    except FileNotFoundError as error:
        raise TradehouseError(
            f"Release {path.parent.name} has no metrics: it was made before there were any. "
            "`tradehouse run` makes one that has."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TradehouseError(
            f"{path} cannot be read ({error}). `tradehouse run --rebuild` makes a new release."
        ) from error


@lru_cache(maxsize=16)
def _read(path: Path, stamp: int) -> Definitions:
    text = path.read_text(encoding="utf-8")
    manifest = json.loads(text)
    dimensions = {one.name: one for one in _dimensions(manifest["semantic_models"])}
    metrics = [_metric(one) for one in manifest["metrics"] if "unit" in _meta(one)]
    return Definitions(
        path.parent.name,
        _last_day(path.parent),
        {one.name: one for one in metrics},
        dimensions,
        text,
    )


def _last_day(release: Path) -> date | None:
    found = files.load(release / releases.MANIFEST, releases.Release)
    days = [one.batch_date for one in found.batches if one.batch_date] if found else []
    return max((date.fromisoformat(str(one)) for one in days), default=None)


def _metric(found: dict[str, Any]) -> Metric:
    meta = _meta(found)
    return Metric(
        name=found["name"],
        label=found["label"],
        description=" ".join(found["description"].split()),
        unit=meta["unit"],
        grain=meta["grain"],
        owner=meta["owner"],
        classification=meta["class"],
        is_of_now=bool(meta.get("is_of_now")),
        dimensions=tuple(meta["dimensions"]),
    )


def _dimensions(models: list[dict[str, Any]]) -> Iterable[Dimension]:
    """Yield the dimensions that declare a type, under the names by which MetricFlow finds them."""
    for model in models:
        primary = [one["name"] for one in model["entities"] if one["type"] == "primary"]
        entity = model.get("primary_entity") or next(iter(primary), "")
        for found in model["dimensions"]:
            meta = _meta(found)
            if "type" in meta:
                yield Dimension(
                    name=f"{entity}__{found['name']}",
                    label=found.get("label") or found["name"].replace("_", " "),
                    description=" ".join((found.get("description") or "").split()),
                    type=meta["type"],
                    classification=meta["class"],
                )


def _meta(found: dict[str, Any]) -> dict[str, Any]:
    return (found.get("config") or {}).get("meta") or {}


def _require(what: str, classification: str, may_see: Collection[str]) -> None:
    if classification not in may_see:
        raise UsageError(
            f"{what} is of class {classification}, which takes the right to see such data: "
            "--personal."
        )


def _closest(name: str, known: list[str]) -> str:
    """Return which names are close to one, as a sentence; empty when none is."""
    close = difflib.get_close_matches(name[:100].lower(), known, MOST_SUGGESTIONS, 0.5)
    if not close:
        parts = [one for one in name[:100].lower().split("_") if len(one) > 2]
        close = [one for one in known if any(part in one for part in parts)][:MOST_SUGGESTIONS]
    return f"Close to it: {', '.join(close)}. " if close else ""


def shown(name: str) -> str:
    """Return a name that somebody gave, short and on one line."""
    return repr(name if len(name) <= 60 else f"{name[:57]}...")
