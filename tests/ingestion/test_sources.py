"""Declarations, the inventory of sources, and dbt's files for a source."""

import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from ingestion import declarations, inventory, scaffold, sync
from ingestion.declarations import Declaration, FileFormat, Stream
from ingestion.errors import ConnectorError, DeclarationError
from ingestion.variables import resolve
from tests.ingestion.conftest import HERE, Source, record, status, stream
from tradehouse.home.files import replacing

PROJECT = HERE.parent.parent
GOOD: dict[str, Any] = {
    "description": "d",
    "owner": "o",
    "connector": {"command": ["x"]},
}


def declare(directory: Path, content: dict[str, Any] | str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / "mine.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def test_the_shipped_declarations_are_valid() -> None:
    found = {each.name: each for each in declarations.read_all()}
    assert found["brokerage"].enabled
    assert not found["faker"].enabled


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"owner": None}, "owner: Input should be a valid string"),
        ({"name": "other"}, "name: 'other' is not what the file is called"),
        ({"conector": {}}, "conector: Extra inputs are not permitted"),
        ({"connector": {"package": "p"}}, "connector.version: Field required"),
        (
            {"connector": {"command": "python x.py"}},
            "connector.command: Input should be a valid list",
        ),
        (
            {"connector": {"image": "x"}},
            "connector: say which one: package and version, module, manifest, or command",
        ),
        ({"schedule": "daily"}, "schedule: 'daily' is no schedule"),
        ({"schedule": "0 3 * * *", "provenance": True}, "top level: schedule: a source that"),
        ({"freshness": "soon"}, 'freshness: expected a duration such as "36 hours"'),
        ({"freshness": "0 hours"}, "freshness: nothing is that fresh"),
        ({"streams": {"a": {"sync_mode": "append"}}}, "streams.a.sync_mode: Input should be"),
        (
            {"streams": {"a": {"file": {"delimiter": "||", "columns": ["x"]}}}},
            "streams.a.file.delimiter: String should have at most 1 character",
        ),
        (
            {"streams": {"a": {"file": {"delimiter": None, "columns": ["x", "y"]}}}},
            "streams.a.file: a file without delimiter has exactly one column",
        ),
        (
            {"streams": {"a": {"file": {"delimiter": "|", "columns": ["x", "x"]}}}},
            "streams.a.file: columns listed twice: x",
        ),
        (
            {
                "streams": {
                    "a": {"file": {"delimiter": "|", "columns": ["x"], "uncompressed": ["y"]}}
                }
            },
            "streams.a.file: uncompressed names no columns of the file: y",
        ),
        ({"streams": {"a": {"key": [[]]}}}, "streams.a.key.0: List should have at least 1 item"),
        ({"limits": {"silence_seconds": 0}}, "limits.silence_seconds: Input should be greater"),
        ({"limits": {"stop_seconds": float("inf")}}, "limits.stop_seconds: Input should be less"),
    ],
)
def test_a_wrong_declaration_names_file_and_key(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    path = declare(tmp_path, GOOD | change)
    with pytest.raises(DeclarationError) as caught:
        declarations.read("mine", tmp_path)
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"{path}: {said}")


def test_a_declaration_under_another_ending_is_named(tmp_path: Path) -> None:
    declare(tmp_path, GOOD).rename(tmp_path / "mine.yaml")
    found, faults = declarations.read_each(tmp_path)
    assert found == []
    assert faults == {
        "mine.yaml": f"{tmp_path / 'mine.yaml'} is not read: a declaration's name ends with .yml."
    }


def test_a_declaration_that_is_being_written_is_not_there_yet(tmp_path: Path) -> None:
    with replacing(declare(tmp_path, GOOD).with_name("other.yml")) as begun:
        begun.write_text("half: ")
        assert [one.name for one in declarations.read_all(tmp_path)] == ["mine"]


@pytest.mark.parametrize("text", ["a: [", "- a\n- b\n", ""])
def test_a_file_that_is_no_declaration(tmp_path: Path, text: str) -> None:
    path = declare(tmp_path, text)
    with pytest.raises(DeclarationError, match=str(path)):
        declarations.read("mine", tmp_path)


def test_an_unknown_source_names_the_known_ones(tmp_path: Path) -> None:
    declare(tmp_path, GOOD)
    with pytest.raises(DeclarationError, match=r"no source 'yours'.*Known: mine\."):
        declarations.read("yours", tmp_path)
    (tmp_path / "folder.yml").mkdir()
    for name in ("folder", f"../{tmp_path.name}/mine"):
        with pytest.raises(DeclarationError, match=r"no source .*Known: mine\."):
            declarations.read(name, tmp_path)


