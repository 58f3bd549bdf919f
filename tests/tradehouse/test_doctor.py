"""The doctor: each thing that is wrong is found, with what to do, and nothing is changed."""

import shutil
import subprocess
import sys

import duckdb
import pytest

from tests.tradehouse.support import command
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.observe import doctor
from tradehouse.publish import releases

pytestmark = pytest.mark.xdist_group("run")


def findings(home):
    return {one["check"]: one for one in doctor.examine(Home(home))}


def test_a_published_home_is_well_and_the_command_says_so(published):
    before = {path: path.stat().st_mtime_ns for path in published.rglob("*")}

    done = command(published, "doctor")

    assert done.returncode == 0, done.stdout
    assert "nobody is writing" in done.stdout
    assert {one["result"] for one in findings(published).values()} == {doctor.OK}
    assert {path: path.stat().st_mtime_ns for path in published.rglob("*")} == before


def test_a_new_home_needs_a_first_run(tmp_path):
    found = findings(tmp_path / "home")

    assert found["release"]["advice"] == "Made by: tradehouse run."
    assert found["landing"]["result"] == doctor.NOTE
    assert not (tmp_path / "home").exists()


def test_what_is_wrong_is_named_with_what_to_do(published):
    home = Home(published)
    home.warehouse.write_bytes(b"no database" * 1000)
    shutil.rmtree(published / "landing")
    database = releases.current_database(home).resolve()
    database.parent.chmod(0o755)
    database.unlink()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (home.releases / f".begun-{gone.pid}-x").mkdir()
    state.write(home, "build", {**state.read(home, "build"), "status": "tests failed"})

    found = findings(published)

    problems = {name for name, one in found.items() if one["result"] == doctor.PROBLEM}
    assert problems == {"warehouse.duckdb", "landing", "release", "last build"}
    assert "sets it aside" in found["warehouse.duckdb"]["advice"]
    assert "--landing DIR" in found["landing"]["advice"]
    assert "`tradehouse run` makes it again" in found["release"]["advice"]
    assert found["leftovers"]["result"] == doctor.NOTE
    assert command(published, "doctor").returncode == 1


def test_a_disk_that_is_nearly_full_is_a_problem(published, monkeypatch):
    usage = shutil.disk_usage(published)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)

    assert findings(published)["disk"]["result"] == doctor.PROBLEM


def test_a_reader_in_the_way_is_named(published):
    code = "import duckdb,sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(published / "warehouse.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert reader.stdout.readline()
        with pytest.raises(duckdb.IOException):
            duckdb.connect(published / "warehouse.duckdb").close()
        found = findings(published)["warehouse.duckdb"]
    finally:
        reader.kill()
        reader.wait()

    assert str(reader.pid) in found["found"]
