"""The page about the asset page: its commands, run as they stand, in a fresh project."""

import json

import pytest

from tests.documentation import PROJECT, blocks, fresh_project, run

PAGE = PROJECT / "docs" / "orchestration.md"


@pytest.mark.slow
def test_tutorial_and_runbook_run_as_they_stand(tmp_path):
    everything = blocks(PAGE)
    assert [block.text for block in everything if block.not_run] == ["make ui\n"]
    project = fresh_project(tmp_path / "project")

    said = run(everything, project, timeout=900)

    releases = sorted((project / "data" / "releases").glob("*/release.json"))
    days = [
        [batch["batch_date"] for batch in json.loads(path.read_text())["batches"]]
        for path in releases
    ]
    first = ["2017-07-07", "2017-07-08", "2017-07-09", "2017-07-10"]
    assert days[0] == first
    assert days[-1] == [*first, "2017-07-11"]
    assert "RUN_SUCCESS" in said
    assert "Nothing is published until you say so" in said


def test_every_picture_of_the_page_is_there():
    text = PAGE.read_text(encoding="utf-8")
    shown = [line.split("(")[1].rstrip(")") for line in text.splitlines() if line.startswith("![")]
    assert len(shown) >= 4
    for name in shown:
        assert (PAGE.parent / name).stat().st_size < 200_000
