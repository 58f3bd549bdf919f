"""Declarations are read by YAML 1.2's core rules; variables and texts get the types of the spec."""

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingestion import declarations, inventory, written
from ingestion.configuration import Configuration
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError
from ingestion.json_text import dumps
from ingestion.specification import Specification
from ingestion.variables import resolve
from tests.ingestion.conftest import Source

BIG = 12345678901234567890123


def said(tmp_path: Path, text: str | bytes) -> Any:
    path = tmp_path / "said.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return written.read(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("2024-01-01T00:00:00Z",) * 2, ("2024-01-01",) * 2, ("12:30",) * 2, ("190:20:30",) * 2),
        *(("NO",) * 2, ("yes",) * 2, ("on",) * 2, ("y",) * 2, ("1_000",) * 2, ("0b101",) * 2),
        *(("=",) * 2, ("1.2.3",) * 2, ("0x",) * 2, ("1e",) * 2, ("'0123'", "0123")),
        *(("0123456", 123456), ("0o17", 15), ("0x1F", 31), ("-12", -12), ("+12", 12), ("-0", 0)),
        *((str(BIG), BIG), ("1.10", 1.1), ("1e3", 1000.0), (".5", 0.5), ("-.inf", float("-inf"))),
        *(("true", True), ("FALSE", False), ("~", None), ("", None), ("Null", None)),
        *(("!!str 12", "12"), ("!!int '12'", 12)),
    ],
)
def test_a_scalar_is_what_the_core_rules_say(tmp_path: Path, text: str, value: object) -> None:
    found = said(tmp_path, f"x: {text}\n")["x"]
    assert found == value
    assert isinstance(found, type(value))
    if isinstance(value, int | float) and not isinstance(value, bool) and "!" not in text:
        assert found.written == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_what_is_dumped_reads_the_same_by_both_versions(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    text = written.dump({"x": value})
    assert yaml.safe_load(text) == {"x": value}
    path = tmp_path_factory.getbasetemp() / "dumped.yml"
    path.write_text(text, encoding="utf-8", newline="")
    assert written.read(path) == {"x": value}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' stands there twice"),
        ("config:\n  token: x\n  token: y\n", "line 3: 'token' stands there twice"),
        ("a:\n\t- b\n", r"line 2, column 1"),
        ("a: [", "not valid YAML"),
        ("? [a]\n: b\n", "line 1: a key should be a text"),
        ("a: !!python/object:os.system x\n", "line 1: the tag"),
        ("a: !!binary aGk=\n", "line 1: the tag"),
        ("a: !!timestamp 2024-01-01\n", "line 1: the tag"),
        ("[" * 100_000, "nested more than 50 levels deep"),
        ("a: " + "9" * 5000, "line 1: not a number"),
        ("a: &a [*a]\n", "aliases stand for more than"),
        (b"a: \xff\n", "not UTF-8 at byte 3"),
        (b"a: \0\n", "not valid YAML"),
        (
            "a0: &a0 [x, x]\n"
            + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60)),
            "aliases stand for more than",
        ),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        said(tmp_path, text)
    assert why in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "said.yml"))
    assert "\n" not in str(caught.value)


def test_a_directory_is_no_declaration(tmp_path: Path) -> None:
    (tmp_path / "x.yml").mkdir()
    with pytest.raises(DeclarationError, match="expected a file"):
        written.read(tmp_path / "x.yml")


def test_anchors_merge_and_a_mark_at_the_head_is_left_out(tmp_path: Path) -> None:
    text = "\ufeffbase: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\n"
    assert said(tmp_path, text)["use"] == {"a": 1, "b": 3}


