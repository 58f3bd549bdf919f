"""A source in Dagster, run by a server or embedded: the same asset and metadata, and a link."""

from typing import Any

import pytest
from dagster import AssetKey, DailyPartitionsDefinition, materialize

from ingestion.declarations import Declaration
from orchestration import raw_assets, translators
from orchestration.sources import Source
from tests.ingestion.server_home import ServedHome, order

pytestmark = pytest.mark.xdist_group("airbyte_server")


def materialized(declaration: Declaration) -> tuple[set[AssetKey], dict[str, Any]]:
    """The asset keys of a source, and the metadata of its orders once materialized."""
    translator = translators.Translator({}, DailyPartitionsDefinition("2019-06-29"))
    assets = raw_assets.source_assets(translator, Source(declaration), {"sources": {}})
    result = materialize([assets], raise_on_error=True)
    [event] = result.asset_materializations_for_node("raw_shop")
    return set(assets.keys), dict(event.metadata)


def test_the_same_asset_with_a_link_to_the_job(
    served: ServedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEHOUSE_HOME", str(served.home))
    served.orders.records = [order(n) for n in range(1, 6)]
    served.plan(apply=True)
    keys, metadata = materialized(served.declaration())
    assert keys == {AssetKey(["raw", "shop", "orders"])}
    [job] = served.server.sync_jobs()
    assert metadata["records"].value == 5
    assert metadata["job"].value.endswith(f"/timeline?jobId={job['jobId']}")
    served.runner = "embedded"
    served.orders.records.append(order(6))
    served.play()
    again, embedded = materialized(served.declaration())
    assert again == keys
    assert set(metadata) - set(embedded) == {"job"}
    assert set(embedded) <= set(metadata)
    assert served.ids() == list(range(1, 7))
