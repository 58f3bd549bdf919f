"""The commands, in this process and as a command of its own."""

import json
import subprocess
import sys

import duckdb
import pytest
from typer.testing import CliRunner

from tests.exposition.metrics.conftest import MANIFEST, publish
from tradehouse.cli import parser
from tradehouse.errors import UsageError


@pytest.fixture
def home(release, monkeypatch):
    home = release.parents[1]
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home))
    return home


def invoke(*arguments):
    done = CliRunner().invoke(parser.app, ["metrics", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_metrics_are_listed_without_what_takes_a_right(home):
    assert "sales" in invoke("list")
    listed = json.loads(invoke("list", "--format", "json"))
    assert [one["name"] for one in listed] == ["revenue", "sales", "pieces", "pieces_per_sale"]
    assert listed[0]["dimensions"][0] == {
        "name": "sale__branch",
        "label": "branch",
        "description": "What the branch is.",
        "type": "text",
        "classification": "internal",
    }
    assert "salaries" in invoke("list", "--personal", "--format", "csv")


def test_a_table_has_its_amounts_and_where_they_are_from(home):
    said = invoke("query", "revenue", "sales", "--by", "sale__branch", "--limit", "1")
    assert "North" in said
    assert "1,030.30" in said
    assert "1 row of release 20170203T000000.000Z" in said


def test_csv_and_json_are_exact(home):
    question = [
        "query",
        "revenue",
        "--grain",
        "month",
        "--from",
        "2017-01-31",
        "--to",
        "2017-02-01",
    ]
    assert invoke(*question, "--format", "csv") == (
        "metric_time__month,revenue\n2017-01-01,20.20\n2017-02-01,0.07\n"
    )
    answer = json.loads(invoke(*question, "--format", "json"))
    assert answer["rows"] == [
        {"metric_time__month": "2017-01-01", "revenue": "20.20"},
        {"metric_time__month": "2017-02-01", "revenue": "0.07"},
    ]
    assert answer["release"] == "20170203T000000.000Z"


def test_explained_sql_is_what_runs(home, release):
    sql = invoke("explain", "revenue", "--where", "sale__branch = North", "--to", "2017-12-31")
    with duckdb.connect(str(release / "tradehouse.duckdb"), read_only=True) as connection:
        assert [str(one) for one in connection.execute(sql).fetchone()] == ["30.30"]


def test_an_older_release_is_asked_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_HOME", str(tmp_path))
    changed = json.loads(json.dumps(MANIFEST))
    changed["semantic_models"][0]["measures"][0]["expr"] = "-amount"
    publish(tmp_path, "20170203T000000.000Z", MANIFEST)
    publish(tmp_path, "20170204T000000.000Z", changed)

    assert "-1035.37" in invoke("query", "revenue", "--format", "csv")
    older = invoke("query", "revenue", "--format", "csv", "--release", "20170203T000000.000Z")
    assert older == "revenue\n1035.37\n"
    with pytest.raises(UsageError, match=r"There is no release 'x'. Kept are: 20170203T"):
        invoke("query", "revenue", "--release", "x")


def test_a_wrong_name_ends_with_2_and_a_sentence(home):
    done = subprocess.run(
        [sys.executable, "-m", "tradehouse.cli.parser", "metrics", "query", "revenu"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error: There is no metric 'revenu'. Close to it: revenue." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_begins_without_metricflow():
    heavy = ("metricflow", "msi_pydantic_shim", "dbt", "duckdb")
    program = f"""
import sys, tradehouse.cli.parser, exposition.metrics.answers
print(*[one for one in sys.modules if one.startswith({heavy!r})])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
