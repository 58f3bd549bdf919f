"""The official brokerage is the one of before there were others, to the byte."""

import hashlib
from pathlib import Path

from simulator import partner, simulate
from tests.simulator.conftest import DEFAULT_START
from tests.simulator.test_simulation import digests

DIGEST = "c2b05e77c52f5a54f4a445c674386a6333d9184f12206ce47153af06286c7302"
TARGETS = "10795209527d9552e5b79a285fb5f37e4144e40670693d4a34f90addf56a3361"


def test_every_byte_is_the_same(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    simulate(0.01, 2, 1, DEFAULT_START, landing, profile="official")
    found = "".join(f"{name} {digest}\n" for name, digest in sorted(digests(landing).items()))
    assert hashlib.sha256(found.encode()).hexdigest() == DIGEST
    targets = partner.targets(landing).encode()
    assert hashlib.sha256(targets).hexdigest() == TARGETS
