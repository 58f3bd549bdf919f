"""Every key and group of the asset graph, and what of dbt's and the sources' words goes along.

Nothing else makes a key: assets, checks, jobs and sensors ask here. A raw stream's key is that of
the dbt source that reads it, so that lineage joins without a gap.
"""

import re
from collections.abc import Iterator, Mapping
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
from dagster_dbt import DagsterDbtTranslator, DbtProject

from ingestion.declarations import Declaration
from tradehouse import lineage, syncing

RELEASE = AssetKey("release")
DOCS = AssetKey("docs")
BUILT = ("model", "seed", "snapshot")
SEEDS = "seeds"
PUBLISHED = "release"
WARN_SHARE = 0.75
UNIQUE_ID = "dagster_dbt/unique_id"

Node = Mapping[str, Any]


def raw_key(source: str, stream: str) -> AssetKey:
    """Return the key of a source's stream."""
    return AssetKey(["raw", source, stream])


def raw_group(source: str) -> str:
    """Return the group of a source's streams."""
    return f"raw_{source}"


def exposure_key(name: str) -> AssetKey:
    """Return the key of an exposure."""
    return AssetKey(["exposures", name])


def team(owner: str) -> str:
    """Return an owner as Dagster wants it: an address, or a team."""
    address = re.search(r"[^\s<>]+@[^\s<>]+", owner)
    return address[0] if address else "team:" + re.sub(r"[^A-Za-z0-9_-]+", "-", owner)


def freshness_of(limit: timedelta | None) -> FreshnessPolicy | None:
    """Return the promise of a source: late after `limit` without a sync, a warning before."""
    if limit is None:
        return None
    return FreshnessPolicy.time_window(fail_window=limit, warn_window=limit * WARN_SHARE)


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

    def get_asset_key(self, dbt_resource_props: Node) -> AssetKey:
        """Return `raw/<source>/<stream>`, or `<schema>/<name>` as the relation is called."""
        if dbt_resource_props["resource_type"] == "source":
            return raw_key(dbt_resource_props["source_name"], dbt_resource_props["name"])
        schema = dbt_resource_props["schema"]
        if dbt_resource_props["resource_type"] == "seed":
            schema = SEEDS
        return AssetKey([schema, dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Node) -> str:
        """Return layer and domain, as the model's folders are called."""
        if dbt_resource_props["resource_type"] == "source":
            return raw_group(dbt_resource_props["source_name"])
        if dbt_resource_props["resource_type"] == "seed":
            return SEEDS
        return "_".join(dbt_resource_props["fqn"][1:-1]) or dbt_resource_props["schema"]

    def get_code_version(self, dbt_resource_props: Node) -> str | None:
        """Return the fingerprint of the node: code, macros, configuration, seed."""
        return self.codes.get(dbt_resource_props["unique_id"])

    def get_tags(self, dbt_resource_props: Node) -> Mapping[str, str]:
        """Return dbt's tags, and the layer."""
        layer = dbt_resource_props["fqn"][1]
        return {**super().get_tags(dbt_resource_props), "tradehouse/layer": layer}

    def get_owners(self, dbt_resource_props: Node) -> list[str]:
        """Return who answers for it: the group's address, or the source's owner."""
        owners = super().get_owners(dbt_resource_props) or []
        meta = {
            **dbt_resource_props.get("meta", {}),
            **dbt_resource_props["config"].get("meta", {}),
        }
        return [*owners] or ([team(meta["owner"])] if "owner" in meta else [])

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
            name=test["name"],
            asset=asset_spec.key,
            description=describe_test(test),
            additional_deps=sorted(others - {asset_spec.key}),
            metadata={UNIQUE_ID: unique_id},
            blocking=str(test["config"].get("severity", "error")).lower() == "error",
        )

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

    def raw_specs(
        self, declaration: Declaration, manifest: Mapping[str, Any]
    ) -> Iterator[AssetSpec]:
        """Yield the streams of a source, with what dbt says about the tables they become."""
        tables = {
            source["name"]: source
            for source in manifest["sources"].values()
            if source["source_name"] == declaration.name
        }
        is_brokerage = declaration.name == syncing.SOURCE
        for stream in [*dict.fromkeys([*(declaration.streams or {}), *tables])]:
            table = tables.get(stream, {"columns": {}, "description": declaration.description})
            columns = [
                TableColumn(name, "text", description=column.get("description"))
                for name, column in table["columns"].items()
            ]
            yield AssetSpec(
                raw_key(declaration.name, stream),
                description=table["description"],
                group_name=raw_group(declaration.name),
                owners=[team(declaration.owner)],
                tags={"tradehouse/layer": "raw"},
                kinds={"airbyte", "duckdb"},
                metadata={"dagster/column_schema": TableSchema(columns)} if columns else {},
                freshness_policy=freshness_of(declaration.freshness_limit()),
                partitions_def=self.days if is_brokerage else None,
                skippable=not is_brokerage,
            )

    def exposure_specs(self, manifest: Mapping[str, Any]) -> Iterator[AssetSpec]:
        """Yield who reads the release and for what; nobody makes these assets here."""
        for exposure in manifest["exposures"].values():
            read = [
                self.get_asset_key(manifest["nodes"][one])
                for one in exposure["depends_on"]["nodes"]
                if one in manifest["nodes"]
            ]
            yield AssetSpec(
                exposure_key(exposure["name"]),
                deps=[RELEASE, *read],
                description=f"**{exposure.get('label') or exposure['name']}**\n\n"
                + exposure["description"],
                group_name="exposures",
                owners=[exposure["owner"]["email"]],
                tags={"tradehouse/layer": "exposure"},
                kinds={exposure["type"]},
                metadata={"owner": exposure["owner"]["name"] or exposure["owner"]["email"]},
            )


def docs_link(docs_url: str, unique_id: str) -> Any:
    """Return the page of a model in the documentation site."""
    from dagster import MetadataValue

    return MetadataValue.url(f"{docs_url}#!/model/{unique_id}")


def lineage_link(docs_url: str, unique_id: str) -> Any:
    """Return the page that shows from which columns a model's columns are made."""
    from dagster import MetadataValue

    return MetadataValue.url(f"{docs_url.rpartition('/')[0]}/{lineage.link_to(unique_id)}")
