"""Set-up on a small lock whose packages lie on disk: made, kept, resumed, made anew, explained."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tradehouse import bootstrap

PROJECT = Path(__file__).resolve().parents[2]
VERSION = "{}.{}".format(*sys.version_info)
BACKEND = """\
import zipfile
METADATA = "Metadata-Version: 2.1\\nName: tradehouse\\nVersion: 0.1.0\\n"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tradehouse-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        for file, text in {"METADATA": METADATA, "WHEEL": WHEEL, "RECORD": ""}.items():
            wheel.writestr(f"tradehouse-0.1.0.dist-info/{file}", text)
    return name
"""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tradehouse"
version = "0.1.0"
"""


def wheel(folder: Path, name: str, version: str) -> str:
    """Write a wheel of one module; returns its entry for the lock."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: none\n"
    files = {f"{name}.py": f"version = {version!r}\n", f"{info}/METADATA": metadata}
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/WHEEL": tag, f"{info}/RECORD": ""}.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n    # via none\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder with a space, with a lock of two packages."""
    path = tmp_path / "my checkout"
    (path / "tradehouse").mkdir(parents=True)
    shutil.copy(PROJECT / "Makefile", path)
    shutil.copy(PROJECT / "tradehouse" / "bootstrap.py", path / "tradehouse")
    (path / "backend.py").write_text(BACKEND)
    (path / "pyproject.toml").write_text(PYPROJECT)
    first, second = (wheel(tmp_path / "wheels", name, "1.0") for name in ("first", "second"))
    (path / "requirements.lock").write_text("# made\n" + first + second)
    return path


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make setup` with pip and no index but the wheels; gives what it printed."""
    folders = os.environ["PATH"].split(os.pathsep)
    path = [folder for folder in folders if not (Path(folder) / "uv").exists()]
    variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": (checkout.parent / "wheels").as_uri()}
    outer = ("MAKEFLAGS", "MAKELEVEL", "PYTHON")  # A make inside a make says where it is.
    environment = {k: v for k, v in os.environ.items() if k not in outer}
    return subprocess.run(
        ["make", "setup", *(arguments or (f"PYTHON={sys._base_executable}",))],
        cwd=checkout,
        env=environment | variables | {"PATH": os.pathsep.join(path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def versions(checkout: Path) -> str:
    """Versions of both packages in the environment."""
    code = "import first, second; print(first.version, second.version)"
    python = checkout / ".venv" / "bin" / "python"
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


def test_it_is_made_once_and_made_anew_when_it_has_to_be(checkout: Path) -> None:
    said = make(checkout)
    assert (said.returncode, versions(checkout)) == (0, "1.0 1.0"), said.stdout
    assert "2 packages" in said.stdout

    shutil.rmtree(checkout.parent / "wheels")
    assert (make(checkout).stdout, make(checkout).returncode) == ("", 0)

    changed = wheel(checkout.parent / "wheels", "second", "2.0")
    lock = checkout / "requirements.lock"
    lock.write_text(lock.read_text().partition("second==")[0] + changed)
    wheel(checkout.parent / "wheels", "first", "1.0")
    said = make(checkout)
    assert (said.returncode, versions(checkout)) == (0, "1.0 2.0"), said.stdout
    assert "anew" not in said.stdout

    moved = checkout.rename(checkout.with_name("moved"))
    said = make(moved)
    assert f"anew: it was made in {checkout}" in said.stdout
    assert (said.returncode, versions(moved)) == (0, "1.0 2.0")
    shebang = (moved / ".venv" / "bin" / "pip").read_text()
    assert str(moved) in shebang


def test_what_was_downloaded_before_it_failed_is_not_downloaded_again(checkout: Path) -> None:
    wheels = checkout.parent / "wheels"
    [second] = wheels.glob("second*")
    kept = second.rename(checkout.parent / second.name)
    said = make(checkout)
    assert said.returncode != 0
    assert "Set-up failed: there is no build of second==1.0 for Python" in said.stdout
    assert "Traceback" not in said.stdout

    for path in wheels.glob("first*"):
        path.unlink()
    kept.rename(second)
    said = make(checkout)
    assert (said.returncode, versions(checkout)) == (0, "1.0 1.0"), said.stdout
    assert "anew: it is not complete" in said.stdout
    assert not (checkout / ".venv" / ".downloads").exists()


def test_what_a_link_leads_to_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    assert make(checkout).returncode == 0
    other = Path(shutil.copytree(checkout, tmp_path / "other", symlinks=True))
    shutil.rmtree(other / ".venv")
    (other / ".venv").symlink_to(checkout / ".venv")
    said = make(other)
    assert said.returncode != 0
    assert "Remove the link (rm .venv)" in said.stdout
    assert (make(checkout).stdout, versions(checkout)) == ("", "1.0 1.0")
    (other / ".venv").unlink()
    assert (make(other).returncode, versions(other)) == (0, "1.0 1.0")


def test_another_python_in_it_is_noticed(checkout: Path) -> None:
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    place = bootstrap.Place(checkout)
    place.write(place.wanted("3.10"))
    (programs / "python").symlink_to(checkout / "gone")
    said = make(checkout)
    assert "anew: its Python 3.10 is gone" in said.stdout
    assert (said.returncode, versions(checkout)) == (0, "1.0 1.0"), said.stdout


def test_a_python_that_does_not_fit_is_named(checkout: Path) -> None:
    old = checkout / "old python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    said = make(checkout, f"PYTHON={old}")
    assert said.returncode != 0
    assert "Tradehouse needs Python 3.11, 3.12 or 3.13" in said.stdout
    assert f"{old} is Python 3.9.2" in said.stdout


@pytest.mark.parametrize("module", ["venv", "ensurepip", "ssl", "sqlite3"])
def test_a_python_without_a_module_is_told_which_package_has_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    find = importlib.util.find_spec
    without = {module: None}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: without[name] if name in without else find(name)
    )
    monkeypatch.setattr(shutil, "which", {"apt": "/usr/bin/apt"}.get)
    with pytest.raises(bootstrap.SetupError) as told:
        bootstrap.set_up(bootstrap.Place(checkout), named=True)
    package = f"python{VERSION}-venv" if module in ("venv", "ensurepip") else f"python{VERSION}"
    assert f"without its module {module}" in str(told.value)
    assert f"(apt install {package})" in str(told.value)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by "
            "'NewConnectionError(...: [Errno -3] Temporary failure in name resolution')': /x/\n"
            "ERROR: No matching distribution found for agate==1.9.1",
            "the package index could not be reached",
        ),
        (
            "pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.",
            "the package index could not be reached",
        ),
        ("error: Failed to fetch: `x`\n  Caused by: dns error", "could not be reached"),
        ("ERROR: HTTP error 503 while getting https://x", "could not be reached"),
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "not the locked one"),
        ("ERROR: No matching distribution found for duckdb==1.5.5", "no build of duckdb==1.5.5"),
        ("Because duckdb==1.5.5 has no usable wheels and", "no build of duckdb==1.5.5"),
        ("note: x\nERROR: Something else.\n", "Something else (setup.log says more)"),
        ("", "it said nothing"),
    ],
)
def test_what_pip_and_uv_say_becomes_a_sentence(said: str, sentence: str) -> None:
    told = bootstrap.explain(said, Path("setup.log"))
    assert sentence in told
    assert "\n" not in told