def test_freshness_and_keys_in_short() -> None:
    assert Declaration.model_validate(
        GOOD | {"name": "a", "freshness": "2 days"}
    ).freshness_limit() == timedelta(days=2)
    assert Stream.model_validate({"key": "id"}).key == [["id"]]
    assert Stream.model_validate({"key": ["a", ["b", "c"]]}).key == [["a"], ["b", "c"]]
    assert Stream.model_validate({"cursor": "at"}).cursor == ["at"]


def test_columns_of_a_layout() -> None:
    form = FileFormat(
        delimiter="|", columns=["x"], leading_columns={"daily": ["flag"], "late": ["flag", "no"]}
    )
    assert form.table_columns() == ["flag", "no", "x"]
    assert form.layout_columns("daily") == ["flag", "x"]
    assert form.layout_columns(None) == ["x"]


def test_variables_are_replaced_anywhere_and_named_when_missing() -> None:
    config = {"a": "${X}", "b": ["http://${HOST:-localhost}/${X}"], "c": 5, "d": "${EMPTY:-}"}
    resolved, secrets = resolve(config, {"X": "x1"})
    assert resolved == {"a": "x1", "b": ["http://localhost/x1"], "c": 5, "d": ""}
    assert secrets == {"x1"}
    with pytest.raises(DeclarationError, match="variable X, which is not set"):
        resolve(config, {})


def test_the_list_says_what_is_late(source: Source, tmp_path: Path) -> None:
    directory = tmp_path / "declared"
    content = source.declaration().model_dump(mode="json", exclude_unset=True, exclude={"name"})
    declare(directory, content | {"freshness": "1 hour"}).rename(directory / "played.yml")
    [before] = inventory.list_sources(source.home, directory)
    assert (before.name, before.owner, before.succeeded_at, before.is_late) == (
        "played",
        "tests",
        None,
        True,
    )
    source.plays([record("a", {"n": 1}), status("a")], streams=[stream("a", n="integer")])
    source.sync()
    [after] = inventory.list_sources(source.home, directory)
    assert after.is_late is False
    assert after.succeeded_at is not None


def test_one_broken_declaration_hides_no_other(tmp_path: Path) -> None:
    directory = tmp_path / "declared"
    declare(directory, GOOD | {"freshness": "1 hour", "enabled": False})
    (directory / "broken.yml").write_text("description: [")
    [listed] = inventory.list_sources(tmp_path / "home", directory)
    assert (listed.name, listed.is_late) == ("mine", None)
    [fault] = inventory.list_faults(directory)
    assert "broken.yml" in fault


def test_check_and_discover(source: Source) -> None:
    source.plays([], streams=[stream("Users", Id="integer", at="string") | {"namespace": "x"}])
    source.declared["streams"] = {"Users": {"sync_mode": "full_refresh_append", "key": "Id"}}
    assert inventory.check(source.declaration(), source.home) == (True, "")
    [offered] = inventory.discover(source.declaration(), source.home)
    assert offered.table == '"played"."Users"'
    assert offered.columns == {"Id": "BIGINT", "at": "VARCHAR"}
    assert (offered.sync_mode, offered.key) == ("full_refresh_append", (("Id",),))
    assert list(source.paths.tmp.iterdir()) == []


def test_a_check_that_fails_says_what_the_connector_says(source: Source) -> None:
    failed = {"status": "FAILED", "message": "wrong password"}
    message = json.dumps({"type": "CONNECTION_STATUS", "connectionStatus": failed})
    source.declared["connector"] = {"command": [sys.executable, "-c", f"print('''{message}''')"]}
    assert inventory.check(source.declaration(), source.home) == (False, "wrong password")


def test_add_writes_a_declaration_from_the_specification(tmp_path: Path) -> None:
    spec = {
        "title": "Shop",
        "required": ["host", "credentials", "mode", "provider"],
        "properties": {
            "host": {"type": "string"},
            "credentials": {
                "type": "object",
                "required": ["api-key"],
                "properties": {"api-key": {"type": "string", "airbyte_secret": True}},
            },
            "mode": {"type": "string", "default": "fast"},
            "optional": {"type": "integer"},
            "provider": {
                "oneOf": [
                    {
                        "required": ["storage", "bucket"],
                        "properties": {
                            "storage": {"const": "S3"},
                            "bucket": {"type": "string"},
                            "region": {"type": "string"},
                        },
                    },
                    {"required": ["storage"], "properties": {"storage": {"const": "local"}}},
                ]
            },
        },
    }
    message = json.dumps({"type": "SPEC", "spec": {"connectionSpecification": spec}})
    connector = {"command": [sys.executable, "-c", f"print('''{message}''')"]}
    directory = tmp_path / "declared"
    path = inventory.add("shop", connector, tmp_path / "home", owner="me", directory=directory)
    written = declarations.read("shop", directory)
    assert path == directory / "shop.yml"
    assert written.config == {
        "host": "${SHOP_HOST}",
        "credentials": {"api-key": "${SHOP_CREDENTIALS_API_KEY}"},
        "mode": "fast",
        "provider": {"storage": "S3", "bucket": "${SHOP_PROVIDER_BUCKET}"},
    }
    assert (written.description, written.owner, written.enabled) == ("Shop.", "me", False)
    with pytest.raises(DeclarationError, match="exists already"):
        inventory.add("shop", connector, tmp_path / "home", owner="me", directory=directory)


