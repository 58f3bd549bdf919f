"""requirements.lock is complete: it can be installed without resolving, on every Python and system.

What each locked package asks for, with the extras that are asked for, is locked in a version that
fits; so says the metadata of the packages that are installed here.
"""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "arm": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}


def _locked(environment: dict[str, str]) -> dict[str, str]:
    """Version by name, of the entries that count in an environment."""
    lines = re.findall(r"^([a-z0-9].*?) \\$", LOCK, flags=re.MULTILINE)
    entries = [Requirement(line) for line in lines]
    found = [e for e in entries if e.marker is None or e.marker.evaluate(environment)]
    versions = {e.name: str(e.specifier).removeprefix("==") for e in found}
    assert len(versions) == len(found), "two versions of one package"
    return versions


def _asked(requirements: list[str], environment: dict[str, str], extra: str) -> list[Requirement]:
    parsed = [Requirement(text) for text in requirements]
    marked = environment | {"extra": extra}
    return [r for r in parsed if r.marker is None or r.marker.evaluate(marked)]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_whatever_a_locked_package_asks_for_is_locked(version: str, system: str) -> None:
    here = {k: str(v) for k, v in default_environment().items()}
    full = {"python_version": version, "python_full_version": f"{version}.1"}
    environment = here | SYSTEMS[system] | full | {"os_name": "posix"}
    locked = _locked(environment)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    roots = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    waiting, seen = _asked(roots, environment, ""), set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        assert name in locked, f"{wanted} is not locked"
        assert wanted.specifier.contains(locked[name], prereleases=True), (
            f"{wanted}: {locked[name]}"
        )
        for extra in {"", *wanted.extras} - {e for n, e in seen if n == name}:
            seen.add((name, extra))
            try:
                asks = metadata.requires(name) or []
            except metadata.PackageNotFoundError:  # is for another system or Python
                continue
            waiting += _asked(asks, environment, extra)
    assert {name for name, _ in seen} == set(locked)


def test_every_entry_has_hashes_and_none_names_an_index() -> None:
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) > 100
    assert [e.split()[0] for e in entries if "--hash=sha256:" not in e] == []
    assert [e.split()[0] for e in entries if "[" in e.split("\n")[0].split(";")[0]] == []
    assert not re.search(r"://|--(?:extra-)?index|--find-links", LOCK)
