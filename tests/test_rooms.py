"""Rooms of the code: what each package may import, wherever in a module the import stands."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
GROUND = {"tradehouse.errors", "tradehouse.terminal", "tradehouse.home"}
MAY_IMPORT = {
    "connectors": set(),
    "simulator": set(),
    "ingestion": GROUND,
    "tradehouse": {"ingestion", "simulator", "connectors.source_brokerage", "exposition"},
    "exposition": {
        *GROUND,
        *("tradehouse.publish", "tradehouse.loads", "tradehouse.observe"),
    },
    "orchestration": {"tradehouse", "ingestion", "exposition", "connectors.source_brokerage"},
}
"""Which package may import which other, or which rooms of it; tests and benchmarks may all."""
ORDER = ("errors", "terminal", "home", "loads", "dbt", "publish", "build", "observe", "runs", "cli")
"""The rooms of `tradehouse`: each may import those before it."""
MOST_MODULES = 12
POINTERS = re.compile(r"\((`[a-z_.]+`(?:, `[a-z_.]+`)*)\)")
"""How a docstring says where something else is: (`this_module`, `that.one`)."""


def imports(path: Path) -> set[str]:
    """The modules that a file imports, by their whole names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def modules(package: str) -> dict[str, Path]:
    """The modules of a package by name, with those of the packages in it."""
    return {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (PROJECT / package).rglob("*.py")
    }


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_packages_import_only_what_they_may(package):
    allowed = {package} | MAY_IMPORT[package]
    wrong = {
        (name, imported)
        for name, path in modules(package).items()
        for imported in imports(path) - {"tradehouse.home", "tradehouse", "tradehouse.__version__"}
        if imported.split(".")[0] in {*MAY_IMPORT, "tests", "benchmarks"} - allowed
        if not any(f"{imported}.".startswith(f"{room}.") for room in allowed if "." in room)
    }
    assert wrong == set()


def test_only_the_command_line_opens_doors():
    """Whatever makes a release knows nothing of who reads it."""
    importing = {
        name
        for name, path in modules("tradehouse").items()
        if any(one.split(".")[0] == "exposition" for one in imports(path))
    }
    assert {name.split(".")[1] for name in importing} <= {"cli"}


def test_doors_read_releases_and_the_observed_state_only():
    read = {
        ".".join(one.split(".")[:2])
        for path in modules("exposition").values()
        for one in imports(path)
        if one.startswith("tradehouse.")
    }
    allowed = {"errors", "terminal", "home", "loads", "publish", "observe", "__version__"}
    assert read <= {f"tradehouse.{room}" for room in allowed}


def test_rooms_import_only_those_below_them():
    rooms = {name: name.split(".")[1] for name in modules("tradehouse") if "." in name}
    assert set(rooms.values()) == {*ORDER, "__main__", "bootstrap"}
    wrong = {
        (name, imported)
        for name, path in modules("tradehouse").items()
        for imported in imports(path)
        if (above := imported.split(".")[1:2]) and imported.startswith("tradehouse.")
        if above[0] in ORDER and rooms.get(name) in ORDER
        if ORDER.index(above[0]) > ORDER.index(rooms[name])
    }
    assert wrong == set()


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_modules_make_no_circle(package):
    known = modules(package)
    graph = {
        name: (imports(path) & set(known)) - {name, *_parents(name)} for name, path in known.items()
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def _parents(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


@pytest.mark.parametrize("package", [*sorted(MAY_IMPORT), "benchmarks"])
def test_docstrings_point_to_modules_that_are_there(package):
    missing = {
        (name, said)
        for name, path in modules(package).items()
        for listed in POINTERS.findall(ast.get_docstring(ast.parse(path.read_text())) or "")
        for said in listed.replace("`", "").split(", ")
        if not any(_is_module(place, said) for place in (path.parent, PROJECT))
    }
    assert missing == set()


def _is_module(folder: Path, said: str) -> bool:
    parts = said.removesuffix(".py").split(".")
    return any(
        folder.joinpath(*parts[:length]).with_suffix(suffix).exists()
        for length in range(1, len(parts) + 1)
        for suffix in (".py", "")
    )


def test_rooms_are_small_enough_to_be_known_by_heart():
    counts = {
        room: len(list((PROJECT / "tradehouse" / room).glob("*.py"))) - 1 for room in ORDER[1:]
    }
    assert max(counts.values()) <= MOST_MODULES, counts
