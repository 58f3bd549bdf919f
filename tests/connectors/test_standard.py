"""The tests that airbyte-cdk ships for sources pass on the brokerage source."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.connectors.airbyte import FILES, RECORDS
from tests.connectors.test_process import PROJECT

KIT = "airbyte-cdk[dev]==7.39.1"
HERE = Path(__file__).parent / "standard"
PASSED = {
    "test_spec": 1,
    "test_config_matches_spec": 1,
    "test_check": 3,
    "test_discover": 2,
    "test_basic_read": 2,
    "test_fail_read_with_bad_catalog": 2,
}


@pytest.fixture(scope="module")
def kit_python(tmp_path_factory):
    """A Python with the kit, in an environment of its own: its pins are not the platform's."""
    folder = tmp_path_factory.mktemp("kit") / "environment"
    python = folder / "bin" / "python"
    packages = [KIT, "duckdb==1.5.5", "orjson"]
    if uv := shutil.which("uv"):
        commands = [
            [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--quiet", "--python", str(python), *packages],
        ]
    else:
        commands = [
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--quiet", *packages],
        ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"{KIT} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return python


@pytest.mark.slow
def test_the_kits_suite_passes(tmp_path, tiny_landing, kit_python):
    root = tmp_path / "source-brokerage"
    root.mkdir()
    shutil.copy(PROJECT / "connectors" / "source_brokerage" / "metadata.yaml", root)
    shutil.copy(HERE / "acceptance-test-config.yml", root)
    for name, landing, method in (
        ("records", tiny_landing, RECORDS),
        ("files", tiny_landing, FILES),
        ("nowhere", tmp_path / "nowhere", RECORDS),
    ):
        config = {"landing": str(landing), "delivery_method": method}
        (root / f"{name}.json").write_text(json.dumps(config))
    done = subprocess.run(
        [
            str(kit_python), "-m", "pytest", "-rA", "-k", "not docker", "--noconftest",
            "-p", "no:cacheprovider", "-p", "airbyte_cdk.test.standard_tests.pytest_hooks",
            "-c", "/dev/null", "--rootdir", ".", str(HERE / "suite.py"),
        ],
        cwd=root,
        env={"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    found = re.findall(r"^PASSED .*::(test_\w+)", done.stdout, flags=re.MULTILINE)
    assert {name: found.count(name) for name in set(found)} == PASSED
