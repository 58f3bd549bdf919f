"""Tests that share a server or a folder run in one worker process, in order."""

import os

import pytest


@pytest.mark.xdist_group("groups")
def test_groups_of_tests_stay_together(request: pytest.FixtureRequest) -> None:
    """pytest-xdist tells a group by the end of the name; versions that do not fit leave it out."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("only asked for where worker processes share the tests")
    assert request.node.nodeid.endswith("@groups")
