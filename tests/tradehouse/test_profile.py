"""The connection that `profiles.yml` describes, opened as dbt opens it."""

import os
from pathlib import Path

import duckdb
import pytest
import yaml
from jinja2 import Environment

from tradehouse.home.paths import PROJECT


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """dbt-duckdb's connection to a home with an empty raw.duckdb and little memory."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials
    from dbt.adapters.duckdb.environments import create

    monkeypatch.setenv("TRADEHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("TRADEHOUSE_MEMORY_LIMIT", "60MB")
    duckdb.connect(str(tmp_path / "raw.duckdb")).close()
    jinja = Environment(autoescape=False)
    jinja.filters["as_number"] = int
    written = jinja.from_string((PROJECT / "profiles.yml").read_text())
    profile = yaml.safe_load(written.render(env_var=os.environ.get))
    opened = create(DuckDBCredentials.from_dict(profile["tradehouse"]["outputs"]["main"]))
    yield opened
    opened.close()


def test_every_model_has_the_settings_and_works_after_another_has_spilled(environment, tmp_path):
    first = environment.handle().cursor()
    first.execute("create table numbers as select range as n from range(3_000_000)")
    first.execute(
        "create table spilled as select n, n::varchar as text from numbers order by hash(n)"
    )
    assert (tmp_path / "tmp").is_dir()  # made by the first spill

    second = environment.handle().cursor()
    second.execute("select current_setting('TimeZone'), current_setting('threads')::int")
    assert second.fetchall() == [("UTC", 2)]
    second.execute("select count(*) from spilled")
    assert second.fetchall() == [(3_000_000,)]
