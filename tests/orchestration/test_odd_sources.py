"""Sources as users have them: odd names, no list of streams, broken declarations."""

import json

import pytest
from dagster import AssetKey, DagsterInstance

from ingestion import declarations
from ingestion.paths import Paths
from orchestration import assembly, manifest, sources
from orchestration.jobs import DAY, POLLED
from orchestration.names import raw_key
from tests.ingestion.conftest import Source, record, state, status, stream
from tests.orchestration.support import materialized, why

ODD = [
    "a b",
    "a/b",
    "a-b",
    "a_b",
    "a.b",
    "",
    "Kundenaufträge",
    "顧客",
    "it's",
    'say "so"',
    "x" * 300,
]


@pytest.fixture
def source(tmp_path, monkeypatch):
    played = Source(tmp_path)
    monkeypatch.setenv("TRADEHOUSE_HOME", str(played.home))
    return played


def assemble(prepared, source, **declared):
    source.declared |= declared
    known = [declarations.read("brokerage"), source.declaration()]
    return assembly.assemble(prepared, manifest.read_codes(), known)


def keys(defined):
    found = defined.resolve_asset_graph().get_all_asset_keys()
    return {key for key in found if key.path[:2] == ["raw", "played"]}


def polled_keys(defined):
    return set(defined.resolve_job_def(POLLED).asset_layer.selected_asset_keys)


def poll(defined, select=None):
    with DagsterInstance.ephemeral() as instance:
        return defined.resolve_job_def(POLLED).execute_in_process(
            instance=instance, asset_selection=select, raise_on_error=False
        )


def test_streams_with_odd_names_are_all_there_whatever_comes_first(prepared, source):
    made = keys(assemble(prepared, source, streams={name: {} for name in ODD}))
    backwards = keys(assemble(prepared, source, streams={name: {} for name in reversed(ODD)}))
    alone = keys(assemble(prepared, source, streams={"a-b": {}}))

    assert len(made) == len(ODD)
    assert made == backwards
    assert alone < made
    assert raw_key("played", "a_b") == AssetKey(["raw", "played", "a_b"])


def test_streams_with_odd_names_are_loaded_one_by_one_and_together(prepared, source):
    odd = ["a b", "a-b", "a_b", "Kundenaufträge"]
    lines = [
        line
        for name in odd
        for line in (record(name, {"n": 1}), state(name, {"at": 1}), status(name))
    ]
    source.plays(lines, streams=[stream(name, n="integer") for name in odd])
    defined = assemble(prepared, source, streams={name: {} for name in odd})

    everything = poll(defined)
    assert everything.success, why(everything)
    assert len(materialized(everything)) == 4
    source.plays(lines[3:6], streams=[stream(name, n="integer") for name in odd])
    one = poll(defined, [raw_key("played", "a-b")])
    assert one.success, why(one)
    assert materialized(one) == {raw_key("played", "a-b").to_user_string()}


def test_without_streams_a_new_source_is_polled_and_its_streams_are_there_afterwards(
    prepared, source
):
    source.plays(
        [record("users", {"n": 1}), state("users", {"at": 1}), status("users"), status("a b")],
        streams=[stream("users", n="integer"), stream("a b", n="integer")],
    )
    before = assemble(prepared, source)
    assert polled_keys(before) == {AssetKey(["raw", "played"])}

    result = poll(before)

    assert result.success, why(result)
    assert materialized(result) == {"raw/played"}
    after = {raw_key("played", "users"), raw_key("played", "a b")}
    assert polled_keys(assemble(prepared, source)) == after
    (Paths.below(source.home).connectors / "played.catalog.json").unlink()
    assert polled_keys(assemble(prepared, source)) == after


def test_a_stream_that_is_no_longer_offered_does_not_stop_the_others(prepared, source):
    source.plays(
        [status("users"), status("gone")], streams=[stream("users", n="integer"), stream("gone")]
    )
    assert poll(assemble(prepared, source)).success
    source.plays([status("users")], streams=[stream("users", n="integer")])

    result = poll(assemble(prepared, source))

    assert result.success, why(result)
    assert materialized(result) == {"raw/played/users"}


@pytest.mark.parametrize("content", [b"", b"\0\0", b"[]", b"null", b'{"streams": 1}', b'{"str'])
def test_files_that_cannot_be_read_tell_nothing(prepared, source, content):
    paths = Paths.below(source.home)
    paths.make()
    (paths.connectors / "played.catalog.json").write_bytes(content)
    (paths.state / "ingestion.json").write_bytes(content)

    assert polled_keys(assemble(prepared, source)) == {AssetKey(["raw", "played"])}


GOOD = "description: Good.\nowner: somebody\nconnector: {command: ['true']}\nstreams: {a: {}}\n"
BROKEN = {
    "no_yaml": "description: [",
    "no_mapping": "- a\n",
    "unknown_key": GOOD + "streems: {}\n",
    "not_utf_8": b"description: \xff\n",
    "empty": "",
    "Odd name": GOOD,
    "same_name": GOOD + "name: good\n",
    "promise": GOOD + "freshness: 99999999999999 days\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_declaration_is_shown_with_its_fault_and_the_rest_loads(
    prepared, home, tmp_path, monkeypatch, name
):
    folder = tmp_path / "sources"
    folder.mkdir()
    brokerage = (declarations.SOURCES / "brokerage.yml").read_text()
    for stem, text in {"brokerage": brokerage, "good": GOOD, name: BROKEN[name]}.items():
        path = folder / f"{stem}.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    read = sources.read_all(folder)

    defined = assembly.assemble(prepared, manifest.read_codes(), read)

    assert len(defined.resolve_job_def(DAY).asset_layer.selected_asset_keys) > 90
    assert AssetKey(["raw", "good", "a"]) in polled_keys(defined)
    [wrong] = [one for one in read if one.fault]
    [node] = [
        node
        for node in map(
            defined.resolve_asset_graph().get,
            defined.resolve_asset_graph().get_all_asset_keys(),
        )
        if node.description and node.description.startswith("**Cannot be loaded.**")
    ]
    assert wrong.fault in node.description
    result = poll(defined, [node.key])
    assert not result.success
    assert wrong.fault in why(result)


