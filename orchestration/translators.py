"""Every key and group of the asset graph, and the metadata taken from dbt and the sources.

Nothing else makes a key: assets, checks, jobs and sensors ask here. A raw stream has the key of the
dbt source that reads it, so that lineage joins without a gap.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import yaml
from dagster import (
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    FreshnessPolicy,
    PartitionsDefinition,
    TableColumn,
    TableSchema,
)
from dagster._core.utils import is_valid_email
from dagster_dbt import DagsterDbtTranslator, DbtProject

from ingestion.declarations import Declaration
from orchestration import check_names, names, streams
from orchestration.names import raw_key, source_key
from orchestration.sources import Source, undeclared
from orchestration.streams import Stream
from tradehouse.home.paths import find_home
from tradehouse.loads import brokerage_sync
from tradehouse.publish import lineage

RELEASE = AssetKey("release")
DOCS = AssetKey("docs")
BUILT = ("model", "seed", "snapshot")
SEEDS = "seeds"
SNAPSHOTS = "snapshots"
PUBLISHED = "release"
WARN_SHARE = 0.75
SHORTEST = timedelta(minutes=1)
UNIQUE_ID = "dagster_dbt/unique_id"

Node = Mapping[str, Any]


def raw_group(source: str) -> str:
    """Return the group of a source's streams."""
    return names.valid(f"raw_{source}")


def exposure_key(name: str) -> AssetKey:
    """Return the key of an exposure."""
    return AssetKey(["exposures", names.valid(name)])


def team(owner: str) -> str:
    """Return an owner as Dagster wants it: an address, or a team."""
    address = re.search(r"[^\s<>]+@[^\s<>]+", owner)
    if address and is_valid_email(address[0]):
        return address[0]
    return "team:" + (re.sub(r"[^A-Za-z0-9_-]+", "-", owner).strip("-") or "unknown")


def freshness_of(limit: timedelta | None) -> FreshnessPolicy | None:
    """Return a source's freshness policy: late after `limit` without a sync, a warning before.

    It is exact to the minute: Dagster checks no more often.
    """
    if limit is None:
        return None
    warn = max(limit * WARN_SHARE, SHORTEST)
    if warn >= limit:
        return FreshnessPolicy.time_window(fail_window=max(limit, SHORTEST))
    return FreshnessPolicy.time_window(fail_window=limit, warn_window=warn)


def describe_test(test: Node) -> str:
    """Return what a test says of itself: its description, its opening comment or its arguments."""
    if test.get("description"):
        return str(test["description"])
    code = test.get("raw_code", "")
    comment = re.search(r"\{#(.*?)#\}|\A((?:--[^\n]*\n)+)", code, flags=re.DOTALL)
    if comment:
        return " ".join((comment[1] or comment[2].replace("--", " ")).split())
    arguments = (test.get("test_metadata") or {}).get("kwargs", {})
    shown = {name: value for name, value in arguments.items() if name != "model"}
    return yaml.safe_dump(shown, sort_keys=False, width=100) if shown else str(test["name"])


