"""What spares dbt time changes nothing of what it does: each measure beside dbt as it is."""

import hashlib
import io
import json
import marshal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tradehouse.dbt import absent_modules, speedups

SCHEMAS = """
import json, sys
from tradehouse.dbt import speedups
if sys.argv[1] == "prepared":
    speedups.prepare()
    speedups.prepare()
import dbt.cli.main
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.artifacts.resources import ModelConfig, SeedConfig, SourceConfig, TestConfig
from dbt.contracts.graph.unparsed import UnparsedModelUpdate, UnparsedSourceDefinition
from dbt.contracts.project import Project, ProjectFlags
kinds = [DuckDBCredentials, ModelConfig, SeedConfig, SourceConfig, TestConfig]
kinds += [UnparsedModelUpdate, UnparsedSourceDefinition, Project, ProjectFlags]
print(json.dumps({kind.__name__: kind.json_schema() for kind in kinds}, sort_keys=True))
"""


def test_dbt_checks_the_same_when_it_starts_faster():
    as_it_is, prepared = (
        subprocess.run(
            [sys.executable, "-c", SCHEMAS, how], capture_output=True, text=True, check=True
        ).stdout
        for how in ("as it is", "prepared")
    )
    assert prepared == as_it_is
    assert '"default": ' in prepared


@pytest.fixture
def events():
    """dbt's events, as they are made sparing; `original` fires them as dbt does by itself."""
    speedups.prepare()
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.logger import LineFormat, LoggerConfig

    def manager_of(level, *callbacks):
        manager, stream = EventManager(), io.StringIO()
        name = f"test_{id(stream)}"
        text = LineFormat.PlainText
        config = LoggerConfig(name=name, level=level, line_format=text, output_stream=stream)
        manager.add_logger(config)
        for callback in callbacks:
            manager.add_callback(callback)
        return manager, stream

    return SimpleNamespace(
        level=EventLevel, manager_of=manager_of, original=EventManager.fire_event.original
    )


def some_events():
    from dbt.adapters.events.types import SQLQuery
    from dbt.events.types import LogStartLine, MainEncounteredError, NodeFinished
    from dbt_common.events.types import Formatting, Note

    node = {"node_name": "orders", "unique_id": "model.shop.orders"}
    return [
        (SQLQuery(conn_name="main", sql="select 1", node_info=node), None),
        (NodeFinished(node_info=node, run_result={"status": "success", "num_failures": 3}), None),
        (LogStartLine(description="orders", index=1, total=7, node_info=node), None),
        (Note(msg="told to everybody"), "INFO"),
        (Formatting("an empty line"), "DEBUG"),
        (MainEncounteredError(exc="out of paper"), None),
    ]


def test_events_are_told_as_dbt_tells_them(events):
    told = {"sparing": [], "original": []}
    lines = {}
    for how, found in told.items():
        callback = found.append
        manager, stream = events.manager_of(events.level.DEBUG, callback)
        for event, level in some_events():
            chosen = events.level[level] if level else None
            if how == "sparing":
                manager.fire_event(event, chosen)
            else:
                events.original(manager, event, chosen)
        lines[how] = [line[line.find("  ") :] for line in stream.getvalue().splitlines()]

    assert [message.info.name for message in told["sparing"]] == [
        "SQLQuery",
        "NodeFinished",
        "LogStartLine",
        "Note",
        "Formatting",
        "MainEncounteredError",
    ]
    assert [message.data for message in told["sparing"]] == [
        message.data for message in told["original"]
    ]
    assert [(m.info.level, m.info.msg, m.info.code) for m in told["sparing"]] == [
        (m.info.level, m.info.msg, m.info.code) for m in told["original"]
    ]
    assert lines["sparing"] == lines["original"]
    assert told["sparing"][1].data.run_result.num_failures == 3


def test_a_debug_event_is_told_to_who_hears_it_and_made_for_nobody_else(events):
    told = []

    class Watcher:
        hears = frozenset({"NodeFinished"})

        def __call__(self, message):
            told.append(message.info.name)

    manager, stream = events.manager_of(events.level.INFO, Watcher())
    fired = some_events()
    for event, level in fired:
        manager.fire_event(event, events.level[level] if level else None)

    assert told == ["NodeFinished", "LogStartLine", "Note", "MainEncounteredError"]
    assert "out of paper" in stream.getvalue()
    assert "select 1" not in stream.getvalue()
    made = [type(event).__name__ for event, _ in fired if "pb_msg" in event.__dict__]
    assert made == told


def test_what_is_printed_is_told_at_any_level(events):
    from dbt_common.events.types import PrintEvent

    manager, stream = events.manager_of(events.level.INFO)
    manager.fire_event(PrintEvent(msg="said by a macro"), events.level.DEBUG)
    assert "said by a macro" in stream.getvalue()


