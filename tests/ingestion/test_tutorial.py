"""The tutorial "Add a source": its commands, run as they stand, in a fresh project."""

from pathlib import Path

import duckdb
import pytest

from ingestion import declarations
from tests.documentation import PROJECT, blocks, fresh_project, run
from tests.ingestion.test_registry import install

PAGE = PROJECT / "docs" / "ingestion.md"


@pytest.mark.slow
def test_add_a_source_from_nothing_to_tested_bronze_models(
    tmp_path: Path, connectors: Path
) -> None:
    tutorial = blocks(PAGE, "Add a source")
    assert [block.place for block in tutorial if block.not_run] == []
    project = fresh_project(tmp_path / "project")
    [declared] = [block for block in tutorial if block.file]
    declaration = tmp_path / Path(str(declared.file)).name
    declaration.write_text(declared.text)
    install(connectors, declarations.read_file(declaration), "source-file")
    (project / "data").mkdir()
    (project / "data" / "connectors").symlink_to(connectors)
    said = run(tutorial, project)
    assert "branches: reached" in said
    assert "2 records of 1 stream, succeeded" in said
    assert "Completed successfully" in said
    with duckdb.connect(str(project / "data" / "dev.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select branch_id, city, opened_on from bronze.bronze_branches__branches order by 1"
        ).fetchall()
    assert found == [(1, "Lisbon", "2019-03-01"), (2, "Porto", "2021-11-15")]