SCHEMA = {
    "required": ["port", "password"],
    "properties": {
        "port": {"type": "integer"},
        "ratio": {"type": ["null", "number"]},
        "ssl": {"type": "boolean"},
        "days": {"type": "array", "items": {"type": "integer"}},
        "extra": {"type": "object"},
        "account": {"type": "string"},
        "either": {"type": ["string", "integer"]},
        "password": {"type": "string", "airbyte_secret": True},
        "pin": {"type": "integer", "airbyte_secret": True},
        "keys": {"type": "array", "items": {"$ref": "#/definitions/key"}},
        "auth": {
            "type": "object",
            "oneOf": [
                {
                    "properties": {
                        "kind": {"const": "token"},
                        "value": {"type": "string", "airbyte_secret": True},
                    }
                },
                {"properties": {"kind": {"const": "number"}, "value": {"type": "integer"}}},
            ],
        },
    },
    "definitions": {"key": {"properties": {"secret": {"type": "string", "airbyte_secret": True}}}},
}


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({"port": "${X}"}, 5432),
        ({"port": "${NONE:-5}"}, 5),
        ({"port": "${X}0"}, "54320"),
        ({"port": "5432"}, "5432"),
        ({"account": "${X}"}, "5432"),
        ({"either": "${X}"}, "5432"),
        ({"unknown": "${X}"}, "5432"),
        ({"ratio": "${HALF}"}, 0.5),
        ({"ratio": "${EMPTY}"}, None),
        ({"ssl": "${YES}"}, True),
        ({"days": "${LIST}"}, [1, 2]),
        ({"days": "${COMMAS}"}, [1, 2]),
        ({"days": ["${X}"]}, [5432]),
        ({"extra": "${OBJECT}"}, {"a": 1}),
        ({"auth": {"kind": "number", "value": "${X}"}}, {"kind": "number", "value": 5432}),
        ({"auth": {"kind": "token", "value": "${X}"}}, {"kind": "token", "value": "5432"}),
    ],
)
def test_a_variable_gets_the_type_that_is_wanted(config: dict[str, Any], wanted: object) -> None:
    variables = {"X": "5432", "HALF": "0.5", "EMPTY": "", "YES": "True", "LIST": "[1, 2]"}
    variables |= {"COMMAS": "1, 2", "OBJECT": '{"a": 1}'}
    resolved, _ = resolve(config, variables)
    [found] = Specification(SCHEMA).settled("mine", config, resolved).values()
    assert found == wanted
    assert isinstance(found, type(wanted))


@pytest.mark.parametrize("name", ["port", "ssl", "days", "extra", "ratio"])
def test_a_variable_that_does_not_fit_is_named_without_its_value(name: str) -> None:
    config = {name: "${X}"}
    resolved, _ = resolve(config, {"X": "[sesame"})
    with pytest.raises(DeclarationError, match=rf"mine: config\.{name}: .* variable X") as caught:
        Specification(SCHEMA).settled("mine", config, resolved)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("value", ["1e999", "-1e999", "9" * 5000, "nan", "inf"])
def test_a_variable_that_is_no_finite_number_is_refused(value: str) -> None:
    config = {"ratio": "${X}"}
    with pytest.raises(DeclarationError, match=r"mine: config\.ratio: .* variable X"):
        Specification(SCHEMA).settled("mine", config, {"ratio": value})


def test_an_example_of_a_long_list_is_short() -> None:
    schema = {"required": ["a"], "properties": {"a": {"type": "array", "minItems": 10**9}}}
    assert Specification(schema).example("mine") == {"a": ["${MINE_A}"] * 10}


def test_a_specification_may_refer_to_itself_many_times() -> None:
    both = {"left": {"$ref": "#/definitions/node"}, "right": {"$ref": "#/definitions/node"}}
    node = {"type": "object", "required": ["left", "right", "id"], "properties": both}
    again: dict[str, Any] = {
        "allOf": [{"$ref": "#/definitions/again"}] * 3 + [{"properties": {"id": {}}}]
    }
    schema = {
        "required": ["tree", "other"],
        "properties": {"tree": both["left"], "other": {"$ref": "#/definitions/again"}},
        "definitions": {"node": node, "again": again},
    }
    found = Specification(json.loads(json.dumps(schema)))
    example = found.example("mine")
    assert example["tree"]["left"]["right"]["id"] == "${MINE_TREE_LEFT_RIGHT_ID}"
    assert example["tree"]["left"]["left"] == {}
    assert found.settled("mine", example, example) == example
    assert found.secrets({"other": {"id": 1}, "tree": example}) == frozenset()