def test_add_with_a_connector_that_does_not_answer_writes_nothing(tmp_path: Path) -> None:
    connector = {"command": [sys.executable, "-c", "pass"]}
    with pytest.raises(ConnectorError, match="spec gave no answer"):
        inventory.add("shop", connector, tmp_path, owner="me", directory=tmp_path / "declared")
    assert not (tmp_path / "declared").exists()


STREAMS = [
    stream(
        "Orders",
        Id={"type": "integer", "description": "Number of the order"},
        order={"type": "string"},
        updatedAt={"type": "string", "format": "date-time"},
    )
    | {"source_defined_primary_key": [["Id"]], "default_cursor_field": ["updatedAt"]},
    stream("events", kind="string"),
    stream("totals", total="number"),
]
LINES = [
    record("Orders", {"Id": 1, "order": "a", "updatedAt": "2026-01-01T00:00:00Z"}),
    record("Orders", {"Id": 1, "order": "b", "updatedAt": "2026-01-02T00:00:00Z"}),
    record("Orders", {"Id": 2, "order": "c", "updatedAt": "2026-01-01T00:00:00Z"}),
    record("events", {"kind": "x"}),
    record("totals", {"total": 1.5}),
    *(status(name) for name in ("Orders", "events", "totals")),
]


@pytest.fixture
def played(source: Source) -> Source:
    source.declared |= {
        "freshness": "2 days",
        "streams": {"Orders": {}, "events": {}, "totals": {"sync_mode": "full_refresh_append"}},
    }
    source.plays(LINES, streams=STREAMS)
    return source


def scaffolded(source: Source, project: Path) -> list[Path]:
    tables = inventory.discover_tables(source.declaration(), source.home)
    return scaffold.scaffold(source.declaration(), tables, project)


def test_scaffold_writes_models_in_the_house_style(played: Source, tmp_path: Path) -> None:
    written = scaffolded(played, tmp_path)
    folder = tmp_path / "models" / "bronze" / "played"
    assert sorted(path.name for path in written) == [
        "_played.yml",
        "assert_played_rows_are_conserved.sql",
        "bronze_played__events.sql",
        "bronze_played__orders.sql",
        "bronze_played__quarantine.sql",
        "bronze_played__totals.sql",
        "played.yml",
        "sources.yml",
    ]
    assert (folder / "bronze_played__orders.sql").read_text() == ORDERS
    described = yaml.safe_load((folder / "_played.yml").read_text())["models"]
    assert described[0]["description"] == (
        "One row per Orders by id. What breaks the contract of the stream stands in "
        "`bronze_played__quarantine`."
    )
    assert described[0]["columns"][0]["description"] == "Number of the order. Source: Orders.Id."
    contract = (tmp_path / "contracts" / "played.yml").read_text()
    assert contract.endswith(CONTRACT)
    [source] = yaml.safe_load((folder / "sources.yml").read_text())["sources"]
    assert source["config"]["freshness"] == {"warn_after": {"count": 48, "period": "hour"}}
    with pytest.raises(DeclarationError, match="exist already and are not overwritten"):
        scaffolded(played, tmp_path)