class Translator(DagsterDbtTranslator):
    """dbt's resources as Dagster's; `codes` are the fingerprints the build compares as well."""

    def __init__(
        self, codes: Mapping[str, str], days: PartitionsDefinition[str], docs_url: str = ""
    ) -> None:
        super().__init__()
        self.codes = codes
        self.days = days
        self.docs_url = docs_url
        self._check_names: dict[int, dict[str, str]] = {}

    def get_asset_key(self, dbt_resource_props: Node) -> AssetKey:
        """Return `raw/<source>/<stream>`, or `<schema>/<name>` as the relation is called."""
        if dbt_resource_props["resource_type"] == "source":
            table = names.raw_table(dbt_resource_props)
            return raw_key(dbt_resource_props["source_name"], table)
        schema = dbt_resource_props["schema"]
        if dbt_resource_props["resource_type"] == "seed":
            schema = SEEDS
        name = dbt_resource_props["name"]
        if dbt_resource_props.get("version") is not None:
            name = f"{name}.v{dbt_resource_props['version']}"
        return AssetKey([names.schema(schema), names.valid(name)])

    def get_group_name(self, dbt_resource_props: Node) -> str:
        """Return layer and domain, as the model's folders are called."""
        if dbt_resource_props["resource_type"] == "source":
            return raw_group(dbt_resource_props["source_name"])
        if dbt_resource_props["resource_type"] == "seed":
            return SEEDS
        if dbt_resource_props["resource_type"] == "snapshot":
            return SNAPSHOTS
        folders = dbt_resource_props["fqn"][1:-1]
        return names.valid("_".join(folders) or dbt_resource_props["schema"])

    def get_code_version(self, dbt_resource_props: Node) -> str | None:
        """Return the fingerprint of the node: code, macros, configuration, seed."""
        return self.codes.get(dbt_resource_props["unique_id"])

    def get_tags(self, dbt_resource_props: Node) -> Mapping[str, str]:
        """Return dbt's tags, and the layer."""
        fqn = dbt_resource_props["fqn"]
        layer = fqn[1] if len(fqn) > 2 else dbt_resource_props.get("schema") or "raw"
        if dbt_resource_props["resource_type"] == "snapshot":
            layer = SNAPSHOTS
        tags = {
            tag: value
            for tag, value in super().get_tags(dbt_resource_props).items()
            if not tag.startswith("dagster/")
        }
        return {**tags, "tradehouse/layer": names.valid(layer)[:63]}

    def get_owners(self, dbt_resource_props: Node) -> list[str]:
        """Return who answers for it: the group's address, or the source's owner."""
        meta = {
            **(dbt_resource_props.get("meta") or {}),
            **(dbt_resource_props["config"].get("meta") or {}),
        }
        owners = super().get_owners(dbt_resource_props) or [meta.get("owner") or ""]
        return list(dict.fromkeys(team(str(owner)) for owner in owners if owner))

    def get_metadata(self, dbt_resource_props: Node) -> Mapping[str, Any]:
        """Return dbt's columns, and where the documentation shows the model and its columns."""
        found = dict(super().get_metadata(dbt_resource_props))
        if self.docs_url and dbt_resource_props["resource_type"] in BUILT:
            found["documentation"] = docs_link(self.docs_url, dbt_resource_props["unique_id"])
            found["column lineage"] = lineage_link(self.docs_url, dbt_resource_props["unique_id"])
        return found

    def get_partitions_def(self, dbt_resource_props: Node) -> PartitionsDefinition[str] | None:
        """Return the brokerage's days, for seeds too: a run of several days is not taken apart."""
        return self.days if dbt_resource_props["resource_type"] in BUILT else None

    def get_asset_check_spec(
        self,
        asset_spec: AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> AssetCheckSpec | None:
        """Return the test as a check of the asset, or None when it is another asset's."""
        test = manifest["nodes"][unique_id]
        if self.tested_by(manifest, unique_id) != asset_spec.metadata[UNIQUE_ID]:
            return None
        others = {
            self.get_asset_key(self.get_resource_props(manifest, one))
            for one in test["depends_on"]["nodes"]
        }
        return AssetCheckSpec(
            name=self.check_names(manifest)[unique_id],
            asset=asset_spec.key,
            description=describe_test(test),
            additional_deps=sorted(others - {asset_spec.key}),
            metadata={UNIQUE_ID: unique_id},
            blocking=str(test["config"].get("severity", "error")).lower() == "error",
        )

    def check_names(self, manifest: Mapping[str, Any]) -> dict[str, str]:
        """Return what every test that is a check is called, by unique id."""
        if id(manifest) not in self._check_names:
            nodes = manifest["nodes"]
            tests = [one for one, node in nodes.items() if node["resource_type"] == "test"]
            found = ((one, self.tested_by(manifest, one)) for one in tests)
            owners = {
                one: check_names.Owner(
                    nodes[owner]["name"], self.get_asset_key(nodes[owner]).to_python_identifier()
                )
                for one, owner in found
                if owner in nodes
            }
            self._check_names[id(manifest)] = check_names.names_of(manifest, owners)
        return self._check_names[id(manifest)]

    def tested_by(self, manifest: Mapping[str, Any], unique_id: str) -> str | None:
        """Return the unique id of the asset that a test belongs to.

        That is the model the test is attached to, the one `meta.dagster.ref` names, or the only one
        it reads; None for a test that several models share without naming one.
        """
        test = manifest["nodes"][unique_id]
        read = [one for one in test["depends_on"]["nodes"] if one in manifest["nodes"]]
        meta = test["config"].get("meta") or test.get("meta") or {}
        named = meta.get("dagster", {}).get("ref", {}).get("name")
        if named:
            return next((one for one in read if manifest["nodes"][one]["name"] == named), None)
        attached = test.get("attached_node")
        if attached in read:
            return str(attached)
        return read[0] if len(set(read)) == 1 else None

    def dbt_specs(
        self, manifest: Mapping[str, Any]
    ) -> tuple[list[AssetSpec], list[AssetCheckSpec]]:
        """Return every model and seed as an asset, and every data test as a check of one."""
        nodes = manifest["nodes"]
        specs = {
            one: self.get_asset_spec(manifest, one, None)
            for one, node in nodes.items()
            if node["resource_type"] in BUILT
        }
        checks = []
        for one, node in nodes.items():
            owner = self.tested_by(manifest, one) if node["resource_type"] == "test" else None
            check = owner and self.get_asset_check_spec(specs[owner], manifest, one, None)
            if check:
                checks.append(check)
        return list(specs.values()), checks

    def raw_streams(
        self, source: Source, manifest: Mapping[str, Any]
    ) -> dict[AssetKey, tuple[Stream, AssetSpec]]:
        """Return the streams that a sync of the source can load, each with its asset."""
        tables = streams.tables_of(source.name, manifest)
        found = streams.find_streams(source.declaration, tables, find_home())
        can_be_left_out = source.name != brokerage_sync.SOURCE
        return {
            one.key: (
                one,
                self.raw_spec(source, one.key, tables.get(one.table), skippable=can_be_left_out),
            )
            for one in found
        }

    def raw_specs(
        self, source: Source | Declaration, manifest: Mapping[str, Any]
    ) -> Iterator[AssetSpec]:
        """Yield the streams of a source as assets."""
        declared = source if isinstance(source, Source) else Source(source)
        for _, spec in self.raw_streams(declared, manifest).values():
            yield spec

    def raw_spec(self, source: Source, key: AssetKey, table: Node | None, **more: Any) -> AssetSpec:
        """Return a table of a source, with what dbt says about it."""
        words, declaration = table or {}, source.declaration
        columns = [
            TableColumn(name, "text", description=column.get("description"))
            for name, column in (words.get("columns") or {}).items()
        ]
        is_brokerage = source.name == brokerage_sync.SOURCE
        return AssetSpec(
            key,
            description=source.describe(words.get("description") or declaration.description),
            group_name=raw_group(source.name),
            owners=[team(declaration.owner)],
            tags={"tradehouse/layer": "raw"},
            kinds={"airbyte", "duckdb"},
            metadata={"dagster/column_schema": TableSchema(columns)} if columns else {},
            freshness_policy=freshness_of(declaration.freshness_limit()),
            partitions_def=self.days if is_brokerage else None,
            **more,
        )

    def unloaded_specs(
        self,
        sources: Sequence[Source],
        manifest: Mapping[str, Any],
        loaded: Collection[AssetKey],
    ) -> Iterator[AssetSpec]:
        """Yield the tables that dbt reads and no sync of the sources that are on loads."""
        by_name = {one.name: one for one in sources}
        for name in dict.fromkeys(one["source_name"] for one in manifest["sources"].values()):
            for table, words in streams.tables_of(name, manifest).items():
                if (key := raw_key(name, table)) not in loaded:
                    yield self.raw_spec(by_name.get(name) or undeclared(name), key, words)
        for source in sources:
            key = source_key(source.name)
            if source.fault and not source.is_polled and key not in loaded:
                yield self.raw_spec(source, key, None)

    def exposure_specs(self, manifest: Mapping[str, Any]) -> Iterator[AssetSpec]:
        """Yield who reads the release and for what; nobody makes these assets here."""
        from dagster import MetadataValue

        for exposure in manifest["exposures"].values():
            read = [
                self.get_asset_key(self.get_resource_props(manifest, one))
                for one in exposure["depends_on"]["nodes"]
                if one in manifest["nodes"] or one in manifest["sources"]
            ]
            owner, title = exposure["owner"], exposure.get("label") or exposure["name"]
            email = owner.get("email") or []
            people = [email] if isinstance(email, str) else [*email]
            people = people or [owner.get("name") or "unknown"]
            url = exposure.get("url")
            yield AssetSpec(
                exposure_key(exposure["name"]),
                deps=list(dict.fromkeys([RELEASE, *read])),
                description=f"**{title}**\n\n{exposure.get('description') or ''}",
                group_name="exposures",
                owners=[team(one) for one in people],
                tags={"tradehouse/layer": "exposure"},
                kinds={exposure["type"]},
                metadata={
                    "owner": owner.get("name") or ", ".join(people),
                    **({"address": MetadataValue.url(url)} if url else {}),
                },
            )


def docs_link(docs_url: str, unique_id: str) -> Any:
    """Return the page of a model in the documentation site."""
    from dagster import MetadataValue

    return MetadataValue.url(f"{docs_url}#!/model/{unique_id}")


def lineage_link(docs_url: str, unique_id: str) -> Any:
    """Return the page that shows from which columns a model's columns are made."""
    from dagster import MetadataValue

    return MetadataValue.url(f"{docs_url.rpartition('/')[0]}/{lineage.link_to(unique_id)}")
