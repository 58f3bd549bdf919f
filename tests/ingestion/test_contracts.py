"""Contracts: what they may say, what is made of them, and that a column is one entry."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import jsonschema
import open_data_contract_standard
import pytest
import yaml
from typer.testing import CliRunner

from connectors.source_brokerage import streams
from ingestion import declarations
from ingestion.contracts import bronze, generation, model, odcs
from ingestion.contracts.model import Column, Contract
from ingestion.errors import DeclarationError
from tradehouse.cli import parser

MADE_OF = ("contracts", "connectors", "ingestion/sources", "models/bronze", "macros", "seeds")
COLUMN: dict[str, Any] = {"type": "text(3)", "meaning": "A word."}
GOOD: dict[str, Any] = {
    "source": "shop",
    "owner": "us",
    "description": "A shop.",
    "streams": {"sales": {"description": "One row per sale", "columns": {"id": COLUMN}}},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the brokerage's contract makes, to be changed."""
    for folder in MADE_OF:
        shutil.copytree(generation.PROJECT / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize("source", model.names())
def test_what_contracts_make_is_current(source: str) -> None:
    assert generation.outdated(model.read(source)) == []


def test_a_new_column_is_one_entry_and_one_command(project: Path) -> None:
    path = project / "contracts" / "brokerage.yml"
    entry = "      st_rank: {type: integer(2), meaning: Place of the status in lists.}\n"
    above = "      st_name: {type: text(10), required: true, meaning: Name of the status.}\n"
    text = path.read_text()
    assert above in text
    path.write_text(text.replace(above, above + entry))

    changed = generation.write(model.read("brokerage", project / "contracts"), project)

    assert {str(one.relative_to(project)) for one in changed} == {
        "connectors/source_brokerage/streams.json",
        "ingestion/sources/brokerage.yml",
        "macros/contracts/brokerage.sql",
        "models/bronze/brokerage/_brokerage.yml",
        "models/bronze/brokerage/bronze_brokerage__status_type.sql",
        "models/bronze/brokerage/sources.yml",
    }
    found = json.loads((project / "connectors/source_brokerage/streams.json").read_text())
    [stream] = [one for one in found["streams"] if one["name"] == "status_type"]
    assert stream["columns"] == ["st_id", "st_name", "st_rank"]
    declared = declarations.read("brokerage", project / "ingestion/sources")
    assert declared.streams is not None
    file = declared.streams["status_type"].file
    assert file is not None
    assert file.columns == stream["columns"]
    sql = (project / "models/bronze/brokerage/bronze_brokerage__status_type.sql").read_text()
    assert "{{ typed_value('st_rank_text', 'integer:2') }} as st_rank" in sql
    assert "and (st_rank is not null or st_rank_text is null) as is_valid" in sql
    models = yaml.safe_load((project / "models/bronze/brokerage/_brokerage.yml").read_text())
    [described] = [one for one in models["models"] if one["name"].endswith("__status_type")]
    assert described["columns"][4] == {
        "name": "st_rank",
        "description": "Place of the status in lists.",
        "config": {"meta": {"class": "public"}},
    }


def test_what_people_add_beside_stays_and_what_is_no_longer_made_goes(project: Path) -> None:
    folder = project / "models" / "bronze" / "brokerage"
    (folder / "bronze_brokerage__own.sql").write_text("select 1 as one\n")
    declaration = project / "ingestion" / "sources" / "brokerage.yml"
    declaration.write_text(declaration.read_text().replace("36 hours", "12 hours"))
    path = project / "contracts" / "brokerage.yml"
    content = yaml.safe_load(path.read_text())
    del content["streams"]["industry"]
    path.write_text(yaml.safe_dump(content, sort_keys=False))

    generation.write(model.read("brokerage", project / "contracts"), project)

    assert (folder / "bronze_brokerage__own.sql").exists()
    assert not (folder / "bronze_brokerage__industry.sql").exists()
    declared = declarations.read("brokerage", project / "ingestion/sources")
    assert declared.freshness == "12 hours"
    assert "industry" not in (declared.streams or {})


def test_what_was_changed_by_hand_is_named_and_made_again(project: Path) -> None:
    contract = model.read("brokerage", project / "contracts")
    sql = project / "models/bronze/brokerage/bronze_brokerage__trade.sql"
    before = sql.read_text()
    sql.write_text(before.replace("'integer:15'", "'integer:16'"))
    assert generation.outdated(contract, project) == [sql]
    assert generation.write(contract, project) == [sql]
    assert sql.read_text() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "varchar"}, "'varchar' is no type"),
        ({"type": "integer(40)"}, "'integer(40)' is no type"),
        ({"type": "decimal(39,2)"}, "'decimal(39,2)' is no type"),
        ({"type": "decimal(2,8)"}, "'decimal(2,8)' is no type"),
        ({"type": "code(A,,B)"}, "'code(A,,B)' is no type"),
        ({"type": "decimal"}, "'decimal' is no type"),
        ({"type": "date(3)"}, "'date(3)' is no type"),
        ({"type": "code()"}, "'code()' is no type"),
        ({"type": "date", "written": "DD.MM.YYYY"}, "written: a date may be written as YYYYMMDD"),
        (
            {"type": "boolean", "written": "yes/no"},
            "written: a boolean may be written as true/false, 1/0",
        ),
        ({"written": "YYYYMMDD"}, "written: a text is written in one way"),
        ({"earliest": "1800-01-01"}, "earliest: only a date or a timestamp has one"),
        ({"least": 1}, "least and most: only a number has them"),
        ({"type": "integer", "least": 2, "most": 1}, "least: it is more than most"),
        ({"type": "integer", "least": "low"}, "least: Input should be a valid decimal"),
        (
            {"type": "integer(1)", "least": 0, "keeps_empty": True},
            "least and most: what keeps an empty text stays a text",
        ),
        ({"class": "secret"}, "class: Input should be 'public'"),
        ({"meaning": None}, "meaning: Input should be a valid string"),
        ({"requird": True}, "requird: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_column_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    content = json.loads(json.dumps(GOOD))
    content["streams"]["sales"]["columns"]["id"] |= change
    (tmp_path / "shop.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(DeclarationError) as caught:
        model.read("shop", tmp_path)
    [line] = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'shop.yml'}: streams.sales.columns.id")
    assert said in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"file": "Sales.txt"}, "file means nothing where a source delivers records"),
        ({"freshness": {"warn": "1 day", "error": "2 days"}}, "freshness means nothing"),
        ({"columns": {"id": COLUMN | {"at": [1, 2]}}}, "columns.id.at means nothing"),
        ({"columns": {"order": COLUMN}}, "called order, as others or words of SQL are: call it"),
        ({"columns": {"raw_id": COLUMN}}, "a column cannot be called raw_id"),
        ({"key": ["no"]}, "key: there is no column no"),
        ({"uncompressed": ["no"]}, "there is no column no"),
        ({"format": {}}, "say one of delimiter, lines: whole, and xml"),
        ({"bad_share": 2}, "bad_share: Input should be less than or equal to 1"),
    ],
)
def test_a_wrong_stream_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    content = json.loads(json.dumps(GOOD))
    content["streams"]["sales"] |= change
    (tmp_path / "shop.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(DeclarationError, match=r"streams\.sales") as caught:
        model.read("shop", tmp_path)
    assert said in str(caught.value)


def test_a_word_that_means_nothing_where_batches_are_delivered_is_named(tmp_path: Path) -> None:
    for change, said in (
        ({"from": ["a"]}, "columns.id.from means nothing where a source delivers batches"),
        ({"type": "json"}, "no file has a json"),
    ):
        content = json.loads(json.dumps(GOOD)) | {"delivers": "batches"}
        content["streams"]["sales"]["columns"]["id"] |= change
        (tmp_path / "shop.yml").write_text(yaml.safe_dump(content))
        with pytest.raises(DeclarationError, match=said):
            model.read("shop", tmp_path)
    content = json.loads(json.dumps(GOOD))
    content["streams"]["quarantine"] = content["streams"].pop("sales")
    (tmp_path / "shop.yml").write_text(yaml.safe_dump(content))
    with pytest.raises(DeclarationError, match="cannot be called quarantine"):
        model.read("shop", tmp_path)


def test_what_was_made_of_a_contract_that_is_gone_is_found(tmp_path: Path) -> None:
    (tmp_path / "ingestion/sources").mkdir(parents=True)
    (tmp_path / "ingestion/sources/shop.yml").write_text(
        "description: A shop.\nowner: us\nconnector: {command: ['true']}\nstreams: {sales: {}}\n"
    )
    made = generation.write(Contract.model_validate(GOOD), tmp_path)
    (tmp_path / "models/bronze/shop/own.sql").write_text("select 1 as one\n")
    assert len(made) == 5
    assert generation.without_contract(["shop"], tmp_path) == []
    assert generation.without_contract([], tmp_path) == made
    other = json.loads(json.dumps(GOOD))
    other["streams"]["returns"] = other["streams"].pop("sales")
    with pytest.raises(DeclarationError, match="loads no stream returns: add it there"):
        generation.files(Contract.model_validate(other), tmp_path)
    (tmp_path / "ingestion/sources/shop.yml").unlink()
    with pytest.raises(DeclarationError, match="no source 'shop'"):
        generation.files(Contract.model_validate(GOOD), tmp_path)


def test_a_contract_of_records_is_exported_too() -> None:
    columns = {
        name: COLUMN | {"type": name}
        for name in ("number", "timestamptz", "timetz", "json", "time", "integer(38)")
    }
    content = json.loads(json.dumps(GOOD))
    columns["number"] |= {"least": "0.5", "most": 100}
    content["streams"]["sales"]["columns"] = {
        f"c{number}": column for number, column in enumerate(columns.values())
    }
    found = yaml.safe_load(odcs.document(Contract.model_validate(content)).to_yaml())
    schema = Path(open_data_contract_standard.__file__).with_name("schema.json")
    jsonschema.validate(found, json.loads(schema.read_text()))
    [number, *_] = found["schema"][0]["properties"]
    assert number["logicalTypeOptions"] == {"minimum": 0.5, "maximum": 100}


def test_the_range_of_a_delivered_number_is_typed_and_told() -> None:
    column = Column.model_validate(COLUMN | {"type": "integer(6)", "least": 1})
    assert bronze.kind(column) == "integer:6|1.."
    macros = Path(__file__).parents[2] / "macros" / "bronze"
    text = "".join(
        (macros / f"{name}.sql").read_text() for name in ("typed_value", "quarantined_rows")
    )
    environment = jinja2.Environment()
    environment.globals["return"] = lambda value: value
    macro = environment.from_string(text).module
    contract = {"columns": {"t_qty": ["integer:6|1..", True]}}
    said = duckdb.sql(
        f"""select {macro.reason_of_row("trade", contract)}, {macro.detail_of_row(contract)}
        from (select unnest(['1', '0', 'x', '-7', null]) as t_qty, null::varchar as _raw_text)"""
    ).fetchall()
    assert said == [
        (None, None),
        ("out_of_range", 't_qty: out_of_range "0"'),
        ("not_a_number", 't_qty: not_a_number "x"'),
        ("out_of_range", 't_qty: out_of_range "-7"'),
        ("missing_value", "t_qty: missing_value"),
    ]


def test_a_contract_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "shop.yml").write_text(yaml.safe_dump(GOOD))
    with pytest.raises(DeclarationError, match="Known: shop"):
        model.read("bank", tmp_path)
    (tmp_path / "shop.yml").rename(tmp_path / "bank.yml")
    with pytest.raises(DeclarationError, match="source: shop is not what the file is called"):
        model.read("bank", tmp_path)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ({"type": "text(30)"}, "text:30"),
        ({"type": "text"}, "plain"),
        ({"type": "integer(9)"}, "integer:9"),
        ({"type": "integer"}, "plain"),
        ({"type": "integer(1)", "keeps_empty": True}, "xml_integer:1"),
        ({"type": "decimal(8, 2)"}, None),
        ({"type": "decimal(8,2)"}, "decimal:8,2"),
        ({"type": "code(A, B)"}, "code:A/B"),
        ({"type": "date", "earliest": "1800-01-01"}, "date:1800-01-01"),
        ({"type": "date", "written": "YYYYMMDD"}, "compact_date"),
        ({"type": "timestamp", "written": "YYYYMMDD-HHMMSS"}, "compact_timestamp"),
        ({"type": "boolean", "written": "1/0"}, "bit"),
    ],
)
def test_every_type_is_one_of_the_macro_s(column: dict[str, Any], kind: str | None) -> None:
    if kind is None:
        with pytest.raises(ValueError, match="is no type"):
            Column.model_validate(COLUMN | column)
    else:
        assert bronze.kind(Column.model_validate(COLUMN | column)) == kind


