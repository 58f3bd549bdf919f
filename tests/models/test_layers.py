"""Layers point one way: raw, bronze, silver, gold. dbt's manifest says what reads what."""

from tradehouse.dbt_runner import DbtRunner
from tradehouse.home import Home

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
    "readers": {"seeds", "bronze", "gate", "silver", "gold", "observability"},
}
FOLDERS = {"observability/gate": "gate", "gold/observability": "readers"}
# What every model that is built batch by batch asks which batches those are.
WINDOW = {"bronze_brokerage__batch_date", "bronze_batches"}
STILL_WRONG = {
    "dim_date (gold) reads bronze_brokerage__date (bronze)",
    "dim_time (gold) reads bronze_brokerage__time (bronze)",
    "industry (gold) reads bronze_brokerage__industry (bronze)",
    "mart_broker_monthly_trading (gold) reads bronze_brokerage__date (bronze)",
    "mart_customer_monthly_trading (gold) reads bronze_brokerage__date (bronze)",
    "prospect (gold) reads bronze_brokerage__prospect (bronze)",
    "silver_account_events (silver) reads status_type (gold)",
    "silver_brokers (silver) reads dim_date (gold)",
    "silver_cash_balances (silver) reads dim_account (gold)",
    "silver_customer_states (silver) reads status_type (gold)",
    "silver_trades (silver) reads dim_account (gold)",
    "silver_trades (silver) reads dim_security (gold)",
    "silver_trades (silver) reads status_type (gold)",
    "silver_trades (silver) reads trade_type (gold)",
    "silver_watches (silver) reads dim_customer (gold)",
    "silver_watches (silver) reads dim_security (gold)",
    "status_type (gold) reads bronze_brokerage__status_type (bronze)",
    "tax_rate (gold) reads bronze_brokerage__tax_rate (bronze)",
    "trade_type (gold) reads bronze_brokerage__trade_type (bronze)",
}


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
        if not (parent.name in WINDOW and node.config.materialized == "incremental")
    }

    assert wrong == STILL_WRONG
