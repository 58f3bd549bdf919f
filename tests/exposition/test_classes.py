"""Classes of gold's columns: every one has one, and names of personal data are not shown to all.

That a column is as personal as what it is made from: `tests/tradehouse/test_lineage.py`.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import yaml

from tradehouse.dbt import graph

PROJECT = Path(__file__).resolve().parents[2]
CLASSES = {"public", "internal", "personal", "sensitive"}
SENSITIVE = re.compile(r"tax_id|income|net_worth|credit_rating|marital_status|marketing_nameplate")
PERSONAL = re.compile(
    r"(first|last|middle)_name|middle_initial|(^|_)(dob|birth|gender|age|phone|email|employer)\d?$"
    r"|address|postal_code|^city|^state(_prov)?$|^country|executed_by|account_desc"
)
COMPANIES = {"dim_company"}
"""Whose address is nobody's home."""


def models():
    for path in sorted(PROJECT.glob("models/gold/*/*.yml")):
        yield from yaml.safe_load(path.read_text()).get("models", [])


def class_of(model, column):
    own = column.get("config", {}).get("meta", {}).get("class")
    return own or model.get("config", {}).get("meta", {}).get("class")


def columns():
    return {
        (model["name"], column["name"]): class_of(model, column)
        for model in models()
        for column in model["columns"]
    }


def test_every_column_of_gold_has_a_class():
    assert {name: kept for name, kept in columns().items() if kept not in CLASSES} == {}


def test_what_is_named_as_personal_data_is():
    found = columns()
    wrong = [
        name
        for name, kept in found.items()
        if name[0] not in COMPANIES
        if (SENSITIVE.search(name[1]) and kept != "sensitive")
        or (PERSONAL.search(name[1]) and kept not in ("personal", "sensitive"))
    ]
    assert wrong == []
    assert found["dim_customer", "email1"] == "personal"
    assert found["prospect", "income"] == "sensitive"
    assert found["di_messages", "message_data"] == "personal"


def node(alias, meta, constraints=(), /, **columns):
    config = SimpleNamespace(meta=meta)
    described = {
        one: SimpleNamespace(config=SimpleNamespace(meta=kept)) for one, kept in columns.items()
    }
    return SimpleNamespace(
        alias=alias,
        schema="gold",
        resource_type="model",
        config=config,
        columns=described,
        constraints=constraints,
    )


def test_a_column_has_its_own_class_that_of_its_model_or_none():
    key = SimpleNamespace(type="primary_key", columns=["Id"])
    manifest = SimpleNamespace(
        nodes={
            "a": node("A", {"class": "internal"}, [key], Id={}, name={"class": "personal"}),
            "b": node("b", {}, id={}, name={"class": "public"}),
        }
    )
    found = graph.tables_of(manifest)
    assert found["a"].classes == {"id": "internal", "name": "personal"}
    assert found["a"].key == ["id"]
    assert found["b"].classes == {"name": "public"}
    assert found["b"].key == []