CONTRACT = """
streams:
  orders:
    description: One row per Orders by id
    stream: Orders
    key: [id]
    cursor: [updatedAt]
    columns:
      id: {type: integer, from: Id, meaning: 'Number of the order. Source: Orders.Id.'}
      order_: {type: text, from: order, meaning: 'order as delivered. Source: Orders.order.'}
      updated_at: {type: timestamptz, from: updatedAt, meaning: 'updatedAt as delivered. Source: Orders.updatedAt.'}
  events:
    description: One row per record of events
    columns:
      kind: {type: text, meaning: 'kind as delivered. Source: events.kind.'}
  totals:
    description: One row per record of totals
    columns:
      total: {type: number, meaning: 'total as delivered. Source: totals.total.'}
"""  # noqa: E501
ORDERS = r"""{#- Made from contracts/played.yml by `tradehouse contracts generate`: change it there. #}
{{ config(materialized = 'table') }}

{% call or_as_it_was('played') %}
with source_orders as (

    select
        "Id",
        "order",
        "updatedAt",
        _airbyte_extracted_at,
        _airbyte_meta,
        _airbyte_generation_id,
        _airbyte_raw_id,
        _load,
        row_number() over () as arrival_number
    from {{ source('played', 'Orders') }}
    where
        {{ keeps_contract('Id', 'loaded:bigint') }}
        and {{ keeps_contract('updatedAt', 'loaded:timestamptz') }}

),

compared as (

    select
        *,
        {{ record_value('Id', 'loaded:bigint') }} as key_1,
        {{ record_value('updatedAt', 'loaded:timestamptz') }} as cursor_1,
        nullif(rtrim(regexp_extract({{ delivered('updatedAt') }}, '[.,]\d\d\d\d\d\d(\d+)', 1), '0'), '') as cursor_2,
        ({{ record_value('updatedAt', 'loaded:timestamptz') }}) is null and {{ delivered('updatedAt') }} <> '' as is_odd_cursor
    from source_orders

),

judged as (

    select
        *,
        bool_or(is_odd_cursor) over (partition by key_1) as is_by_arrival
    from compared

),

chosen as (

    select *
    from judged
    qualify
        row_number() over (
            partition by key_1
            order by
                case when not is_by_arrival then cursor_1 end desc nulls last,
                case when not is_by_arrival then cursor_2 end desc nulls last,
                arrival_number desc
        ) = 1
        or key_1 is null

),

final as (

    select
        {{ record_value('Id', 'loaded:bigint') }} as id,
        {{ record_value('order', 'plain') }} as order_,
        {{ record_value('updatedAt', 'loaded:timestamptz') }} as updated_at,
        _airbyte_raw_id as raw_id,
        _airbyte_extracted_at as extracted_at,
        coalesce(_load, 0) as _load
    from chosen

)

select * from final
{% endcall %}
"""  # noqa: E501


def test_no_secret_goes_into_the_project(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYED_TOKEN", "p@ss/W0rd+1")
    source.declared["config"] = {"password": "${PLAYED_TOKEN}"}
    told = {"type": "string", "description": "from https://u:p%40ss%2FW0rd%2B1@h/"}
    source.plays([], streams=[stream("a", n=told, m="integer")])
    tables = inventory.project_tables(source.declaration(), source.home)
    written = scaffold.scaffold(source.declaration(), tables, tmp_path)
    text = "".join(path.read_text() for path in written)
    assert "W0rd" not in text
    assert "from https://u:****@h/" in text
    for streams in ([stream("a p@ss/W0rd+1")], [stream("a", **{"p@ss/W0rd+1": "string"})]):
        source.plays([], streams=streams)
        with pytest.raises(DeclarationError, match=r"the name (a )?\*\*\*\* of a stream") as raised:
            inventory.project_tables(source.declaration(), source.home)
        assert "W0rd" not in str(raised.value)
    only = stream("a p@ss/W0rd+1") | {"supported_sync_modes": ["p@ss/W0rd+1"]}
    source.declared["streams"] = {"a p@ss/W0rd+1": {}}
    source.plays([], streams=[only])
    with pytest.raises(DeclarationError, match="supports only") as raised:
        inventory.discover(source.declaration(), source.home)
    assert "W0rd" not in str(raised.value)


@pytest.mark.slow
def test_scaffolded_models_build_and_pass_their_tests(played: Source, tmp_path: Path) -> None:
    result = sync(played.declaration(), played.home)
    assert result.status == "succeeded", result.errors
    project = tmp_path / "project"
    project.mkdir()
    for name in ("models", "macros", "seeds", "tests/data", "tradehouse"):
        shutil.copytree(PROJECT / name, project / name)
    for name in ("dbt_project.yml", "profiles.yml", ".sqlfluff", "pyproject.toml"):
        shutil.copy(PROJECT / name, project / name)
    scaffolded(played, project)
    environment = os.environ | {
        "TRADEHOUSE_HOME": str(played.home),
        "PYTHONPATH": str(project),
        "DBT_PROFILES_DIR": str(project),
    }
    build = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build"]
    done = subprocess.run(
        [*build, "--target", "main", "--select", "path:models/bronze/played"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

    with duckdb.connect(str(played.home / "warehouse.duckdb"), read_only=True) as connection:
        orders = connection.execute(
            "select id, order_ from bronze.bronze_played__orders order by id"
        ).fetchall()
    assert orders == [(1, "b"), (2, "c")]
    files = [str(path) for path in (project / "models/bronze/played").glob("*.sql")]
    lint = [sys.executable, "-m", "sqlfluff", "lint", *files]
    linted = subprocess.run(lint, cwd=project, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout
