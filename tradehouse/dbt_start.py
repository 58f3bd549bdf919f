"""Less time until dbt is imported and has read the project; what it does stays the same.

A quarter of that time goes into code that mashumaro generates for dbt's classes and seldom needs. A
test compares what dbt checks with and without it.
"""

from typing import Any

SIMPLE = (type(None), bool, int, float, str)


def prepare() -> None:
    """Set how mashumaro works; call it before dbt is imported, as often as wanted."""
    from mashumaro.config import BaseConfig
    from mashumaro.jsonschema import schema

    # Code for reading and writing a class is generated when it is first needed.
    BaseConfig.lazy_compilation = True
    original = getattr(schema, "_default", None)
    if original is None or hasattr(original, "original"):
        return

    def default(kind: Any, value: Any, config: Any) -> Any:
        """The JSON of a field's default; otherwise a class is generated to find out."""
        return value if type(value) in SIMPLE else original(kind, value, config)

    default.original = original  # type: ignore[attr-defined]
    schema._default = default  # type: ignore[assignment]
