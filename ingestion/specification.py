"""What a connector's specification says of its configuration: types, secrets, a first example.

Not here: asking for it (`connector`) and the configuration itself (`configuration`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from ingestion.errors import DeclarationError
from ingestion.variables import VARIABLE

Schema = Mapping[str, Any]
_DEEPEST = 30
Above = tuple[int, ...]
"""The schemas that one was reached through, by identity: a reference may lead back to one."""


class Specification:
    """A connector's `connectionSpecification`, a JSON schema; may be empty."""

    def __init__(self, schema: Any) -> None:
        self._root: Schema = schema if isinstance(schema, dict) else {}
        self._variables: dict[str, tuple[str, ...]] = {}

    def settled(self, source: str, declared: Any, resolved: Any) -> Any:
        """The configuration with the types that are wanted.

        A variable that stands for a whole value becomes what the specification wants there; a
        number is the text it was written as where a text is wanted. Raises DeclarationError for a
        variable that does not fit.
        """
        return self._settle(declared, resolved, self._fitting(self._root, resolved), (source,))

    def secrets(self, config: Any) -> frozenset[str]:
        """The values that the specification calls secret, whether variables hold them or not."""
        return frozenset(self._secrets(config, self._fitting(self._root, config), False))

    def example(self, name: str) -> dict[str, Any]:
        """A configuration with what is required: constants, defaults, examples, variables.

        Of alternatives the first one is taken.
        """
        found = self._example(self._root, (name,))
        return found if isinstance(found, dict) else {}

    def _settle(
        self, declared: Any, value: Any, schemas: list[Schema], path: tuple[str, ...]
    ) -> Any:
        if isinstance(value, dict):
            known = declared if isinstance(declared, dict) else {}
            return {
                key: self._settle(
                    known.get(key), item, self._below(schemas, key, item), (*path, key)
                )
                for key, item in value.items()
            }
        if isinstance(value, list):
            known_items = declared if isinstance(declared, list) else []
            padded = [*known_items, *[None] * len(value)]
            return [
                self._settle(padded[i], item, self._items(schemas, item), (*path, str(i)))
                for i, item in enumerate(value)
            ]
        kinds = _kinds(schemas)
        written = getattr(value, "written", None)
        if written is not None:
            wants_text = "string" in kinds and not kinds & {"number", "integer"}
            return written if wants_text else _plain(value, path)
        if isinstance(value, bool) and kinds == {"string"}:
            return str(value).lower()
        match = VARIABLE.fullmatch(declared) if isinstance(declared, str) else None
        if match and isinstance(value, str) and kinds and "string" not in kinds:
            return self._converted(value, kinds, schemas, match[1], path)
        return value

    def _converted(
        self, text: str, kinds: set[str], schemas: list[Schema], name: str, path: tuple[str, ...]
    ) -> Any:
        if "null" in kinds and not text:
            return None
        if kinds & {"integer", "number"} and re.fullmatch(r"[-+]?\d{1,4000}", text):
            return int(text)
        is_number = re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,3})?", text)
        if "number" in kinds and is_number and isfinite(float(text)):
            return float(text)
        if "boolean" in kinds and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kinds & {"array", "object"}:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, list) and "array" in kinds:
                return found
            if isinstance(found, dict) and "object" in kinds:
                return found
            if "array" in kinds and not text.lstrip().startswith("["):
                parts = [part.strip() for part in text.split(",") if part.strip()]
                return [
                    self._settle(f"${{{name}}}", part, self._items(schemas, part), path)
                    for part in parts
                ]
        raise DeclarationError(
            f"{path[0]}: config.{'.'.join(path[1:])}: the connector wants "
            f"{' or '.join(sorted(kinds))}, and the variable {name} holds something else."
        )

    def _secrets(self, value: Any, schemas: list[Schema], within: bool) -> Iterator[str]:
        within = within or any(schema.get("airbyte_secret") is True for schema in schemas)
        if isinstance(value, dict):
            for key, item in value.items():
                yield from self._secrets(item, self._below(schemas, key, item), within)
        elif isinstance(value, list):
            for item in value:
                yield from self._secrets(item, self._items(schemas, item), within)
        elif within and isinstance(value, str | int | float) and not isinstance(value, bool):
            yield str(value)

    def _below(self, schemas: Iterable[Schema], key: str, value: Any) -> list[Schema]:
        found: list[Schema] = []
        for schema in schemas:
            properties = schema.get("properties")
            more = schema.get("additionalProperties")
            below = properties.get(key, more) if isinstance(properties, dict) else more
            found += self._fitting(below, value)
        return found

    def _items(self, schemas: Iterable[Schema], value: Any) -> list[Schema]:
        return [each for schema in schemas for each in self._fitting(schema.get("items"), value)]

    def _fitting(self, schema: Any, value: Any, above: Above = ()) -> list[Schema]:
        """The schema and what it is made of, as far as a value can be meant."""
        if not isinstance(schema, dict) or _is_within(schema, above):
            return []
        above = (*above, id(schema))
        found: list[Schema] = [schema]
        if isinstance(schema.get("$ref"), str):
            found += self._fitting(self._referred(schema["$ref"]), value, above)
        for word in ("allOf", "oneOf", "anyOf"):
            for part in _list(schema.get(word)):
                parts = self._fitting(part, value, above)
                if word == "allOf" or all(_agrees(each, value) for each in parts):
                    found += parts
        return found

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            part = part.replace("~1", "/").replace("~0", "~")
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def _example(self, schema: Any, path: tuple[str, ...], above: Above = ()) -> Any:
        if not isinstance(schema, dict) or _is_within(schema, above):
            return {}
        above = (*above, id(schema))
        schema = self._chosen(schema)
        for word in ("const", "default"):
            if schema.get(word) is not None:
                return _escaped(schema[word])
        for word in ("enum", "examples"):
            # An example serves where a text of the user's choice would not do.
            is_free = word == "examples" and _is_free(schema)
            if not is_free and (first := _list(schema.get(word))[:1]):
                return _escaped(first[0])
        kinds = _kinds([schema])
        if isinstance(schema.get("properties"), dict) or "object" in kinds:
            return self._example_object(schema, path, above)
        if "array" in kinds:
            least = schema.get("minItems", 1)
            one = self._example(schema.get("items") or {"type": "string"}, path, above)
            return [one] * min(max(1, least if isinstance(least, int) else 1), 10)
        return f"${{{self._variable(path)}}}"

    def _variable(self, path: tuple[str, ...]) -> str:
        """A variable for a setting; a number goes behind one that is another setting's."""
        name = base = re.sub(r"[^A-Z0-9]", "_", "_".join(path).upper())
        number = 2
        while self._variables.setdefault(name, path) != path:
            name, number = f"{base}_{number}", number + 1
        return name

    def _example_object(
        self, schema: Schema, path: tuple[str, ...], above: Above
    ) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        constant = [key for key, of in properties.items() if isinstance(of, dict) and "const" in of]
        wanted = dict.fromkeys([*map(str, _list(schema.get("required"))), *constant])
        return {
            key: self._example(properties.get(key) or {"type": "string"}, (*path, key), above)
            for key in wanted
        }

    def _chosen(self, schema: Schema, above: Above = ()) -> dict[str, Any]:
        """One schema of a schema and the parts that it refers to or offers first."""
        above = (*above, id(schema))
        parts = [self._referred(schema["$ref"])] if isinstance(schema.get("$ref"), str) else []
        parts += _list(schema.get("allOf"))
        for word in ("oneOf", "anyOf"):
            offered = [part for part in _list(schema.get(word)) if isinstance(part, dict)]
            parts += [part for part in offered if part.get("type") != "null"][:1]
        own = {k: v for k, v in schema.items() if k not in ("$ref", "allOf", "oneOf", "anyOf")}
        for part in parts:
            if not isinstance(part, dict) or _is_within(part, above):
                continue
            other = self._chosen(part, above)
            both: dict[str, Any] = {
                "properties": _dict(other.get("properties")) | _dict(own.get("properties")),
                "required": _list(own.get("required")) + _list(other.get("required")),
            }
            own = {**other, **own, **{word: said for word, said in both.items() if said}}
        return own


