"""The connector as a process of its own: output into pipes and files, and being stopped."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.connectors.airbyte import FILES, RECORDS, Messages, configured
from tests.landing import brokerage_files, lines, write_landing

PROJECT = Path(__file__).resolve().parents[2]
MODULE = [sys.executable, "-m", "connectors.source_brokerage"]


def _arguments(folder, landing, state=(), method=RECORDS, catalog=None):
    inputs = {
        "config": {"landing": str(landing), "delivery_method": method},
        "catalog": catalog or configured(),
        "state": list(state),
    }
    arguments = [*MODULE, "read"]
    for name, content in inputs.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
        arguments += [f"--{name}", str(folder / f"{name}.json")]
    return arguments


def _parse(code, output):
    return Messages(code, [json.loads(line) for line in output.splitlines()])


def _run(arguments, **options):
    return subprocess.run(
        arguments, cwd=PROJECT, capture_output=True, timeout=60, check=False, **options
    )


def test_spec_takes_no_configuration():
    done = _run([*MODULE, "spec"])
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["type"] == "SPEC"


def test_a_failed_read_has_an_exit_code(tmp_path):
    done = _run(_arguments(tmp_path, tmp_path / "nowhere"))
    assert (done.returncode, done.stderr) == (1, b"")
    assert [e["code"] for e in _parse(1, done.stdout).errors] == ["landing_missing"]


def test_a_pipe_and_a_file_get_the_same(tmp_path):
    """DuckDB renders the larger files; into a file it must not overwrite what is there."""
    landing = write_landing(tmp_path / "landing", brokerage_files(time_step_seconds=30))
    arguments = _arguments(tmp_path, landing, catalog=configured("time", "trade", "batch_date"))
    piped = _run(arguments)
    path = tmp_path / "output"
    with path.open("wb") as output:
        code = subprocess.run(
            arguments, cwd=PROJECT, stdout=output, timeout=60, check=False
        ).returncode
    assert (piped.returncode, code) == (0, 0)
    in_file = _parse(0, path.read_bytes())
    assert in_file.records == _parse(0, piped.stdout).records
    assert [row["_line"] for row in in_file.records["time"]] == list(range(1, 2881))


def test_killed_in_the_middle_it_goes_on(tmp_path):
    """Whatever was said until a kill is a state to go on from, and the rest comes once."""
    big = lines(f"{n}|2019-01-01 10:00:00|SBMT" for n in range(60_000))
    files = brokerage_files(days=0, time_step_seconds=60) | {"Batch1/TradeHistory.txt": big}
    landing = write_landing(tmp_path / "landing", files)
    catalog = configured("trade", "trade_history", "batch_date")
    arguments = _arguments(tmp_path, landing, catalog=catalog)
    process = subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.PIPE)
    begun = process.stdout.read(1_000_000)
    process.kill()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    killed = _parse(0, begun[: begun.rindex(b"\n")])
    assert [state["stream"]["stream_descriptor"]["name"] for state in killed.state] == ["trade"]
    done = _run(_arguments(tmp_path, landing, state=killed.state, catalog=catalog))
    rest = _parse(done.returncode, done.stdout)
    assert rest.code == 0
    assert "trade" not in rest.records
    assert [row["th_t_id"] for row in rest.records["trade_history"]] == [
        str(n) for n in range(60_000)
    ]
    assert rest.batches() == [(1, 1)]


def test_a_reader_that_goes_away_ends_the_read(tmp_path):
    landing = write_landing(tmp_path / "landing", brokerage_files(days=0))
    process = subprocess.Popen(
        _arguments(tmp_path, landing), cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(10)
    process.stdout.close()
    process.stderr.read()
    assert process.wait(timeout=30) == 1
    process.stderr.close()


@pytest.mark.parametrize("malformed", [b"", b"no trade\r\n"], ids=["in the engine", "row by row"])
def test_it_says_so_when_it_is_stopped(tmp_path, malformed):
    """In the middle of more rows than a pipe holds; a malformed one has them rendered in Python."""
    files = brokerage_files(days=0)
    rows = files["Batch1/Trade.txt"] * 2000 + malformed
    landing = write_landing(tmp_path / "landing", {**files, "Batch1/Trade.txt": rows})
    process = subprocess.Popen(
        _arguments(tmp_path, landing, catalog=configured("trade", "batch_date")),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
    )
    begun = b""
    while b'"RECORD"' not in begun:
        begun += process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    output = begun + process.stdout.read()
    # An end of a line may be there once more than needed.
    stopped = _parse(process.wait(timeout=30), output.replace(b"\n\n", b"\n"))
    assert stopped.code == 1
    assert [e["code"] for e in stopped.errors] == ["stopped"]
    assert 0 < len(stopped.of("RECORD")) <= rows.count(b"\n")
    assert {statuses[-1] for statuses in stopped.statuses.values()} == {"INCOMPLETE"}


def test_the_platforms_staging_directory_is_used(tmp_path):
    landing = write_landing(tmp_path / "landing", brokerage_files(days=0, time_step_seconds=60))
    staging = tmp_path / "staging"
    staging.mkdir()
    environment = os.environ | {"AIRBYTE_STAGING_DIRECTORY": str(staging)}
    done = _run(_arguments(tmp_path, landing, method=FILES), env=environment)
    assert done.returncode == 0
    staged = {str(path.relative_to(staging)) for path in staging.rglob("*") if path.is_file()}
    sent = _parse(0, done.stdout).of("RECORD")
    assert staged == {
        r["file_reference"]["source_file_relative_path"] for r in sent if "file_reference" in r
    }
