"""Brokers, customers, accounts and prospects against a clerk who enters one event after the other.

Also: all ways of building give the same rows and keys, a replaced batch and a run that died too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.source_brokerage.streams import STREAMS
from tests.models.dbt_home import DbtHome
from tests.models.party_deliveries import Deliveries, Record, batch_date
from tests.models.party_replay import (
    ACCOUNT_COLUMNS,
    BROKER_COLUMNS,
    CUSTOMER_COLUMNS,
    MATCHED,
    PROSPECT_COLUMNS,
    TAX_RATES,
    Clerk,
    phone,
)

pytestmark = pytest.mark.slow

BATCHES = 5
MODELS = (
    *("+dim_account", "+dim_broker", "+dim_customer", "+prospect"),
    *("+silver_customer_alerts", "+silver_prospect_counts"),
)
# Gold's tables are views of these, and a view does not outlive the name of its file.
TABLES = (
    *("silver.silver_brokers", "silver.silver_customers", "silver.silver_accounts"),
    *("silver.silver_prospects", "silver.silver_broker_changes", "silver.silver_prospect_changes"),
    *("silver.silver_customer_states", "silver.silver_account_events"),
    *("silver.silver_customer_alerts", "silver.silver_prospect_counts"),
)
Batches = dict[int, dict[str, list[Record]]]


def reference_records() -> dict[str, list[Record]]:
    """Codes, and the two ends of a calendar."""
    columns = next(stream.columns for stream in STREAMS if stream.name == "date")
    filler: Record = dict.fromkeys(columns[2:-1], "1")
    return {
        "date": [
            {"sk_dateid": day.replace("-", ""), "datevalue": day, **filler}
            for day in ("1950-01-01", "2020-12-31")
        ],
        "status_type": [
            {"st_id": "ACTV", "st_name": "Active"}, {"st_id": "INAC", "st_name": "Inactive"}
        ],
        "tax_rate": [
            {"tx_id": key, "tx_name": name, "tx_rate": "0.10000"} for key, name in TAX_RATES.items()
        ],
    }  # fmt: skip


def expected(batches: Batches) -> Clerk:
    """What the books hold after all batches."""
    clerk = Clerk()
    for number, records in sorted(batches.items()):
        clerk.take(number, records)
    return clerk


def expected_customers(clerk: Clerk) -> Iterator[tuple[Any, ...]]:
    """Rows of the customers' books under CUSTOMER_COLUMNS."""
    for customer, history in clerk.customers.items():
        for v in history.versions:
            gender = (v.get("c_gndr") or "").upper()
            phones = [
                phone(*(v.get(f"c_phone_{n}_{part}") for part in
                        ("ctry_code", "area_code", "local", "ext")))
                for n in (1, 2, 3)
            ]  # fmt: skip
            yield (
                *(customer, v["batch_id"], v["effective_date"], v["end_date"], v["status"]),
                *(v["c_f_name"], v["c_adline2"], v["c_ctry"]),
                gender if gender in ("M", "F") else "U",
                int(v["c_tier"]) if v["c_tier"] else None,
                str(v["c_dob"]),
                *phones,
                v["c_alt_email"],
                *(TAX_RATES.get(v[f"c_{kind}_tx_id"] or "") for kind in ("nat", "lcl")),
                *(v.get(name) for name in MATCHED),
            )


def expected_accounts(clerk: Clerk) -> Iterator[tuple[Any, ...]]:
    """Rows of the accounts' books under ACCOUNT_COLUMNS."""
    for account, history in clerk.accounts.items():
        for v in history.versions:
            day, broker = v["effective_date"], int(v["broker_id"])
            yield (
                *(account, v["batch_id"], day, v["end_date"], v["status"], v["desc"]),
                int(v["tax"]) if v["tax"] else None,
                v["customer_id"],
                clerk.customers[v["customer_id"]].on(day)["effective_date"],
                broker,
                clerk.brokers[broker].on(day)["effective_date"],
            )


def expected_prospects(clerk: Clerk) -> Iterator[tuple[Any, ...]]:
    """Rows of the prospects' books under PROSPECT_COLUMNS."""
    for agency, p in clerk.prospects.items():
        days = [int(f"{batch_date(p[k]):%Y%m%d}") for k in ("record_batch", "update_batch")]
        income = p["image"]["income"]
        yield (
            *(agency, p["record_batch"], *days, p["is_customer"], p["image"]["city"]),
            *(int(income) if income else None, p["nameplate"]),
        )


