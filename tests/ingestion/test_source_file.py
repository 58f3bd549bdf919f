"""Airbyte's file source on local CSV, JSON lines and Parquet, value by value."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion import sync
from ingestion.declarations import Declaration
from tests.ingestion.test_registry import install, paths_of, source_of

ROWS: list[dict[str, Any]] = [
    {"id": 1, "name": "Nan b", "price": 1.5},
    {"id": 2, "name": 'quo"ted, é', "price": -0.25},
    {"id": 3, "name": " blank ", "price": 1e6},
]


def write(directory: Path, kind: str) -> Path:
    path = directory / f"rows.{kind}"
    if kind == "csv":
        lines = ["id,name,price"]
        for row in ROWS:
            name = row["name"].replace('"', '""')
            lines.append(f'{row["id"]},"{name}",{row["price"]}')
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_local_file_arrives_equal(tmp_path: Path, connectors: Path, kind: str) -> None:
    path = write(tmp_path, kind)
    declaration = Declaration.model_validate(
        {
            "name": "prices",
            "description": "Rows of a local file.",
            "owner": "tests",
            "connector": {
                "package": "airbyte-source-file",
                "version": "0.5.39",
                "python": ">=3.10,<3.12",
            },
            "config": {
                "dataset_name": "rows",
                "format": kind,
                "url": str(path),
                "provider": {"storage": "local"},
            },
        }
    )
    install(connectors, declaration, "source-file")
    paths = paths_of(tmp_path / "home", connectors)
    result = sync(declaration, paths)
    assert result.status == "succeeded", result.errors
    found = source_of(paths).query("select id, name, price from prices.rows order by id")
    assert found == [(row["id"], row["name"], row["price"]) for row in ROWS]
    assert result.streams["rows"].nulled_values == 0