def test_the_connector_offers_what_the_contract_says() -> None:
    contract = model.read("brokerage")
    assert [one.name for one in streams.STREAMS] == list(contract.streams)
    for one in streams.STREAMS:
        assert list(one.columns) == list(contract.streams[one.name].columns)
    assert {"action_number", "account_number"} == streams.INTEGER_COLUMNS


def test_an_export_is_a_document_of_the_standard() -> None:
    done = CliRunner().invoke(parser.app, ["contracts", "export", "brokerage"])
    assert done.exit_code == 0, done.output
    found = yaml.safe_load(done.output)
    schema = Path(open_data_contract_standard.__file__).with_name("schema.json")
    jsonschema.validate(found, json.loads(schema.read_text()))
    tables = {table["name"]: table for table in found["schema"]}
    assert len(tables) == 23
    columns = {one["name"]: one for one in tables["customer"]["properties"]}
    assert columns["c_tax_id"] == {
        "name": "c_tax_id",
        "physicalType": "text(20)",
        "description": columns["c_tax_id"]["description"],
        "logicalType": "string",
        "required": True,
        "classification": "sensitive",
    }
    symbol = next(one for one in tables["finwire_sec"]["properties"] if one["name"] == "symbol")
    assert (symbol["primaryKey"], symbol["primaryKeyPosition"]) == (True, 1)
    assert odcs.document(model.read("brokerage")).apiVersion == "v3.1.0"
