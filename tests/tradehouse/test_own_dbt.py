"""The analyst's loop: dbt by hand works on a selection at once, and never harms what was built."""

import json
import shutil
import signal
import subprocess
import sys

import duckdb
import pytest

from tests.tradehouse.support import PROJECT, command, copy_project, deliver, gold
from tests.tradehouse.test_dbt_by_hand import dbt

pytestmark = [pytest.mark.xdist_group("run"), pytest.mark.slow]


def held(path, query):
    with duckdb.connect(path, read_only=True) as connection:
        return connection.execute(query).fetchall()


def comments(home):
    query = "select table_name, comment from duckdb_tables() where comment is not null"
    return dict(held(home / "dev.duckdb", query))


def counts(path):
    with duckdb.connect(path, read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() order by all"
        ).fetchall()
        return {
            table: connection.execute(f"select count(*), sum(hash(x)) from {table} as x").fetchone()
            for (table,) in tables
        }


def test_a_selection_is_built_tested_and_shown_at_once(published, tmp_path):
    warehouse, target = published / "warehouse.duckdb", tmp_path / "target"
    before = warehouse.read_bytes()

    built = dbt(published, target, "build", "--select", "mart_customers+")
    assert built.returncode == 0, built.stdout[-3000:]
    assert "copied from warehouse.duckdb" in built.stdout
    copied = comments(published)
    assert {"mart_position_periods", "silver_prices"} <= copied.keys()
    assert "mart_customers" not in copied

    shown = dbt(published, target, "show", "--select", "fact_cash_balances", "--limit", "3")
    assert shown.returncode == 0, shown.stdout[-3000:]
    assert "sk_customer_id" in shown.stdout
    unit = dbt(published, target, "test", "--select", "mart_security_performance")
    assert unit.returncode == 0, unit.stdout[-3000:]

    query = "select * from {}.gold.mart_customers order by all"
    with duckdb.connect() as connection:
        for name in ("dev", "warehouse"):
            connection.execute(f"attach '{published / name}.duckdb' as {name} (read_only)")
        mine = connection.execute(query.format("dev")).fetchall()
        assert mine
        assert mine == connection.execute(query.format("warehouse")).fetchall()
    assert warehouse.read_bytes() == before
    constraints = "select distinct constraint_type from duckdb_constraints() where table_name like"
    # Keys are declared and tested; made, each would be an index.
    assert held(published / "dev.duckdb", f"{constraints} 'mart_%'") == [("NOT NULL",)]


@pytest.mark.parametrize(
    ("kept", "broken", "said"),
    [
        ("decimal(18,2)", "decimal(17,2)", "data type mismatch"),
        ("tier, data_type: integer,", "tier, data_type: integer, constraints: *given,", "NOT NULL"),
        ("name: tier,", "name: level,", "missing in definition"),
    ],
)
def test_a_model_that_breaks_its_contract_is_not_built(published, tmp_path, kept, broken, said):
    project = copy_project(tmp_path / "project")
    path = project / "models" / "gold" / "marts" / "_marts.yml"
    before, mart = path.read_text().split("  - name: mart_customers\n")
    assert kept in mart
    path.write_text(f"{before}  - name: mart_customers\n{mart.replace(kept, broken, 1)}")

    done = command(published, "run", project=project)

    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    columns = "select column_name from duckdb_columns() where table_name = 'mart_customers'"
    assert ("tier",) in gold(published, columns)


def test_what_the_developer_built_is_his(published, tmp_path):
    target = tmp_path / "target"
    assert dbt(published, target, "run", "--select", "silver_watches").returncode == 0
    with duckdb.connect(published / "dev.duckdb") as connection:
        connection.execute("delete from silver.silver_watches")

    again = dbt(published, target, "run", "--select", "mart_customers")

    assert again.returncode == 0, again.stdout[-3000:]
    assert held(published / "dev.duckdb", "select count(*) from silver.silver_watches") == [(0,)]
    with duckdb.connect(published / "warehouse.duckdb") as connection:
        connection.execute("delete from silver.silver_cash_balances")
    renewed = dbt(published, target, "run", "--select", "mart_customers")
    assert renewed.returncode == 0, renewed.stdout[-3000:]
    assert held(published / "dev.duckdb", "select count(*) from silver.silver_cash_balances") == [
        (0,)
    ]
    assert held(published / "dev.duckdb", "select count(*) from silver.silver_watches") == [(0,)]


