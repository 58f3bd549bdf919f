"""Less of dbt's own time; what it does stays the same.

A day's build is a hundred small nodes, and for each of them dbt spends more than its SQL takes: on
events that nobody hears, on compiling templates that did not change, on an object for every macro.
What is set here is a private matter of dbt and its libraries, in the versions that are pinned;
tests compare each with dbt as it is.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import marshal
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from tradehouse.home.files import replacing

SIMPLE = (type(None), bool, int, float, str)
TEMPLATES_KEPT = 10_000
DIGEST_BYTES = 32
ORIGINAL = "original"

_preparing = threading.Lock()


def prepare() -> None:
    """Set all of it; call it before dbt is imported, as often as wanted."""
    with _preparing:
        _generate_code_when_needed()
        # As the command line of dbt begins: the order of imports decides how types are written.
        import dbt.cli.main  # noqa: F401

        _skip_unheard_events()
        _make_macros_at_once()


class Templates:
    """Compiled templates of Jinja, kept in a file from one process to the next.

    The file belongs to the versions of Python, Jinja and dbt that wrote it, and lies beside Jinja's
    own compiled modules: what is run comes from the environment, never from a home. It can be
    removed at any time, and one that cannot be read or written costs time and nothing else.
    """

    def __init__(self) -> None:
        """Nothing is kept before `use`."""
        self._kept: dict[tuple[str, str], CodeType] = {}
        self._read = 0
        self._path: Path | None = None

    def use(self, path: Path | None) -> None:
        """Take from now on what `path` holds, and remember what is compiled; None: for now only."""
        import jinja2

        if path != self._path:
            self._path, self._kept = path, _read_templates(path) if path else {}
            self._read = len(self._kept)
        if _is_replaced(jinja2.Environment, "compile"):
            return
        original: Callable[..., Any] = jinja2.Environment.compile

        def compile(
            environment: Any,
            source: Any,
            name: str | None = None,
            filename: str | None = None,
            raw: bool = False,
            defer_init: bool = False,
        ) -> Any:
            """The code of a template; those of dbt are text without a name."""
            is_plain = type(source) is str and not (name or filename or raw or defer_init)
            if not is_plain or not _is_kept(environment):
                return original(environment, source, name, filename, raw, defer_init)
            key = (type(environment).__name__, source)
            code = self._kept.get(key)
            if code is None:
                code = self._kept[key] = original(environment, source)
            return code

        _replace(jinja2.Environment, "compile", compile)

    def keep(self) -> None:
        """Write what is new; when a project changed so often that it is too much, start anew."""
        if self._path is None or len(self._kept) == self._read:
            return
        if len(self._kept) > TEMPLATES_KEPT:
            self._kept = {}
        with contextlib.suppress(OSError, ValueError), replacing(self._path) as begun:
            content = _versions() + marshal.dumps(self._kept)
            begun.write_bytes(hashlib.sha256(content).digest() + content)
        self._read = len(self._kept)


templates = Templates()


def templates_path() -> Path | None:
    """Return where compiled templates are kept: where Python keeps the compiled modules of Jinja.

    None where that is not this user's alone to write, so that nobody else's code is run.
    """
    found = importlib.util.find_spec("jinja2")
    if found is None or found.origin is None:
        return None
    folder = Path(importlib.util.cache_from_source(found.origin)).parent
    path = folder / f"tradehouse-templates.{sys.implementation.cache_tag}.marshal"
    is_below = folder.resolve().is_relative_to(Path(sys.prefix).resolve())
    return path if is_below and all(_is_own(one) for one in (folder, path)) else None


def _is_own(path: Path) -> bool:
    """Whether only this user may write a directory or a file; one that is missing is as good."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return path.parent.is_dir()
    is_plain = stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)
    is_closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return is_plain and is_closed and found.st_uid == os.geteuid() and os.access(path, os.W_OK)


def _read_templates(path: Path) -> dict[tuple[str, str], CodeType]:
    try:
        found = path.read_bytes()
    except OSError:
        return {}
    digest, content, versions = found[:DIGEST_BYTES], found[DIGEST_BYTES:], _versions()
    if hashlib.sha256(content).digest() != digest or not content.startswith(versions):
        return {}
    try:
        kept: dict[tuple[str, str], CodeType] = marshal.loads(content[len(versions) :])
    except (ValueError, EOFError, TypeError):
        return {}
    return kept


def _versions() -> bytes:
    installed = [importlib.metadata.version(name) for name in ("jinja2", "dbt-core", "dbt-common")]
    return json.dumps([importlib.util.MAGIC_NUMBER.hex(), *installed]).encode() + b"\n"


def _is_kept(environment: Any) -> bool:
    """Whether its templates are kept: those of dbt's builds, not those of its parsing.

    While it parses, dbt takes what is not defined for an empty text, and constants are worked out
    with it.
    """
    import jinja2
    from dbt_common.clients.jinja import MACRO_DEBUGGING

    is_of_dbt = type(environment).__module__.startswith(("dbt.", "dbt_common."))
    return is_of_dbt and environment.undefined is jinja2.Undefined and not MACRO_DEBUGGING


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

    A callback says with its attribute `hears` which debug events it wants; without, all. What is
    wrong with an event that is never made is not told.
    """
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


def _make_macros_at_once() -> None:
    """Twice for each node dbt makes an object of every macro, through three constructors."""
    from dbt.clients.jinja import MacroGenerator

    def make(
        generator: Any, macro: Any, context: Any = None, node: Any = None, stack: Any = None
    ) -> None:
        generator.context = context
        generator.macro = macro
        generator.node = node
        generator.stack = stack

    if not _is_replaced(MacroGenerator, "__init__"):
        _replace(MacroGenerator, "__init__", make)


def _is_replaced(owner: Any, name: str) -> bool:
    return hasattr(getattr(owner, name), ORIGINAL)


def _replace(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    setattr(replacement, ORIGINAL, getattr(owner, name))
    setattr(owner, name, replacement)
