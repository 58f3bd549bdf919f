"""The hand-written brokerage with a calendar of one month: the connector reads it often."""

from pathlib import Path

import pytest

from tests.landing import small_files, write_landing


@pytest.fixture
def tiny_landing(tmp_path: Path) -> Path:
    return write_landing(tmp_path / "landing", small_files())