def test_who_has_the_warehouse_is_named(published, tmp_path):
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time; from pathlib import Path; from tradehouse.home import locks;"
            "from tradehouse.home.paths import Home\n"
            "with locks.writing(Home(Path(sys.argv[1])), command='tradehouse run'):\n"
            "    print('held', flush=True); time.sleep(600)",
            str(published),
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
    )
    holder.stdout.readline()

    refused = dbt(published, tmp_path / "target", "run", "--select", "mart_customers")

    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert refused.returncode != 0
    assert f"`tradehouse run` (process {holder.pid}" in refused.stdout
    assert "mart_position_periods" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr


@pytest.mark.parametrize("file", ["dev", "main"])
def test_empty_adds_nothing_and_removes_nothing(published, tmp_path, file):
    path = published / {"dev": "dev.duckdb", "main": "warehouse.duckdb"}[file]
    if file == "dev":
        shutil.copy(published / "warehouse.duckdb", path)
        with duckdb.connect() as connection:
            connection.execute(f"attach '{path}' as warehouse")
            views = connection.execute(
                "select schema_name, view_name from duckdb_views() where not internal"
                " and database_name = 'warehouse'"
            ).fetchall()
            for schema, name in views:
                connection.execute(f"drop view warehouse.{schema}.{name}")
    before = counts(path)
    with duckdb.connect(path) as connection:
        connection.execute("drop table gold.mart_broker_monthly_trading")

    for arguments in (["build"], ["compile"]):
        done = dbt(published, tmp_path / "target", *arguments, "--empty", "--target", file)
        assert done.returncode == 0, done.stdout[-3000:]

    after = counts(path)
    assert after.pop("gold.mart_broker_monthly_trading") == (0, None)
    rows = before.pop("gold.mart_broker_monthly_trading")
    assert after == before
    assert rows[0] > 0
    built = dbt(
        *(published, tmp_path / "target", "build", "--target", file),
        *("--select", "mart_broker_monthly_trading"),
    )
    assert built.returncode == 0, built.stdout[-3000:]
    assert counts(path)["gold.mart_broker_monthly_trading"] == rows


SNAPSHOT = """\
snapshots:
  - name: silver_tiers_seen
    relation: ref('customer_tiers')
    description: One row per version of a tier.
    config: {schema: silver, unique_key: tier, strategy: check, check_cols: all}
    columns:
      - {name: tier, description: The tier., data_tests: [not_null]}
"""


def test_a_new_snapshot_is_noticed_built_and_tested(published, tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "snapshots").mkdir()
    header = (project / "seeds" / "customer_tiers.csv").read_text().split(",")[0]
    (project / "snapshots" / "tiers.yml").write_text(SNAPSHOT.replace("tier,", f"{header},"))

    done = command(published, "run", project=project)

    assert done.returncode == 0, done.stdout + done.stderr
    rows = held(published / "warehouse.duckdb", "select count(*) from silver.silver_tiers_seen")
    assert rows[0][0] > 0
    log = (published / "state" / "build.json").read_text()
    assert "not_null_silver_tiers_seen" in log


APPENDED = """{{ config(materialized='incremental', incremental_strategy='append',
    contract={'enforced': false}) }}
select count(*) as trades from {{ ref('dim_trade') }}
"""
LOADED = """{{ config(materialized='view', contract={'enforced': false}) }}
select count(*) as batches from {{ source('brokerage', 'batch_date') }}
"""
SNAPSHOT_IN_SQL = """{% snapshot trades_counted %}
{{ config(schema='Gold', unique_key='one', strategy='check', check_cols='all') }}
select 1 as one, count(*) as trades from {{ ref('dim_trade') }}
{% endsnapshot %}
"""


def test_a_teams_own_kinds_of_models_follow_each_day(published, tmp_path):
    """Snapshots, views on sources, dbt's own strategies; the project's own says what it asks."""
    project = copy_project(tmp_path / "project")
    marts = project / "models" / "gold" / "marts"
    (marts / "trades_appended.sql").write_text(APPENDED)
    (marts / "loaded.sql").write_text(LOADED)
    (project / "snapshots").mkdir()
    (project / "snapshots" / "trades_counted.sql").write_text(SNAPSHOT_IN_SQL)
    first = command(published, "run", project=project)
    assert first.returncode == 0, first.stdout + first.stderr
    [[before]] = gold(published, "select count(*) from gold.dim_trade")
    assert gold(published, "from gold.loaded") == [(2,)]

    deliver(published, days=2)
    second = command(published, "run", project=project)

    assert second.returncode == 0, second.stdout + second.stderr
    [[after]] = gold(published, "select count(*) from gold.dim_trade")
    assert after > before
    for table in ("trades_appended", "trades_counted"):
        found = gold(published, f"select trades from gold.{table} order by all")
        assert found == [(before,), (after,)], table
    assert gold(published, "from gold.loaded") == [(3,)]

    (marts / "plain.sql").write_text("select 1 as one")
    refused = command(published, "run", project=project)
    assert refused.returncode == 1
    assert "plain does not ask" in refused.stdout + refused.stderr
    assert "materialized='table'" in refused.stdout + refused.stderr