def _is_within(schema: Schema, above: Above) -> bool:
    """Whether a schema stands within itself, or too deep."""
    return id(schema) in above or len(above) > _DEEPEST


def _agrees(schema: Schema, value: Any) -> bool:
    """Whether what tells alternatives apart says that this one can be meant."""
    kinds = _kinds([schema])
    if isinstance(value, dict):
        properties = schema.get("properties")
        for key, of in properties.items() if isinstance(properties, dict) else ():
            if key in value and isinstance(of, dict):
                fixed = [of["const"]] if "const" in of else _list(of.get("enum"))
                if fixed and value[key] not in fixed:
                    return False
    return not kinds or isinstance(value, dict) == bool(kinds & {"object"}) or "object" in kinds


def _kinds(schemas: Iterable[Schema]) -> set[str]:
    found: set[str] = set()
    for schema in schemas:
        kind = schema.get("type")
        found |= {kind} if isinstance(kind, str) else {k for k in _list(kind) if isinstance(k, str)}
    return found


def _is_free(schema: Schema) -> bool:
    is_text = _kinds([schema]) <= {"string", "null"}
    return schema.get("airbyte_secret") is True or (
        is_text and not schema.get("pattern") and not schema.get("format")
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return VARIABLE.sub(lambda match: f"${match[0]}", value)
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any, path: tuple[str, ...]) -> int | float:
    if isinstance(value, int):
        return int(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise DeclarationError(
            f"{path[0]}: config.{'.'.join(path[1:])}: {value.written} is a number that no "
            f"connector can be given; put it into quotes if it is a text."
        )
    return float(value)
