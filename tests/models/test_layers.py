"""Layers point one way: raw, bronze, silver, gold. dbt's manifest says what reads what."""

from tradehouse.dbt.runner import DbtRunner
from tradehouse.home.paths import Home

MAY_READ = {
    "bronze": {"raw", "seeds", "bronze"},
    "gate": {"raw", "seeds", "bronze", "gate"},
    "silver": {"seeds", "bronze", "gate", "silver"},
    "gold": {"seeds", "silver", "gold"},
    "observability": {
        "raw",
        "seeds",
        "bronze",
        "gate",
        "silver",
        "gold",
        "observability",
        "readers",
    },
    "readers": {"seeds", "bronze", "gate", "silver", "gold", "observability", "readers"},
}
FOLDERS = {"observability/gate": "gate", "gold/observability": "readers"}
# What every model that is built batch by batch asks which batches those are.
WINDOW = {"bronze_brokerage__batch_date", "bronze_batches"}


def layer_of(node):
    """Return the layer of a source, a seed or a model; that of a model is its folder's."""
    if node.resource_type != "model":
        return {"source": "raw", "seed": "seeds"}[node.resource_type]
    folder = "/".join(node.path.split("/")[:2])
    return FOLDERS.get(folder, node.path.split("/")[0])


def test_every_model_reads_its_own_layer_and_those_before_it(home):
    manifest = DbtRunner(Home(home)).parse()
    nodes = {**manifest.sources, **manifest.nodes}
    wrong = {
        f"{node.name} ({layer_of(node)}) reads {parent.name} ({layer_of(parent)})"
        for node in manifest.nodes.values()
        if node.resource_type == "model"
        for parent in map(nodes.__getitem__, node.depends_on.nodes)
        if layer_of(parent) not in MAY_READ[layer_of(node)]
        if not (parent.name in WINDOW and node.config.materialized == "by_load")
    }

    assert not wrong
