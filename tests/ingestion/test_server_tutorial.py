"""The tutorial "From credentials to bronze": its commands as they stand, against a local server."""

from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from tests.documentation import PROJECT, blocks, fresh_project, run
from tests.ingestion.airbyte_destinations import bucket_of
from tests.ingestion.airbyte_server import CLIENT_ID, CLIENT_SECRET, AirbyteServer, Behaviour, Data

pytestmark = pytest.mark.xdist_group("airbyte_server")

PAGE = PROJECT / "docs" / "airbyte-server.md"
WHEN = {"type": "string", "format": "date-time"}


def people() -> dict[str, Data]:
    """What the example source makes up, a few rows of it."""
    moment = "2026-03-01T10:20:30+00:00"
    users = [{"id": n, "name": f"User {n}", "updated_at": moment} for n in (1, 2, 3)]
    products = [{"id": n, "make": "Mazda", "price": 1000.5 * n} for n in (1, 2)]
    purchases = [{"id": 1, "user_id": 2, "product_id": 1, "updated_at": moment}]
    whole = {"type": "integer"}
    text = {"type": "string"}
    return {
        "users": Data(
            {"id": whole, "name": text, "updated_at": WHEN}, users, ["id"], ["updated_at"]
        ),
        "products": Data({"id": whole, "make": text, "price": {"type": "number"}}, products),
        "purchases": Data(
            {"id": whole, "user_id": whole, "product_id": whole, "updated_at": WHEN},
            purchases,
            ["id"],
            ["updated_at"],
        ),
    }


@pytest.mark.slow
def test_from_credentials_to_bronze(
    tmp_path: Path, airbyte_server: AirbyteServer, s3_endpoint: str
) -> None:
    tutorial = blocks(PAGE, "From credentials to bronze")
    assert [block.place for block in tutorial if block.not_run] == []
    airbyte_server.data = {"faker": people()}
    airbyte_server.behaviours = [Behaviour(["queued", "succeeded"])]
    httpx.post(f"{s3_endpoint}/moto-api/reset", timeout=10)
    settings: dict[str, Any] = {"s3_endpoint": s3_endpoint, "s3_bucket_region": "us-east-1"}
    bucket_of(settings).create_dir("the-lake")
    project = fresh_project(tmp_path / "project")
    said = run(
        tutorial,
        project,
        YOUR_API_URL=airbyte_server.url,
        YOUR_CLIENT_ID=CLIENT_ID,
        YOUR_CLIENT_SECRET=CLIENT_SECRET,
        YOUR_WORKSPACE="brokerage",
        YOUR_BUCKET="the-lake",
        YOUR_KEY_ID="key",
        YOUR_KEY_SECRET="a-long-secret",
        YOUR_S3_ENDPOINT=s3_endpoint,
    )
    assert "Done: 3 created, 0 updated." in said
    assert "The server is as declared: 3 objects, nothing to do." in said
    assert "6 records of 3 streams, succeeded" in said
    assert "Completed successfully" in said
    assert "a-long-secret" not in said
    with duckdb.connect(str(project / "data" / "dev.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.execute(
            "select id, name, updated_at::varchar from bronze.bronze_faker__users order by id"
        ).fetchall()
        sold = connection.execute("select user_id from bronze.bronze_faker__purchases").fetchall()
        price = connection.execute(
            "select sum(price) from bronze.bronze_faker__products"
        ).fetchall()
    assert found == [(n, f"User {n}", "2026-03-01 10:20:30+00") for n in (1, 2, 3)]
    assert (sold, price) == ([(2,)], [(3001.5,)])
    assert len(airbyte_server.sync_jobs()) == 1
