"""A release of a few rows with metrics of its own, made by hand, and a home that publishes it."""

import json

import duckdb
import pytest

from exposition.metrics.answers import Metrics
from tradehouse.home import files
from tradehouse.home.paths import Home
from tradehouse.publish import releases

ROWS = """
create schema gold;
create table gold.days as select unnest(range(date '2017-01-01', date '2018-01-01', interval 1 day))
    ::date as day;
create table gold.sales (sale integer, day date, branch varchar, is_cash boolean, size integer,
    due date, seller varchar, amount decimal(18, 2));
insert into gold.sales values
    (1, '2017-01-30', 'North', true, 1, '2017-02-01', 'Ann', 10.10),
    (2, '2017-01-31', 'North', false, 2, '2017-02-02', 'Bob', 20.20),
    (3, '2017-02-01', 'O''Neil; "{{ x }}"', true, 3, '2017-03-01', 'Ann', 0.07),
    (4, '2017-02-02', null, true, 1, null, 'Cid', 5.00),
    (5, null, 'North', true, 1, null, 'Cid', 1000.00);
create table gold.stock (day date, item varchar, pieces integer);
insert into gold.stock values
    ('2017-01-31', 'a', 1), ('2017-01-31', 'b', 10), ('2017-02-01', 'a', 2),
    ('2017-02-01', 'b', 20), ('2017-02-02', 'a', 3);
"""


def _model(table, entity, measures, dimensions):
    day = {
        "name": "day",
        "type": "time",
        "is_partition": False,
        "type_params": {"time_granularity": "day"},
    }
    return {
        "name": table,
        "defaults": {"agg_time_dimension": "day"},
        "node_relation": {
            "alias": table,
            "schema_name": "gold",
            "relation_name": f'"gold"."{table}"',
        },
        "primary_entity": entity,
        "entities": [],
        "measures": measures,
        "dimensions": [
            day,
            *(
                {
                    "name": name,
                    "description": f"What the {name} is.",
                    "type": "categorical",
                    "is_partition": False,
                    "config": {"meta": {"type": type_, "class": of_class}},
                }
                for name, (type_, of_class) in dimensions.items()
            ),
        ],
    }


def _metric(name, dimensions=None, of_class="internal", **definition):
    meta = {"unit": "USD", "grain": "sale", "owner": "Sales", "class": of_class}
    return {
        "name": name,
        "label": name.title(),
        "description": f"What {name} says.",
        "config": {"meta": {} if dimensions is None else {**meta, "dimensions": dimensions}},
        **definition,
    }


def _simple(measure):
    used = {"name": measure, "join_to_timespine": False, "fill_nulls_with": 0}
    return {
        "type": "simple",
        "type_params": {"measure": used, "metrics": [], "input_measures": [used]},
    }


OF_SALES = ["sale__branch", "sale__is_cash", "sale__size", "sale__due", "sale__seller"]
MANIFEST = {
    "semantic_models": [
        _model(
            "sales",
            "sale",
            [
                {"name": "amount", "agg": "sum", "expr": "amount"},
                {"name": "count", "agg": "count", "expr": "sale"},
            ],
            {
                "branch": ("text", "internal"),
                "is_cash": ("boolean", "internal"),
                "size": ("number", "public"),
                "due": ("date", "internal"),
                "seller": ("text", "personal"),
            },
        ),
        _model(
            "stock",
            "stock",
            [
                {
                    "name": "pieces",
                    "agg": "sum",
                    "expr": "pieces",
                    "non_additive_dimension": {"name": "day", "window_choice": "max"},
                }
            ],
            {"item": ("text", "public")},
        ),
    ],
    "metrics": [
        _metric("revenue", OF_SALES, **_simple("amount")),
        _metric("sales", OF_SALES, **_simple("count")),
        _metric("salaries", OF_SALES, "sensitive", **_simple("amount")),
        _metric("pieces", ["stock__item"], **_simple("pieces")),
        _metric("hidden", **_simple("count")),
        _metric(
            "pieces_per_sale",
            [],
            type="derived",
            type_params={
                "expr": "pieces / nullif(hidden, 0)",
                "metrics": [{"name": "pieces"}, {"name": "hidden"}],
                "input_measures": [],
            },
        ),
    ],
    "project_configuration": {
        "time_spine_table_configurations": [],
        "time_spines": [
            {
                "node_relation": {
                    "alias": "days",
                    "schema_name": "gold",
                    "relation_name": '"gold"."days"',
                },
                "primary_column": {"name": "day", "time_granularity": "day"},
                "custom_granularities": [],
            }
        ],
    },
    "saved_queries": [],
}


def publish(home, release_id, manifest):
    """Make a release of the rows above, with what defines its metrics, and publish it."""
    folder = home / "releases" / release_id
    folder.mkdir(parents=True)
    with duckdb.connect(str(folder / releases.DATABASE)) as connection:
        connection.execute(ROWS)
    size = (folder / releases.DATABASE).stat().st_size
    release = {
        "id": release_id,
        "created_at": "2017-02-03T00:00:00+00:00",
        "build_id": "one",
        "batches": [{"batch": 1, "is_accepted": True, "batch_date": "2017-02-02"}],
        "rows": {},
        "bytes": size,
        "tests": {},
        "project_digest": None,
        "tradehouse_version": "0",
        "docs": None,
    }
    files.write(folder / releases.MANIFEST, releases.Release, release)
    if manifest is not None:
        (folder / releases.SEMANTICS).write_text(json.dumps(manifest))
    with releases.pointing(Home(home)):
        releases.move_pointer(Home(home), release_id)
    return folder


@pytest.fixture(scope="session")
def release(tmp_path_factory):
    home = tmp_path_factory.mktemp("metrics") / "home"
    return publish(home, "20170203T000000.000Z", MANIFEST)


@pytest.fixture(scope="session")
def metrics(release):
    found = Metrics(release)
    yield found
    found.close()