@pytest.mark.parametrize("odd", [True, "a", None, 3, {}])
@pytest.mark.parametrize("word", ["required", "properties"])
def test_a_choice_of_a_specification_counts_where_the_whole_is_odd(word: str, odd: Any) -> None:
    choice = {"required": ["a"], "properties": {"a": {"const": "x"}}}
    assert Specification({word: odd, "oneOf": [choice]}).example("mine") == {"a": "x"}


def test_settings_that_look_alike_get_variables_of_their_own() -> None:
    wanted = ["A", "a", "a b", "a_b", "a_b_2"]
    found = Specification({"type": "object", "required": wanted}).example("mine")
    assert found == {
        **{"A": "${MINE_A}", "a": "${MINE_A_2}", "a b": "${MINE_A_B}", "a_b": "${MINE_A_B_2}"},
        "a_b_2": "${MINE_A_B_2_2}",
    }


def test_a_number_is_the_text_it_was_written_as_where_a_text_is_wanted(tmp_path: Path) -> None:
    config = said(tmp_path, f"account: 0123456\nport: 0123\nother: 1.10\nbig: {BIG}\n")
    found = Specification(SCHEMA).settled("mine", config, config)
    assert dumps(found) == (
        b'{"account": "0123456", "port": 123, "other": 1.1, "big": 12345678901234567890123}'
    )
    endless = said(tmp_path, "port: .inf\n")
    with pytest.raises(DeclarationError, match=r"config\.port: \.inf"):
        Specification(SCHEMA).settled("mine", endless, endless)


def test_a_configuration_remembers_how_numbers_were_written(tmp_path: Path) -> None:
    """The specification is known only after values have been asked for once."""
    config = "account: 0123456\nzip: 01234\nrate: 1.10\nport: 0123\npassword: 0123456\nexp: 1e5\n"
    texts = {name: {"type": "string"} for name in ("account", "zip", "rate", "password", "exp")}
    path = tmp_path / "mine.yml"
    path.write_text(
        "description: x\nowner: x\nconnector: {command: [x]}\nconfig:\n"
        + "".join(f"  {line}\n" for line in config.splitlines())
    )
    configuration = Configuration(declarations.read_file(path), tmp_path, {"port": 7})
    assert configuration.values["account"] == 123456
    configuration.settle(Specification({"properties": texts | {"port": {"type": "integer"}}}))
    assert configuration.values == {
        **{"account": "0123456", "zip": "01234", "rate": "1.10", "port": 7},
        **{"password": "0123456", "exp": "1e5"},
    }
    assert configuration.secrets == frozenset()


def test_what_the_specification_calls_secret_is_one() -> None:
    config = {
        "password": "literal-password",
        "pin": 771234,
        "port": 5432,
        "keys": [{"secret": "first"}, {"secret": "second", "name": "public"}],
        "auth": {"kind": "token", "value": "nested"},
    }
    found = Specification(SCHEMA).secrets(config)
    assert found == {"literal-password", "771234", "first", "second", "nested"}
    other = Specification(SCHEMA).secrets({"auth": {"kind": "number", "value": 5}})
    assert other == frozenset()


def test_a_rotated_token_that_no_variable_holds_is_secret(tmp_path: Path) -> None:
    declaration = Declaration.model_validate(
        {
            "name": "mine",
            "description": "x",
            "owner": "x",
            "connector": {"command": ["x"]},
            "config": {"account": "acme", "refresh": "old-token"},
        }
    )
    configuration = Configuration(declaration, tmp_path, {})
    rotated = {"account": "acme", "refresh": "new-token", "expires": "2026-01-01T00:00:00Z"}
    assert configuration.secrets_in(rotated | {"more": {"x": "brought"}}) == {
        "new-token",
        "brought",
    }
    (tmp_path / "mine.config.json").write_text("{")
    with pytest.raises(DeclarationError, match="Remove it to use the configuration as declared"):
        Configuration(declaration, tmp_path, {})


TELLING = """
import json, sys
command, *more = sys.argv[1:]
if command == "spec":
    print(json.dumps({"type": "SPEC", "spec": {"connectionSpecification": SCHEMA}}))
elif command == "discover":
    print(json.dumps({"type": "CATALOG", "catalog": {"streams": []}}))
elif command == "read":
    print(open(more[more.index("--config") + 1]).read(), file=sys.stderr)
    said = json.dumps({"code": "open-sesame", "file": "7712"})
    error = {"message": "x", "internal_message": said}
    print(json.dumps({"type": "TRACE", "trace": {"type": "ERROR", "error": error}}))
"""


