"""YAML means what it says: no unknown key, no text cut at a comma or `#`, no value made another.

dbt brings schemas of its files but does not hold them against projects on DuckDB. Declarations of
sources are held against theirs in `tests/ingestion/test_registry.py`, GitHub's workflow by its
linter in `tests/test_workflow.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from dbt.jsonschemas.jsonschemas import CustomDraft7Validator, project_schema, resources_schema
from dbt_semantic_interfaces.parsing.schemas import metric_validator

PROJECT = Path(__file__).resolve().parents[1]
RESOURCES = [
    *(path for top in ("models", "seeds", "macros", "tests/data") for path in
      sorted((PROJECT / top).rglob("*.yml"))),
]  # fmt: skip
WRITTEN = [
    *RESOURCES,
    *sorted(PROJECT.glob("*.y*ml")),
    *sorted(PROJECT.glob(".*.yaml")),
    *sorted((PROJECT / ".github").rglob("*.yml")),
    *(
        path
        for top in ("ingestion", "connectors")
        for path in sorted((PROJECT / top).rglob("*.y*ml"))
    ),
]
TEXTS = {"description", "summary", "title", "label", "name", "owner", "doc"}
_AS_WRITTEN = {  # how a value of a type is written when it is meant
    "bool": r"true|false",
    "int": r"-?(?:0|[1-9][0-9]*)",
    "float": r"-?[0-9]+\.[0-9]+",
    "null": r"|null",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?: [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)?",
}


def _name(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def _load(path: Path) -> object:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def misread(text: str) -> Iterator[str]:
    """What YAML 1.1 takes otherwise than a reader would, each with its line."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines()
    waiting: list[tuple[yaml.Node, str]] = [(root, "")] if root else []
    while waiting:
        node, key = waiting.pop()
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            keys = [child.value for child, _ in node.value if isinstance(child, yaml.ScalarNode)]
            yield from (
                f"{line}: {twice!r} twice" for twice in {k for k in keys if keys.count(k) > 1}
            )
            for child, value in node.value:
                if node.flow_style and value.start_mark.index == value.end_mark.index:
                    yield f"{child.start_mark.line + 1}: {child.value!r} is a key without a value"
                waiting += [(child, "key"), (value, str(child.value))]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(child, key) for child in node.value]
        elif isinstance(node, yaml.ScalarNode) and node.style is None:
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            if not re.fullmatch(_AS_WRITTEN.get(kind, ".*"), node.value, re.DOTALL):
                yield f"{line}: {node.value!r} is read as {kind}"
            if kind != "str" and key in TEXTS:
                yield f"{line}: {key} is read as {kind}"
            rest = lines[node.end_mark.line][node.end_mark.column :] if node.value else ""
            if re.match(r" #" if key not in TEXTS else r" +#", rest):
                yield f"{line}: {node.value!r} is cut at {rest.strip()!r}"


def unknown(path: Path, content: object) -> list[str]:
    """What dbt's own schemas do not know in a file, where in it."""
    is_project = path.name == "dbt_project.yml"
    schema = project_schema() if is_project else resources_schema()
    content = _in_their_words(content)
    # The schema of resources has metrics as a later dbt writes them.
    metrics = content.pop("metrics", []) if isinstance(content, dict) else []
    found = [*CustomDraft7Validator(schema).iter_errors(content)]
    found += [error for metric in metrics for error in metric_validator.iter_errors(metric)]
    return [f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in found]


def _in_their_words(content: object, key: str = "") -> object:
    """Values that dbt takes though its schema does not: `warn`, the project's own kind of model."""
    if isinstance(content, dict):
        return {k: _in_their_words(v, str(k)) for k, v in content.items()}
    if isinstance(content, list):
        return [_in_their_words(value, key) for value in content]
    if key == "severity" and content in ("warn", "error"):
        return str(content).capitalize()
    return "table" if (key, content) == ("+materialized", "by_load") else content


@pytest.mark.parametrize("path", [*RESOURCES, PROJECT / "dbt_project.yml"], ids=_name)
def test_dbt_knows_every_key(path: Path) -> None:
    assert unknown(path, _load(path)) == []


@pytest.mark.parametrize("path", WRITTEN, ids=_name)
def test_yaml_reads_what_is_written(path: Path) -> None:
    is_workflow = ".github" in path.parts  # its key `on` is GitHub's
    found = misread(path.read_text(encoding="utf-8"))
    assert [each for each in found if not (is_workflow and "'on' is read as bool" in each)] == []


def test_every_description_is_a_whole_sentence() -> None:
    cut = [
        f"{_name(path)}: {text}"
        for path in RESOURCES
        for text in _descriptions(_load(path))
        if not re.search(r"(?:[.!?)`:]|}})\s*$", text)
    ]
    assert cut == []


def _descriptions(content: object) -> Iterator[str]:
    children = content.values() if isinstance(content, dict) else content
    if isinstance(content, dict) and isinstance(content.get("description"), str):
        yield content["description"]
    if isinstance(content, dict | list):
        for child in children:
            yield from _descriptions(child)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name: a, description: Shares, average of 30 days.}", "key without a value"),
        ("a: {b: One, two, c: 3}", "'two' is a key without a value"),
        ("description: The account # of the customer.", "is cut at '# of the customer.'"),
        ("description: One  # two", "is cut at"),
        ("note: One # two", "is cut at"),
        ("values: [YES, NO]", "'NO' is read as bool"),
        ("a: 0123", "is read as int"),
        ("a: 12:30", "is read as int"),
        ("a: 1_000", "is read as int"),
        ("a: .5", "is read as float"),
        ("a: .nan", "is read as float"),
        ("a: ~", "is read as null"),
        ("a: 2020-01-01T10:00:00Z", "is read as timestamp"),
        ("name: 2020-01-01", "name is read as timestamp"),
        ("name: true", "name is read as bool"),
        ("a: 1\nb: 2\na: 3", "'a' twice"),
    ],
)
def test_what_is_misread_is_found(text: str, said: str) -> None:
    assert said in "\n".join(misread(text))


def test_what_is_meant_is_let_through() -> None:
    text = "a: 1 day  # why\nb: {c: 'x, y', d: [true, 2, -1.5, null]}\ne: |\n  a # b\nf:\n"
    assert list(misread(text)) == []


def test_an_unknown_key_is_found() -> None:
    model = {"name": "m", "columns": [{"name": "c", "descripton": "C."}]}
    [found] = unknown(Path("x.yml"), {"version": 2, "models": [model]})
    assert "descripton" in found
    assert unknown(Path("dbt_project.yml"), {"name": "x", "model-path": ["m"]})
