"""Less of dbt's own time; what it does stays the same.

A day's build is a hundred small nodes, and for each of them dbt spends more than its SQL takes: on
events that nobody hears, on compiling templates that did not change, on an object for every macro.
What is set here is a private matter of dbt and its libraries, in the versions that are pinned; a
test compares each with dbt as it is.
"""

import importlib.metadata
import importlib.util
import marshal
from pathlib import Path
from types import CodeType
from typing import Any

from tradehouse.files import replacing

SIMPLE = (type(None), bool, int, float, str)
TEMPLATES_KEPT = 10_000

Key = tuple[str, str]


def prepare() -> None:
    """Set all of it; call it before dbt is imported, as often as wanted."""
    _generate_code_when_needed()
    _skip_unheard_events()
    _make_macros_at_once()


class Templates:
    """Compiled templates of Jinja, kept in a file from one process to the next.

    The file belongs to the versions of Python, Jinja and dbt that wrote it, and can be removed at
    any time.
    """

    def __init__(self) -> None:
        self._kept: dict[Key, CodeType] = {}
        self._read = 0
        self._path: Path | None = None

    def use(self, path: Path) -> None:
        """Take from now on what `path` holds, and keep there what is compiled."""
        import jinja2

        if path != self._path:
            self._path, self._kept = path, _read_templates(path)
            self._read = len(self._kept)
        original = jinja2.Environment.compile
        if hasattr(original, "original"):
            return

        def compile(
            environment: Any,
            source: Any,
            name: str | None = None,
            filename: str | None = None,
            raw: bool = False,
            defer_init: bool = False,
        ) -> Any:
            """The code of a template: dbt's are text without a name."""
            if (
                raw
                or name
                or filename
                or not isinstance(source, str)
                or not _is_of_dbt(environment)
            ):
                return original(environment, source, name, filename, raw, defer_init)
            key = (type(environment).__name__, source)
            code = self._kept.get(key)
            if code is None:
                code = self._kept[key] = original(environment, source)
            return code

        compile.original = original  # type: ignore[attr-defined]
        jinja2.Environment.compile = compile  # type: ignore[method-assign,assignment]

    def keep(self) -> None:
        """Write what is new; too many of them, after a project has changed often, are dropped."""
        if self._path is None or len(self._kept) == self._read:
            return
        kept = self._kept if len(self._kept) <= TEMPLATES_KEPT else {}
        with replacing(self._path) as begun:
            begun.write_bytes(marshal.dumps((_versions(), kept)))
        self._read = len(self._kept)


templates = Templates()


def _read_templates(path: Path) -> dict[Key, CodeType]:
    try:
        versions, kept = marshal.loads(path.read_bytes())
    except (OSError, ValueError, EOFError, TypeError):
        return {}
    return kept if versions == _versions() else {}


def _versions() -> list[str]:
    installed = [importlib.metadata.version(name) for name in ("jinja2", "dbt-core", "dbt-common")]
    return [importlib.util.MAGIC_NUMBER.hex(), *installed]


def _is_of_dbt(environment: Any) -> bool:
    return type(environment).__module__.startswith(("dbt.", "dbt_common."))


def _generate_code_when_needed() -> None:
    """Mashumaro generates code for reading and writing each class of dbt, seldom needed."""
    from mashumaro.config import BaseConfig
    from mashumaro.jsonschema import schema

    BaseConfig.lazy_compilation = True
    original = getattr(schema, "_default", None)
    if original is None or hasattr(original, "original"):
        return

    def default(kind: Any, value: Any, config: Any) -> Any:
        """The JSON of a field's default; otherwise a class is generated to find out."""
        return value if type(value) in SIMPLE else original(kind, value, config)

    default.original = original  # type: ignore[attr-defined]
    schema._default = default  # type: ignore[assignment]


def _skip_unheard_events() -> None:
    """An event becomes a message when somebody asks for it; a debug event that none hears, never.

    A callback says with its attribute `hears` which debug events it wants; without, all.
    """
    from dbt.tracking import track_behavior_change_warn
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    build, read, fire = BaseEvent.__init__, BaseEvent.__getattr__, EventManager.fire_event
    if hasattr(fire, "original"):
        return
    quiet = (EventLevel.DEBUG, EventLevel.TEST)

    def __init__(event: Any, *args: Any, **kwargs: Any) -> None:
        event.__dict__["_given"] = (args, kwargs)

    def __getattr__(event: Any, name: str) -> Any:
        if "_given" in event.__dict__:
            args, kwargs = event.__dict__.pop("_given")
            build(event, *args, **kwargs)
        return event.__dict__["pb_msg"] if name == "pb_msg" else read(event, name)

    def is_unheard(manager: EventManager, event: BaseEvent, level: EventLevel | None) -> bool:
        name = type(event).__name__
        return (
            (level or event.level_tag()) in quiet
            and all(logger.level not in quiet for logger in manager.loggers)
            and all(
                callback is track_behavior_change_warn
                or name not in getattr(callback, "hears", (name,))
                for callback in manager.callbacks
            )
        )

    def fire_event(
        manager: EventManager,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        if force_warn_or_error_handling or not is_unheard(manager, e, level):
            fire(manager, e, level, node, force_warn_or_error_handling)

    fire_event.original = fire  # type: ignore[attr-defined]
    BaseEvent.__init__ = __init__  # type: ignore[method-assign]
    BaseEvent.__getattr__ = __getattr__  # type: ignore[method-assign]
    EventManager.fire_event = fire_event  # type: ignore[method-assign]


def _make_macros_at_once() -> None:
    """For each node dbt makes an object for every macro, twice, through three constructors."""
    from dbt.clients.jinja import MacroGenerator

    if hasattr(MacroGenerator.__init__, "original"):
        return

    def __init__(
        generator: Any, macro: Any, context: Any = None, node: Any = None, stack: Any = None
    ) -> None:
        generator.context = context
        generator.macro = macro
        generator.node = node
        generator.stack = stack

    __init__.original = MacroGenerator.__init__  # type: ignore[attr-defined]
    MacroGenerator.__init__ = __init__  # type: ignore[method-assign]
