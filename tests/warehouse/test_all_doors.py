"""One figure, whichever door it is asked at: command line, API, SQL in any client, bare SQL."""

import json
from decimal import Decimal

import duckdb
import pytest
from typer.testing import CliRunner

from exposition import tokens
from exposition.api.released_metrics import ReleasedMetrics
from exposition.metrics.conditions import LISTS, WITHOUT_VALUE, read_filter
from exposition.metrics.definitions import ALL_CLASSES
from tests.exposition.conftest import client_of
from tests.warehouse.platform_run import release
from tests.warehouse.test_metrics import AS_OF, ELSEWHERE, FLOWS, LEVELS, metrics, same, star
from tradehouse.cli import parser
from tradehouse.home.paths import Home

__all__ = ["metrics", "star"]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("builds")]

DAYS = ["2017-03-31", "2017-06-30", "2017-09-30"]
"""The three filters of metrics that have fewer than three dimensions."""
COMPARISONS = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "in": "in"}


@pytest.fixture(scope="module")
def home(all_at_once):
    return Home(all_at_once)


@pytest.fixture(scope="module")
def client(home):
    token = tokens.create(home, "all doors", may_see_personal=True)[1]
    with client_of(home, token, ReleasedMetrics()) as found:
        yield found


def questions(name):
    """Return conditions that the API takes too, three and more; or last days."""
    table = FLOWS[name] if name in FLOWS else LEVELS.get(name)
    conditions = next((one for one in table or () if isinstance(one, dict)), {})
    asked = [one for one in conditions if not set(one.split()) & {"is", "not"}]
    return (asked, []) if len(asked) >= 3 else (asked[:1], DAYS)


def from_bare_sql(star, name, conditions, until):
    """Return the figure by SQL over the star, None where the release alone knows it."""
    if name in ELSEWHERE:
        return None
    *table, computed, spelled, _ = FLOWS[name] if name in FLOWS else LEVELS[name]
    where = " and ".join(spelled[one] for one in conditions) or "true"
    if name in FLOWS:
        where += f" and {table[1]} <= date '{until}'" if until else ""
    else:
        star.execute(AS_OF.format(day=until or star.sql(LAST_DAY).fetchone()[0]))
        computed = computed.format(f"where {where}")
    return star.sql(f"select {computed} from {table[0]} where {where}").fetchall()


LAST_DAY = "select max(as_of_date) from gold.mart_days"


def from_command_line(name, conditions, until):
    arguments = [part for one in conditions for part in ("--where", one)]
    arguments += ["--to", until] if until else []
    said = CliRunner().invoke(
        parser.app, ["metrics", "query", name, *arguments, "--personal", "--format", "json"]
    )
    assert said.exit_code == 0, said.output
    rows = json.loads(said.stdout)["rows"]
    return [tuple(value and Decimal(value) for value in row.values()) for row in rows]


def from_client(home, metrics, name, conditions, until):
    """Return the figure of the SQL that `metrics explain` prints, in a plain DuckDB."""
    arguments = [part for one in conditions for part in ("--where", one)]
    arguments += ["--to", until] if until else []
    said = CliRunner().invoke(parser.app, ["metrics", "explain", name, *arguments, "--personal"])
    with duckdb.connect(release(home.root), read_only=True) as connection:
        return connection.execute(said.stdout).fetchall()


def from_api(client, metrics, name, conditions, until):
    parameters = [("until", until)] if until else []
    definitions = metrics.definitions
    for one in conditions:
        found = read_filter(definitions, [definitions.metrics[name]], one, ALL_CLASSES)
        assert found.operator not in (*WITHOUT_VALUE, LISTS[1])
        key = f"{found.dimension}__{COMPARISONS[found.operator]}"
        parameters += [(key, str(value)) for value in found.values]
    answer = client.get(f"/v1/metrics/{name}", params=parameters)
    assert answer.status_code == 200, answer.text
    rows = json.loads(answer.text, parse_float=Decimal)["rows"]
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("name", [*FLOWS, *LEVELS, *sorted(ELSEWHERE)])
def test_every_door_says_the_same(home, client, metrics, star, name, monkeypatch):
    """Three filters each: by what it can be split by, or by days where that is less than three."""
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home.root))
    conditions, days = questions(name)
    asked = [([one], None) for one in conditions] + [([], day) for day in days]
    assert len(asked) >= 3
    for where, until in asked:
        expected = from_command_line(name, where, until)
        assert same(from_api(client, metrics, name, where, until), expected)
        assert same(from_client(home, metrics, name, where, until), expected)
        bare = from_bare_sql(star, name, where, until)
        assert bare is None or same(bare, expected)