WINDOWED = """{{{{ config(on_schema_change='{change}', contract={{'enforced': {contract}}}) }}}}
select batch_id, batch_date{more} from {{{{ ref('bronze_brokerage__batch_date') }}}}
where {{{{ in_batch_window() }}}}
"""
DECLARED = """\
models:
  - name: days
    description: One row per batch.
    columns:
      - {name: batch_id, description: The batch., data_type: integer}
      - {name: batch_date, description: Its day., data_type: date, constraints: [{type: not_null}]}
"""
COLUMNS = """
select column_name, data_type, is_nullable from duckdb_columns() where table_name = 'days'
"""


def test_a_model_by_load_honours_contract_and_change_of_columns(published, tmp_path):
    project = copy_project(tmp_path / "project")
    marts, target = project / "models" / "gold" / "marts", tmp_path / "target"
    path = published / "warehouse.duckdb"

    def build(change="fail", more="", contract=False, again="0", succeeds=True):
        text = WINDOWED.format(change=change, more=more, contract=contract)
        (marts / "days.sql").write_text(text)
        done = dbt(
            *(published, target, "run", "--target", "main", "--select", "days"),
            project=project,
            TRADEHOUSE_FROM_BATCH=again,
        )
        assert (done.returncode == 0) == succeeds, done.stdout[-3000:]
        return done.stdout

    wrong = DECLARED.replace("data_type: integer", "data_type: date")
    (marts / "days.yml").write_text(wrong)
    assert "contract" in build(contract=True, succeeds=False)
    (marts / "days.yml").write_text(DECLARED)
    build(contract=True)
    assert held(path, COLUMNS) == [("batch_id", "INTEGER", True), ("batch_date", "DATE", False)]
    [(days,)] = held(path, "select count(*) from gold.days")
    assert days == 2

    said = build(more=", 1 as one", again="2", succeeds=False)
    assert "has other columns than its model" in said
    assert "--full-refresh --select days+" in said
    for change in ("append_new_columns", "fail"):
        said = build(change=change, more=", 1 as one", contract=True, again="2", succeeds=False)
        assert "contract" in said
    build(change="append_new_columns", more=", 1 as one", again="2")
    rows = held(path, "select batch_id, one from gold.days order by all")
    assert rows == [(1, None), (2, 1)]
    build(change="ignore", more=", 1 as one, 2 as two", again="2")
    assert held(path, "select count(one), count(*) from gold.days") == [(1, 2)]
    build(change="sync_all_columns", again="2")
    assert [name for name, _, _ in held(path, COLUMNS)] == ["batch_id", "batch_date"]
    assert held(path, "select count(*) from gold.days") == [(days,)]


def test_an_older_warehouse_that_other_code_made_is_built_anew(published, tmp_path):
    project = copy_project(tmp_path / "project")
    assert command(published, "run", project=project).returncode == 0
    path, kept = published / "warehouse.duckdb", tmp_path / "kept"
    shutil.copy2(path, kept)
    model = project / "models" / "silver" / "party" / "silver_brokers.sql"
    model.write_text(model.read_text().replace("    office", "    'New ' || office as office", 1))
    query = "select count(*) filter (office like 'New %'), count(office) from gold.dim_broker"
    changed = command(published, "run", project=project)
    assert changed.returncode == 0, changed.stdout + changed.stderr
    [(new, every)] = gold(published, query)
    assert new == every > 0

    shutil.copy2(kept, path)
    done = command(published, "run", project=project)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "built by another project" in (published / "state" / "build.json").read_text()
    assert gold(published, query) == [(new, every)]
    assert held(path, query) == [(new, every)]
    shutil.copy(path, kept)
    shutil.copy(kept, path)
    again = command(published, "run", project=project)
    assert again.returncode == 0, again.stdout + again.stderr
    reasons = json.loads((published / "state" / "build.json").read_text())["reasons"]
    assert reasons == ["the warehouse was changed by somebody else"]
