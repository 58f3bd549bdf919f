"""The tutorial "Add a source": its commands, run as they stand, in a fresh project.

Of days on which the list changes, and of a release that holds them.
"""

from pathlib import Path

import duckdb
import pytest

from ingestion import declarations
from tests.documentation import PROJECT, blocks, fresh_project, run
from tests.ingestion.test_registry import install

PAGE = PROJECT / "docs" / "ingestion.md"


@pytest.mark.slow
def test_add_a_source_from_nothing_to_the_release_and_its_next_day(
    tmp_path: Path, connectors: Path
) -> None:
    tutorial = blocks(PAGE, "Add a source")
    assert [block.place for block in tutorial if block.not_run] == []
    project = fresh_project(tmp_path / "project")
    [declared] = [block for block in tutorial if str(block.file).startswith("ingestion/")]
    declaration = tmp_path / Path(str(declared.file)).name
    declaration.write_text(declared.text)
    install(connectors, declarations.read_file(declaration), "source-file")
    (project / "data").mkdir()
    (project / "data" / "connectors").symlink_to(connectors)
    said = run(tutorial, project)
    assert "branches: reached" in said
    assert "2 records of 1 stream, succeeded" in said
    assert "Completed successfully" in said
    assert "1 Lisbon 2019-03-01 2019\n2 Porto 2021-11-15 2021\n" in said
    assert "1 Almada 2019-03-01 2019\n2 Porto 2021-11-15 2021\n3 Faro 2024-05-02 2024\n" in said
    assert "new column manager" in said
    assert "Quarantine  1 row (read it: tradehouse quarantine)" in said
    assert 'opened_on: not_a_date "soon"' in said
    with duckdb.connect(str(project / "data" / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select branch_id, manager from bronze.bronze_branches__branches order by 1"
        ).fetchall()
    assert found == [(1, "Ana"), (2, "Rui"), (3, "Eva")]
