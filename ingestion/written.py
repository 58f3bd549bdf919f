"""YAML that people write, read by the core rules of YAML 1.2: a text stays the text it is.

Numbers remember how they were written, for places where a text is wanted. Not here: what a file has
to contain (`declarations`, `server.settings`).
"""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator

from ingestion.errors import DeclarationError

_RARE_ENDS = re.compile("[\\x85\\u2028\\u2029\\ufeff]")
MAX_DEPTH = 50
MAX_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_CORE = {
    "null": (re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    "int": (_INTEGER, list("-+0123456789")),
    "float": (_FLOAT, list("-+.0123456789")),
    "merge": (re.compile(r"<<"), ["<"]),
}


class WrittenInt(int):
    """A whole number, and how it was written."""

    written: str


class WrittenFloat(float):
    """A number, and how it was written."""

    written: str


Text = Annotated[str, BeforeValidator(lambda value: getattr(value, "written", value))]
"""A text in a declaration; a number without quotes is the text as it was written."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - its base declares it so


class _Dumper(yaml.SafeDumper):
    """Puts quotes around every text that one of the two versions takes for something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - its base declares it so
        key: list(resolvers) for key, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }


for _name, (_form, _first) in _CORE.items():
    _pattern = re.compile(rf"(?:{_form.pattern})\Z")
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, _first)
    if _name in ("int", "float"):
        _Dumper.add_implicit_resolver(_TAG + _name, _pattern, _first)


def _quoted_if_odd(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """A text with the rarer ends of lines is folded wrongly by every style but this one."""
    style = '"' if _RARE_ENDS.search(text) else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


_Dumper.add_representer(str, _quoted_if_odd)


def read(path: Path) -> Any:
    """What a file says. Raises DeclarationError that names the file and the line."""
    if path.exists() and not path.is_file():
        raise DeclarationError(f"{path}: expected a file with YAML in it, found something else.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        _check_depth(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        return None if node is None else _whole(node)
    except OSError as error:
        raise DeclarationError(f"{path}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path}: not UTF-8 at byte {error.start}.") from None
    except _RefusedError as error:
        raise DeclarationError(f"{path}: {error}.") from None
    except yaml.YAMLError as error:
        raise DeclarationError(f"{path}: not valid YAML: {_sentence(error)}.") from None


def dump(content: Any) -> str:
    """The content as YAML that reads the same by the rules of 1.1 and of 1.2."""
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def flow(content: Any) -> str:
    """The same in one line, as it stands behind a key."""
    text = yaml.dump(
        content,
        Dumper=_Dumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=float("inf"),
    )
    return str(text).removesuffix("...\n").strip()


class _RefusedError(Exception):
    """YAML that is valid, and not taken."""

    def __init__(self, at: yaml.Node | yaml.Event, why: str) -> None:
        mark = at.start_mark
        super().__init__(why if mark is None else f"line {mark.line + 1}: {why}")


def _whole(node: yaml.Node) -> Any:
    if _size(node, {}) > MAX_VALUES:
        raise _RefusedError(node, f"its aliases stand for more than {MAX_VALUES:,} values")
    return _value(node)


def _sentence(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or str(error).splitlines()[0])
    where = "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"
    hint = ", use blanks instead of the tab" if "\\t" in problem else ""
    return f"{problem}{where}{hint}"


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _RefusedError(event, f"nested more than {MAX_DEPTH} levels deep")


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, aliases written out."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = MAX_VALUES + 1  # An alias of itself.
        parts = node.value
        if isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _value(node: yaml.Node) -> Any:
    kind = node.tag.removeprefix(_TAG)
    if isinstance(node, yaml.MappingNode) and kind == "map":
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode) and kind == "seq":
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.ScalarNode) and kind in ("str", "int", "float", "bool", "null"):
        return _scalar(node, kind, node.value)
    raise _RefusedError(node, f"the tag {node.tag} is not taken here")


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _RefusedError(key, "a key should be a text")
        if key.tag == _TAG + "merge":
            others = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for other in others:
                if not isinstance(other, yaml.MappingNode):
                    raise _RefusedError(value, "<< should be followed by a mapping")
                merged = _mapping(other) | merged
            continue
        if key.value in found:
            raise _RefusedError(key, f"{key.value!r} stands there twice")
        found[key.value] = _value(value)
    return merged | found


def _scalar(node: yaml.ScalarNode, kind: str, text: str) -> Any:
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    number: WrittenInt | WrittenFloat
    try:
        if kind == "int" and _INTEGER.fullmatch(text):
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            number = WrittenInt(int(text[2:] if base != 10 else text, base))
        else:
            number = WrittenFloat(text.replace(".inf", "inf").replace(".nan", "nan").lower())
    except ValueError:
        raise _RefusedError(node, f"not a number: {text[:50]!r}") from None
    number.written = text
    return number