def check_against_clerk(home: DbtHome, batches: Batches) -> None:
    """Compare what dbt built with the clerk's books."""
    clerk = expected(batches)
    customers = CUSTOMER_COLUMNS.replace(" dob", " cast(dob as varchar)")
    assert home.rows(f"select {customers} from gold.dim_customer") == sorted(
        expected_customers(clerk), key=repr
    )
    accounts = home.rows(
        f"select {ACCOUNT_COLUMNS} from (select a.*, c.customer_id, b.broker_id,"
        " c.effective_date as customer_effective_date, b.effective_date as broker_effective_date"
        " from gold.dim_account a join gold.dim_customer c using (sk_customer_id)"
        " join gold.dim_broker b using (sk_broker_id))"
    )
    assert accounts == sorted(expected_accounts(clerk), key=repr)
    brokers = [
        (broker, *(version[name.strip()] for name in BROKER_COLUMNS.split(",")[1:]))
        for broker, history in clerk.brokers.items()
        for version in history.versions
    ]
    assert home.rows(f"select {BROKER_COLUMNS} from gold.dim_broker") == sorted(brokers, key=repr)
    assert home.rows(f"select {PROSPECT_COLUMNS} from gold.prospect") == sorted(
        expected_prospects(clerk), key=repr
    )
    alerts = home.rows(
        "select batch_id, message_text, message_data from silver.silver_customer_alerts"
    )
    assert alerts == sorted(clerk.alerts.elements(), key=repr)
    counts = home.rows("select * from silver.silver_prospect_counts")
    assert counts == [(batch, *values) for batch, values in sorted(clerk.counts.items())]


def check_keys(home: DbtHome) -> None:
    """Surrogate keys run from 1 without a gap, and the open version is the current one."""
    for name in ("broker", "customer", "account"):
        assert home.rows(
            f"select count(*), count(distinct sk_{name}_id), min(sk_{name}_id), max(sk_{name}_id),"
            " count(*) filter (where is_current <> (end_date = date '9999-12-31'))"
            f" from gold.dim_{name}"
        ) == [(n := home.rows(f"select count(*) from gold.dim_{name}")[0][0], n, 1, n, 0)]


def differences(home: DbtHome, one: Path, other: Path) -> list[str]:
    """Tables that two built files do not hold alike, row by row with their keys."""
    return [
        table
        for table in TABLES
        if home.rows(f"from {table}", one) != home.rows(f"from {table}", other)
    ]


@pytest.fixture
def batches() -> Batches:
    source = Deliveries(seed=7)
    return {number: source.batch(number) for number in range(1, BATCHES + 1)}


@pytest.fixture
def party_home(tmp_path: Path, batches: Batches) -> DbtHome:
    home = DbtHome(tmp_path / "home", MODELS)
    home.deliver(1, reference_records())
    for number, records in batches.items():
        home.deliver(number, records)
    return home


@pytest.mark.parametrize("seed", [1, 2])
def test_all_at_once_agrees_with_the_clerk(tmp_path: Path, seed: int) -> None:
    source = Deliveries(seed)
    batches = {number: source.batch(number) for number in range(1, BATCHES + 1)}
    home = DbtHome(tmp_path / "home", MODELS)
    home.deliver(1, reference_records())
    for number, records in batches.items():
        home.deliver(number, records)
    home.build()
    check_against_clerk(home, batches)
    check_keys(home)


def test_all_ways_of_building_agree(party_home: DbtHome, batches: Batches) -> None:
    party_home.build()
    check_against_clerk(party_home, batches)
    check_keys(party_home)
    at_once = party_home.keep("at_once")
    party_home.begin_anew()
    for batch in batches:
        party_home.build(last_batch=batch)
    by_batch = party_home.keep("by_batch")
    party_home.build("--full-refresh")
    assert differences(party_home, at_once, by_batch) == []
    assert differences(party_home, at_once, party_home.keep("refreshed")) == []


def test_replaced_batch_and_dead_run_leave_no_trace(party_home: DbtHome, batches: Batches) -> None:
    party_home.build(last_batch=4)
    replaced = Deliveries(seed=8)
    replaced.batch(1)
    batches[3] = replaced.batch(3)
    for stream in ("customer", "account"):
        for row in batches[3][stream]:
            row["cdc_dsn"] = str(row["cdc_dsn"]) + "0000"
    party_home.deliver(3, batches[3], delivery=2)
    party_home.build_models("+silver_customers")
    party_home.build()
    check_against_clerk(party_home, batches)
    check_keys(party_home)
    repaired = party_home.keep("repaired")
    party_home.begin_anew()
    party_home.build()
    assert differences(party_home, repaired, party_home.keep("anew")) == []
