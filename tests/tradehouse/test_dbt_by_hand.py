"""dbt called by an analyst, without the command line: its own file, never the platform's."""

import os
import sys
from pathlib import Path

import duckdb
import pytest

from tests import processes
from tests.tradehouse.support import PROJECT, command

DBT = Path(sys.executable).with_name("dbt")

pytestmark = pytest.mark.xdist_group("run")


def dbt(home, target, *arguments, project=PROJECT, **settings):
    own = {"TRADEHOUSE_HOME": str(home), "DBT_LOG_PATH": str(target / "logs")}
    return processes.run(
        [DBT, *arguments, "--target-path", target],
        cwd=project,
        env={**os.environ, **own, **settings},
    )


def test_a_clone_without_data_is_told_to_run_first(tmp_path):
    done = dbt(tmp_path / "home", tmp_path / "target", "build")

    assert done.returncode != 0
    assert "Run `make run` first" in done.stdout


@pytest.mark.slow
def test_docs_and_build_go_into_the_file_of_the_developer(published, tmp_path):
    before = (published / "warehouse.duckdb").stat().st_mtime_ns

    documented = dbt(published, tmp_path / "target", "docs", "generate")
    assert documented.returncode == 0, documented.stdout
    built = dbt(published, tmp_path / "target", "build")
    assert built.returncode == 0, built.stdout[-3000:]
    assert " ERROR=0 SKIP=0 " in built.stdout

    with duckdb.connect(published / "dev.duckdb", read_only=True) as connection:
        schemas = connection.execute(
            "select distinct schema_name from duckdb_tables() order by all"
        ).fetchall()
    assert schemas == [("bronze",), ("gold",), ("silver",)]
    assert (published / "warehouse.duckdb").stat().st_mtime_ns == before
    assert command(published, "build").stdout == "Nothing waits, and no code changed.\n"