def test_an_event_can_be_read_and_changed_before_it_is_told(events):
    (query, _), *_ = some_events()
    assert query.sql == "select 1"
    (query, _), *_ = some_events()
    query.sql = "select 2"
    assert query.to_dict()["sql"] == "select 2"
    assert query.to_dict()["node_info"]["node_name"] == "orders"


def test_a_macro_is_the_same_as_through_all_constructors():
    speedups.prepare()
    from dbt.clients.jinja import MacroGenerator

    given = {"macro": object(), "context": {"a": 1}, "node": object(), "stack": object()}
    sparing = MacroGenerator(**given)
    original = MacroGenerator.__new__(MacroGenerator)
    MacroGenerator.__init__.original(original, **given)

    assert sparing.__dict__ == original.__dict__ == given
    assert MacroGenerator(given["macro"]).__dict__ == {
        "macro": given["macro"],
        "context": None,
        "node": None,
        "stack": None,
    }


@pytest.fixture
def templates(tmp_path):
    """Templates kept in a file of this test, in place of those of the process."""
    import jinja2

    speedups.templates.use(tmp_path / "of_others")
    compile_, kept = jinja2.Environment.compile, speedups.templates
    jinja2.Environment.compile = compile_.original
    try:
        yield speedups.Templates(), tmp_path / "templates.marshal"
    finally:
        jinja2.Environment.compile = compile_
        speedups.templates = kept


def render(source, native=False, **context):
    from dbt_common.clients.jinja import get_environment

    return get_environment(native=native).from_string(source).render(context)


def count_compilations(monkeypatch):
    import jinja2

    counted = []
    original = jinja2.Environment._generate

    def generate(environment, *arguments, **options):
        counted.append(arguments)
        return original(environment, *arguments, **options)

    monkeypatch.setattr(jinja2.Environment, "_generate", generate)
    return counted


SOURCES = ["{{ 40 + a }}", "{% for n in range(a) %}{{ n }},{% endfor %}", "{{ 40 + a }} "]


def test_a_template_is_compiled_once_for_all_processes(templates, monkeypatch):
    import jinja2

    first, path = templates
    first.use(path)
    compiled = count_compilations(monkeypatch)
    assert [render(source, a=2) for source in SOURCES] == ["42", "0,1,", "42 "]
    assert [render(source, a=3) for source in SOURCES] == ["43", "0,1,2,", "43 "]
    assert len(compiled) == len(SOURCES)
    first.keep()

    jinja2.Environment.compile = jinja2.Environment.compile.original
    speedups.Templates().use(path)
    assert [render(source, a=2) for source in SOURCES] == ["42", "0,1,", "42 "]
    assert len(compiled) == len(SOURCES)


def test_a_native_template_is_another_one(templates):
    first, path = templates
    first.use(path)
    assert render("{{ 40 + a }}", a=2) == "42"
    assert render("{{ 40 + a }}", native=True, a=2) == 42
    assert render("{{ 40 + a }}", a=2) == "42"


@pytest.mark.parametrize(
    "source",
    [
        "select {{ {'a': 1}['b']['c'] }} 7",
        "{{ 'a'.nope.x }}",
        "{{ ([] | first).x }}",
        "{% set x = {'a': 1}.b.c ~ 'q' %}{{ x }}",
    ],
)
def test_what_parsing_forgives_a_build_does_not(templates, source):
    import jinja2
    from dbt_common.clients.jinja import get_template
    from dbt_common.exceptions import DbtBaseException

    first, path = templates
    first.use(path)
    node = SimpleNamespace(name="orders", resource_type="model", original_file_path="orders.sql")
    get_template(source, {}, node=node, capture_macros=True).render({})
    with pytest.raises((jinja2.UndefinedError, DbtBaseException), match=r"no attribute|No first"):
        get_template(source, {}, node=node).render({})
    first.keep()
    with pytest.raises((jinja2.UndefinedError, DbtBaseException), match=r"no attribute|No first"):
        get_template(source, {}, node=node).render({})


def test_macros_can_still_be_debugged(templates, monkeypatch):
    first, path = templates
    first.use(path)
    compiled = count_compilations(monkeypatch)
    monkeypatch.setattr("dbt_common.clients.jinja.MACRO_DEBUGGING", "write")
    assert [render(SOURCES[0], a=2), render(SOURCES[0], a=2)] == ["42", "42"]
    assert len(compiled) == 2
    first.keep()
    assert not path.exists()