def test_a_sync_gives_types_and_hides_what_is_secret(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "5432")
    script = tmp_path / "telling.py"
    script.write_text(TELLING.replace("SCHEMA", repr(SCHEMA)))
    source.declared = {
        "connector": {"command": [sys.executable, str(script)]},
        "config": {"port": "${PORT}", "password": "open-sesame", "pin": 7712, "account": "acme"},
    }
    result = source.sync()
    assert result.log is not None
    assert '"port":****,"password":"****","pin":****,"account":"acme"' in Path(
        result.log
    ).read_text().replace(" ", "")
    [error] = result.errors
    assert (error.code, error.file) == ("****", "****")
    assert "sesame" not in json.dumps(source.query("select error from _tradehouse.syncs")[:1])
    kept = [path for path in source.home.rglob("*") if path.is_file()]
    assert [path for path in kept if b"open-sesame" in path.read_bytes()] == []


NESTED: dict[str, Any] = {
    "type": "object",
    "title": "Shop: 12:30",
    "required": ["host", "port", "start", "auth", "tables", "mode", "flag", "provider", "plain"],
    "properties": {
        "host": {"type": "string"},
        "port": {"type": "integer", "examples": [5432]},
        "start": {
            "type": "string",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
            "examples": ["2024-01-31"],
        },
        "mode": {"type": "string", "enum": ["NO", "YES"]},
        "flag": {"type": "boolean", "default": False},
        "plain": {"type": "object"},
        "tables": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "auth": {
            "oneOf": [
                {
                    "type": "object",
                    "required": ["method", "key", "inner"],
                    "properties": {
                        "method": {"type": "string", "const": "key"},
                        "key": {"type": "string", "airbyte_secret": True, "examples": ["x"]},
                        "inner": {
                            "anyOf": [
                                {
                                    "type": "object",
                                    "properties": {"kind": {"const": "deep"}},
                                    "required": ["kind"],
                                },
                                {"type": "null"},
                            ]
                        },
                    },
                },
                {
                    "type": "object",
                    "required": ["method"],
                    "properties": {"method": {"const": "no"}},
                },
            ]
        },
        "provider": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"$ref": "#/definitions/name"}},
            "allOf": [
                {"required": ["zone"], "properties": {"zone": {"type": "string", "default": "012"}}}
            ],
        },
    },
    "definitions": {"name": {"type": "string", "default": "${not_a_variable}"}},
}


def test_what_add_writes_is_valid_by_the_specification(tmp_path: Path) -> None:
    message = json.dumps({"type": "SPEC", "spec": {"connectionSpecification": NESTED}})
    script = tmp_path / "source.py"
    script.write_text(f"print({message!r})")
    connector = {"command": [sys.executable, str(script)]}
    directory = tmp_path / "declared"
    inventory.add("shop", connector, tmp_path / "home", owner="0123", directory=directory)
    declaration = declarations.read("shop", directory)
    assert (declaration.description, declaration.owner) == ("Shop: 12:30.", "0123")
    assert declaration.config["auth"] == {
        "method": "key",
        "key": "${SHOP_AUTH_KEY}",
        "inner": {"kind": "deep"},
    }
    variables = {"SHOP_HOST": "db", "SHOP_AUTH_KEY": "k", "SHOP_TABLES": "orders"}
    resolved, _ = resolve(declaration.config, variables)
    settled = Specification(NESTED).settled("shop", declaration.config, resolved)
    jsonschema.validate(settled, NESTED)
    assert settled["provider"] == {"name": "${not_a_variable}", "zone": "012"}


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029", "\ufeff"])
def test_a_key_with_a_rare_end_of_a_line_is_written_as_it_is(tmp_path, end):
    path = tmp_path / "source.yml"
    path.write_text(written.dump({f"a{end} b": f"c{end} d"}), encoding="utf-8")
    assert written.read(path) == {f"a{end} b": f"c{end} d"}
