"""The front page: where the platform stands, and the way to each of its parts.

One page without scripts, made anew from the home's state whenever it is asked for.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from exposition.doors import list_doors
from tradehouse.errors import TradehouseError
from tradehouse.home.paths import Home

TEMPLATE = "front_page.html"


def render(home: Home, addresses: Mapping[str, str], *, now: datetime | None = None) -> str:
    """Return the page as HTML.

    Args:
        home: the home.
        addresses: where `assets` and `docs` are served.
        now: the time that it shows.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("exposition"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    facts, fault = _collect(home)
    return environment.get_template(TEMPLATE).render(
        home=str(home.root),
        made_at=_minute((now or datetime.now(UTC)).isoformat()),
        doors=list_doors(home, addresses),
        fault=fault,
        standing=fault or describe_standing(facts),
        is_sound=not fault and is_sound(facts),
        minute=_minute,
        **_sections(home, facts),
    )


def _collect(home: Home) -> tuple[dict[str, Any], str]:
    """Return where things stand, or a sentence on why that cannot be read."""
    from tradehouse.observe import status

    try:
        return status.collect(home), ""
    except (TradehouseError, OSError) as error:
        return {}, str(error)


def is_sound(facts: dict[str, Any]) -> bool:
    """Whether something is published, and nobody has to do anything."""
    wrong = ("problems", "held", "release_fault", "resume", "publishing_held")
    return facts["release"] is not None and not any(facts[name] for name in wrong)


def describe_standing(facts: dict[str, Any]) -> str:
    """Return in a sentence how things stand."""
    if facts["release_fault"]:
        return "The published release is damaged."
    if count := len(facts["problems"]):
        return f"{count} problem{'s' * (count > 1)} to look at."
    if facts["held"]:
        return "Something that was delivered is held."
    if facts["resume"]:
        return "A run has not finished and can be resumed."
    if facts["publishing_held"]:
        return "Nothing new is published since a rollback."
    if facts["release"] is None:
        return "Nothing is published yet: `make run` loads, builds and publishes."
    return "All is well."


def _sections(home: Home, facts: dict[str, Any]) -> dict[str, Any]:
    """Return what the sections of the page show, each empty where there is nothing."""
    if not facts:
        shown = "release writing todo problems waiting sources batches quarantine layers"
        return dict.fromkeys([*shown.split(), *("tests", "unmatched", "warnings", "ignored")])
    from tradehouse.observe import status

    batches = [*facts["batches"], *status.find_refused(facts)][-10:]
    return {
        "release": facts["release"],
        "writing": facts["writing"],
        "todo": [
            *filter(None, [facts["release_fault"], facts["resume"]]),
            *map(status.describe_fault, facts["held"]),
            *([status.describe_hold(facts["publishing_held"])] if facts["publishing_held"] else ()),
        ],
        "problems": facts["problems"],
        "waiting": facts["loads_waiting"],
        "sources": list(_sources(home, facts)),
        "batches": [{**batch, "state": status.describe_batch(batch)} for batch in batches],
        "quarantine": facts["quarantine"],
        "layers": [
            (layer, facts["tables"][layer], facts["rows"][layer])
            for layer in facts["rows"]
            if facts["build"]["status"]
        ],
        "tests": facts["tests"],
        "unmatched": facts["unmatched"],
        "warnings": facts["warnings"],
        "ignored": facts["ignored"],
    }


def _sources(home: Home, facts: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Yield each declared or loaded source: its name, its last sync, what its owner is promised."""
    from tradehouse.loads import freshness, syncs

    synced = {source["source"]: syncs.describe(source) for source in facts["sources"]}
    declared = {one.name: one for one in freshness.read(home)}
    for name in sorted({*synced, *declared}):
        promise = declared.get(name)
        if promise is None:
            promised = "nothing: it is not declared any more"
        elif not promise.enabled:
            promised = f"nothing: it is off (`tradehouse sources enable {name}`)"
        else:
            promised = f"a sync every {promise.freshness}" if promise.freshness else "nothing"
        yield {"source": name, "what": synced.get(name, "never loaded"), "promised": promised}


def _code(sentence: str) -> Any:
    """Return a sentence as HTML, with what stands between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))


def _minute(moment: str) -> str:
    """Return a time as people read it, to the minute."""
    return moment[:16].replace("T", " ")