def test_a_broken_declaration_that_is_switched_off_is_shown_and_not_asked(prepared, home, tmp_path):
    for stem, text in {
        "brokerage": (declarations.SOURCES / "brokerage.yml").read_text(),
        "odd": "enabled: false\nowner: 7\n",
    }.items():
        (tmp_path / f"{stem}.yml").write_text(text)

    defined = assembly.assemble(prepared, manifest.read_codes(), sources.read_all(tmp_path))

    node = defined.resolve_asset_graph().get(AssetKey(["raw", "odd"]))
    assert "odd.yml: " in node.description
    assert not node.is_executable
    assert list(defined.schedules or []) == []


def test_without_the_brokerages_declaration_the_page_says_so(prepared, home, tmp_path):
    read = sources.read_all(tmp_path)

    defined = assembly.assemble(prepared, manifest.read_codes(), read)

    key = AssetKey(["raw", "brokerage", "trade"])
    assert key in defined.resolve_job_def(DAY).asset_layer.selected_asset_keys
    assert "brokerage.yml is missing" in defined.resolve_asset_graph().get(key).description


def changed(prepared, **parts):
    """The manifest with more in it, as a user's own files would make it."""
    content = json.loads(json.dumps(prepared))
    for part, more in parts.items():
        content[part] |= more
    for one in parts.get("nodes", {}):
        content["parent_map"][one], content["child_map"][one] = [], []
    return content


def node(prepared, kind, node_name, **properties):
    template = prepared["nodes"]["model.tradehouse.dim_date"]
    unique_id = f"{kind}.tradehouse.{node_name}"
    return {
        unique_id: template
        | {
            "unique_id": unique_id,
            "name": node_name,
            "alias": node_name,
            "resource_type": kind,
            "fqn": ["tradehouse", "gold", node_name],
            "depends_on": {"nodes": [], "macros": []},
        }
        | properties
    }


def test_models_snapshots_and_exposures_of_users_with_odd_names_load(prepared, home):
    names = ["a b", "a-b", "a_b", "a.b", "größe", "b" * 250]
    nodes = {}
    for name in names:
        nodes |= node(prepared, "model", name)
    nodes |= node(prepared, "snapshot", "customers", schema="snapshots", fqn=["tradehouse", "c"])
    nodes |= node(prepared, "model", "one.v2", name="one", version=2, fqn=["p", "my folder", "o"])
    nodes |= node(prepared, "model", "one.v1", name="one", version=1, fqn=["p", "exposures", "o"])
    nodes |= node(prepared, "seed", "rates", tags=["dagster/odd", "a b", "fine"], group=None)
    nodes |= node(prepared, "model", "odd_owner", meta={"owner": "Größe & Co"}, group=None)
    template = prepared["exposures"]["exposure.tradehouse.broker_scorecard"]
    exposures = {
        f"exposure.tradehouse.{n}": {**template, "name": n, "owner": owner, "description": ""}
        for n, owner in (
            ("broker-scorecard", {"name": "Sales"}),
            ("broker_scorecard_2", {"email": ["a@example.com", "b@example.com"]}),
            ("größe", {"email": "nobody"}),
        )
    }

    defined = assembly.assemble(
        changed(prepared, nodes=nodes, exposures=exposures), manifest.read_codes()
    )

    graph = defined.resolve_asset_graph()
    new = {key for key in graph.get_all_asset_keys() if key.path[0] in ("gold", "snapshots")}
    assert AssetKey(["snapshots", "customers"]) in new
    assert graph.get(AssetKey(["snapshots", "customers"])).group_name == "snapshots"
    selected = defined.resolve_job_def(DAY).asset_layer.selected_asset_keys
    assert AssetKey(["snapshots", "customers"]) in selected
    before = len(prepared["nodes"])
    assert len(nodes) + before == len(changed(prepared, nodes=nodes)["nodes"])
    assert len({key for key in selected if key.path[0] in ("gold", "snapshots", "seeds")}) >= 11
    assert len(
        [key for key in graph.get_all_asset_keys() if key.path[0] == "exposures"]
    ) == 3 + len(prepared["exposures"])


def test_tables_of_a_source_that_is_off_or_not_declared_are_shown_and_not_loaded(prepared, home):
    template = next(iter(prepared["sources"].values()))
    tables = {
        f"source.tradehouse.{source}.{name}": template
        | {"source_name": source, "name": name, "identifier": name}
        for source, name in (("faker", "a b"), ("faker", "users"), ("lake", "events"))
    }

    defined = assembly.assemble(changed(prepared, sources=tables), manifest.read_codes())

    graph = defined.resolve_asset_graph()
    for one in tables.values():
        key = raw_key(one["source_name"], one["name"])
        assert not graph.get(key).is_executable
    assert "lake.yml" in graph.get(raw_key("lake", "events")).description or template["description"]
