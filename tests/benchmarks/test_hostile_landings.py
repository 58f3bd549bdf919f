"""A few rounds of the campaign against the landing, and that it sees what it is to see."""

import pytest

from benchmarks import hostile_landings
from tests.connectors.airbyte import read
from tests.landing import small_files, write_landing


def test_a_few_spoilt_landings_lose_nothing():
    spoilt, ends = hostile_landings.play(rounds=6, seed=11)
    assert spoilt.total() >= ends.total() >= 6


@pytest.mark.parametrize("stream", ["trade", "customer_mgmt_action"])
def test_the_campaign_sees_a_row_that_is_lost(tmp_path, stream):
    landing = write_landing(tmp_path / "landing", small_files(days=0))
    result = read(tmp_path, landing)
    assert hostile_landings.check(landing, result) == []
    rows = [m for m in result.messages if m["type"] == "RECORD" and m["record"]["stream"] == stream]
    result.messages.remove(rows[-1])
    [wrong] = hostile_landings.check(landing, result)
    assert "in rows" in wrong