@pytest.mark.parametrize("content", [b"?", marshal.dumps((1, 2))[:-1], b""])
def test_a_file_that_marshal_cannot_read_is_no_file(tmp_path, content):
    path = tmp_path / "templates.marshal"
    content = speedups._versions() + content
    path.write_bytes(hashlib.sha256(content).digest() + content)
    assert speedups._read_templates(path) == {}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-7],
        lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
        lambda content: b"",
        lambda content: b"no templates",
    ],
)
def test_a_spoilt_file_is_compiled_anew(templates, monkeypatch, spoil):
    import jinja2

    first, path = templates
    first.use(path)
    render(SOURCES[0], a=2)
    first.keep()
    path.write_bytes(spoil(path.read_bytes()))

    jinja2.Environment.compile = jinja2.Environment.compile.original
    second = speedups.Templates()
    second.use(path)
    compiled = count_compilations(monkeypatch)
    assert render(SOURCES[0], a=2) == "42"
    assert len(compiled) == 1
    second.keep()
    assert speedups._read_templates(path).keys() == {("MacroFuzzEnvironment", SOURCES[0])}


def test_templates_of_other_versions_are_not_used(templates, monkeypatch):
    first, path = templates
    first.use(path)
    render(SOURCES[0], a=2)
    monkeypatch.setattr(speedups, "_versions", lambda: b"of another Python\n")
    first.keep()
    monkeypatch.undo()
    assert speedups._read_templates(path) == {}


def test_templates_that_cannot_be_kept_stop_nothing(templates):
    first, path = templates
    (path.parent / "file").write_text("")
    first.use(path.parent / "file" / "templates.marshal")
    assert render(SOURCES[0], a=2) == "42"
    first.keep()
    assert render(SOURCES[0], a=3) == "43"


def test_too_many_templates_are_dropped(templates, monkeypatch):
    monkeypatch.setattr(speedups, "TEMPLATES_KEPT", 2)
    first, path = templates
    first.use(path)
    for source in SOURCES:
        render(source, a=2)
    first.keep()
    assert speedups._read_templates(path) == {}


PANDAS = """
import importlib.util, json, sys
from tradehouse.dbt import absent_modules
searched = []
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        searched.append(name)
sys.meta_path.append(Finder)
if sys.argv[1] == "installed":
    sys.path.insert(0, sys.argv[2])
before = importlib.util.find_spec("pandas") is not None
absent_modules.remember()
absent_modules.remember()
assert (importlib.util.find_spec("pandas") is not None) is before
searched.clear()
try:
    import pandas
    found = pandas.NAME
except ImportError as error:
    found = [type(error).__name__, str(error), error.name]
import duckdb
value = duckdb.connect().execute("select ? + 1", [41]).fetchone()[0]
print(json.dumps([found, "pandas" in searched, value]))
"""


def test_pandas_is_not_searched_for_again_and_again(tmp_path):
    (tmp_path / "pandas.py").write_text("NAME = 'pandas'\n__version__ = '0'\n")

    def found(how):
        ended = subprocess.run(
            [sys.executable, "-c", PANDAS, how, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(ended.stdout)

    if absent_modules.importlib.util.find_spec("pandas") is not None:
        pytest.skip("pandas is installed here")
    message = "No module named 'pandas'"
    assert found("absent") == [["ModuleNotFoundError", message, "pandas"], False, 42]
    assert found("installed")[0] == "pandas"


def test_compiled_templates_lie_in_the_environment_and_only_where_nobody_else_writes(
    monkeypatch, tmp_path
):
    path = speedups.templates_path()
    assert path is None or path.resolve().is_relative_to(Path(sys.prefix).resolve())

    package = tmp_path / "jinja2"
    (package / "__pycache__").mkdir(parents=True, mode=0o755)
    spec = SimpleNamespace(origin=str(package / "__init__.py"))
    monkeypatch.setattr(speedups.importlib.util, "find_spec", lambda _name: spec)
    assert speedups.templates_path() is None

    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    found = speedups.templates_path()
    assert found.parent == package / "__pycache__"
    found.touch(mode=0o644)
    assert speedups.templates_path() == found
    found.chmod(0o666)
    assert speedups.templates_path() is None
    found.unlink()
    found.symlink_to(tmp_path / "elsewhere")
    assert speedups.templates_path() is None
    found.unlink()
    found.parent.chmod(0o777)
    assert speedups.templates_path() is None


def test_nothing_that_is_run_is_kept_in_a_home(published):
    """Neither by its name nor by what it begins with; connectors' own environments are apart."""
    code = {".pyc", ".pickle", ".pkl", ".marshal", ".so", ".dill"}
    found = [path for path in published.rglob("*") if path.is_file()]
    assert found
    assert [path for path in found if path.suffix in code] == []
