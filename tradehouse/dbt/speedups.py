"""Saves dbt's own time without changing what it does.

A day's build is a hundred small nodes, and dbt spends more on each of them than its SQL takes. The
code patched here is private to dbt and one of its libraries, so it is patched only for the versions
that tests compare with unpatched dbt, and never with TRADEHOUSE_DBT_SPEEDUPS=off.
`python -m benchmarks.dbt_speedups` says what each measure saves; one that saves less than half a
CPU second of a day is removed.
"""

import importlib.metadata
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from tradehouse.errors import UsageError

SETTING = "TRADEHOUSE_DBT_SPEEDUPS"
TESTED = {
    "dbt-core": "1.11.16",
    "dbt-adapters": "1.24.5",
    "dbt-common": "1.39.0",
    "mashumaro": "3.14",
}
TESTED_PYTHONS = ((3, 11), (3, 12), (3, 13))
SIMPLE = (type(None), bool, int, float, str)
ORIGINAL = "original"

_preparing = threading.Lock()


def prepare() -> None:
    """Apply what may be applied; call it before dbt is imported, as often as wanted.

    Raises:
        UsageError: when the setting is neither on nor off.
    """
    with _preparing:
        if are_applied():
            for measure in MEASURES.values():
                measure()
        # As the command line of dbt begins: the order of imports decides how types are written.
        import dbt.cli.main  # noqa: F401


def are_applied() -> bool:
    """Whether the setting allows them and the installed versions are those that tests cover.

    Raises:
        UsageError: when the setting is neither on nor off.
    """
    said = os.environ.get(SETTING) or "on"
    if said not in ("on", "off"):
        raise UsageError(f"{SETTING} should be on or off, and is {said[:50]!r}. Mend it there.")
    installed = {name: importlib.metadata.version(name) for name in TESTED}
    is_tested = installed == TESTED and sys.version_info[:2] in TESTED_PYTHONS
    return said == "on" and is_tested


def _generate_code_when_needed() -> None:
    """Mashumaro generates code for reading and writing each class of dbt, seldom needed."""
    from mashumaro.config import BaseConfig
    from mashumaro.jsonschema import schema

    BaseConfig.lazy_compilation = True
    original = getattr(schema, "_default", None)
    if original is None or _is_replaced(schema, "_default"):
        return

    def default(kind: Any, value: Any, config: Any) -> Any:
        """The JSON of a field's default; otherwise a class is generated to find out."""
        return value if type(value) in SIMPLE else original(kind, value, config)

    _replace(schema, "_default", default)


def _skip_unheard_events() -> None:
    """An event becomes a message when somebody asks for it; a debug event that none hears, never.

    A callback says with its attribute `hears` which debug events it wants; without, all. Errors
    in an event that is never made are not reported.
    """
    import dbt.cli.main  # noqa: F401
    from dbt.tracking import track_behavior_change_warn
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.logger import PRINT_EVENT_NAMES

    if _is_replaced(EventManager, "fire_event"):
        return
    owner: Any = BaseEvent
    make, read, write = owner.__init__, owner.__getattr__, owner.__setattr__
    fire = EventManager.fire_event
    quiet = (EventLevel.DEBUG, EventLevel.TEST)

    def remember(event: Any, *args: Any, **kwargs: Any) -> None:
        """Take what the event is made of; most are never asked for it."""
        event.__dict__["_given"] = (args, kwargs)

    def make_now(event: Any) -> None:
        if "_given" in event.__dict__:
            args, kwargs = event.__dict__.pop("_given")
            make(event, *args, **kwargs)

    def read_made(event: Any, name: str) -> Any:
        make_now(event)
        return event.__dict__["pb_msg"] if name == "pb_msg" else read(event, name)

    def write_made(event: Any, name: str, value: Any) -> None:
        make_now(event)
        write(event, name, value)

    def is_unheard(manager: Any, event: Any, level: EventLevel | None) -> bool:
        name = type(event).__name__
        return (
            (level or event.level_tag()) in quiet
            and name not in PRINT_EVENT_NAMES
            and all(logger.level not in quiet for logger in manager.loggers)
            and all(
                callback is track_behavior_change_warn
                or name not in getattr(callback, "hears", (name,))
                for callback in manager.callbacks
            )
        )

    def fire_event(
        manager: Any,
        e: Any,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        if force_warn_or_error_handling or not is_unheard(manager, e, level):
            fire(manager, e, level, node, force_warn_or_error_handling)

    _replace(BaseEvent, "__init__", remember)
    _replace(BaseEvent, "__getattr__", read_made)
    _replace(BaseEvent, "__setattr__", write_made)
    _replace(EventManager, "fire_event", fire_event)


MEASURES = {"code": _generate_code_when_needed, "events": _skip_unheard_events}
"""Each with what it saves of a day in CPU seconds (medians of three): `code` 1.2, `events` 1.7."""


def _is_replaced(owner: Any, name: str) -> bool:
    return hasattr(getattr(owner, name), ORIGINAL)


def _replace(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    setattr(replacement, ORIGINAL, getattr(owner, name))
    setattr(owner, name, replacement)
