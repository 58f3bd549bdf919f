"""The bare SQL run: values of a small brokerage derived by hand, golden values of the sample."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from benchmarks.bare_sql.run import BareSQL, main
from tests.golden import check_golden
from tests.landing import brokerage_files, write_landing


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    """The small brokerage, newswire and employees of its two days included."""
    folder = tmp_path_factory.mktemp("bare_sql")
    run = BareSQL(write_landing(folder / "landing", brokerage_files()), folder / "small.duckdb")
    run.run()
    assert {(phase.batch, phase.name) for phase in run.phases} >= {
        (0, "schema"),
        (1, "landing"),
        (2, "dimensions"),
        (3, "facts"),
        (3, "messages"),
        (3, "audit"),
    }
    with duckdb.connect(str(folder / "small.duckdb"), read_only=True) as connection:
        yield connection


def rows(connection, query):
    return [
        tuple(str(value) if isinstance(value, Decimal) else value for value in row)
        for row in connection.execute(query).fetchall()
    ]


def test_update_keeps_what_is_absent_and_clears_what_is_empty(gold):
    assert rows(
        gold,
        "select address_line1, address_line2, city, phone1, phone2, phone3, email1, email2"
        " from gold.dim_customer where customer_id = 0 order by effective_date",
    ) == [
        (
            *("12 Larch Street", "Apt. 4", "Burlington", "+1 (802) 555-011012345"),
            *("(802) 555-0111", "555-0112", "Ada.M.Quill@example.com", "Ada.M.Quill@example.org"),
        ),
        (
            *("90 Orchard Lane", None, "Burlington", "+1 (802) 555-0113"),
            *(None, "555-011277", "Ada.M.Quill@example.com", None),
        ),
    ]


def test_changes_of_one_day_make_one_version_with_the_last_state(gold):
    assert rows(
        gold,
        "select tier, city, country, effective_date::varchar, end_date::varchar"
        " from gold.dim_customer where customer_id = 4",
    ) == [(2, "South Portland", None, "2019-01-10", "9999-12-31")]


def test_accounts_follow_their_owner(gold):
    assert rows(
        gold,
        "select sk_account_id, account_id, sk_customer_id, status, effective_date::varchar"
        " from gold.dim_account where account_id in (1, 2, 4) order by account_id, sk_account_id",
    ) == [
        (4, 1, 3, "Active", "2017-06-15"),
        (5, 1, 3, "Active", "2018-06-01"),
        (6, 1, 4, "Active", "2019-02-02"),
        (16, 1, 9, "Active", "2019-06-30"),
        (20, 1, 12, "Inactive", "2019-07-01"),
        (7, 2, 1, "Active", "2017-09-01"),
        (8, 2, 2, "Active", "2018-02-11"),
        (9, 2, 2, "Inactive", "2018-07-04"),
        (11, 4, 6, "Active", "2018-05-20"),
        (12, 4, 7, "Inactive", "2019-05-31"),
    ]


def test_a_customer_follows_his_prospect(gold):
    assert rows(
        gold,
        "select customer_id, batch_id, agency_id, net_worth, marketing_nameplate"
        " from gold.dim_customer where customer_id in (1, 2) order by customer_id, effective_date",
    ) == [
        (1, 1, None, None, None),
        (1, 1, "OKA1", 40000, "MoneyAlert"),
        (1, 2, "OKA1", 41000, "MoneyAlert"),
        (1, 3, "OKA1", 41000, "MoneyAlert"),
        (2, 1, "Nu2", None, None),
        (2, 2, None, None, None),
    ]


def test_a_prospect_off_the_list_stays_and_is_still_matched(gold):
    assert rows(
        gold,
        "select agency_id, sk_record_date_id, sk_update_date_id, batch_id, is_customer"
        " from gold.prospect where agency_id in ('Imr4', 'OKA1', 'Zzy5') order by agency_id",
    ) == [
        ("Imr4", 20190630, 20190629, 2, True),
        ("OKA1", 20190701, 20190630, 3, False),
        ("Zzy5", 20190629, 20190629, 1, False),
    ]


def test_a_company_version_splits_its_securities(gold):
    assert rows(
        gold,
        "select sk_security_id, symbol, sk_company_id, status, effective_date::varchar,"
        " end_date::varchar from gold.dim_security where symbol in ('BRCH', 'DOGW') order by all",
    ) == [
        (2, "BRCH", 2, "Active", "2017-12-28", "2019-03-22"),
        (3, "BRCH", 3, "Active", "2019-03-22", "9999-12-31"),
        (5, "DOGW", 5, "Active", "2017-12-28", "2018-12-20"),
        (6, "DOGW", 6, "Active", "2018-12-20", "2018-12-21"),
        (7, "DOGW", 6, "Inactive", "2018-12-21", "9999-12-31"),
    ]


def test_later_newswire_starts_versions_on_the_batchs_day(gold):
    assert rows(
        gold,
        "select sk_security_id, symbol, sk_company_id, dividend, batch_id, effective_date::varchar,"
        " end_date::varchar from gold.dim_security where symbol in ('ALDR', 'ELMS') order by all",
    ) == [
        (1, "ALDR", 1, "0.50", 1, "2017-12-28", "2019-06-30"),
        (8, "ALDR", 1, "0.75", 2, "2019-06-30", "9999-12-31"),
        (9, "ELMS", 7, "0.10", 3, "2019-07-01", "9999-12-31"),
    ]
    assert rows(
        gold,
        "select sk_company_id, fi_net_earn from gold.financial where fi_qtr_start_date ="
        " '2019-07-01'",
    ) == [(1, "160000.00")]


def test_accounts_follow_their_broker_and_absent_brokers_stay(gold):
    assert rows(
        gold,
        "select sk_broker_id, broker_id, office, effective_date::varchar, is_current"
        " from gold.dim_broker where broker_id in (4, 7, 8) order by broker_id, sk_broker_id",
    ) == [
        (3, 4, "OFFICE1004", "2016-01-01", False),
        (6, 4, "OFFICE1044", "2019-07-01", True),
        (5, 7, "OFFICE1007", "2016-01-01", True),
        (7, 8, "OFFICE1008", "2019-07-01", True),
    ]
    assert rows(
        gold,
        "select sk_account_id, account_id, sk_broker_id, sk_customer_id, batch_id"
        " from gold.dim_account where sk_broker_id in (6, 7) order by all",
    ) == [(19, 0, 6, 2, 3), (20, 1, 6, 12, 3), (21, 3, 6, 10, 3), (22, 9, 7, 13, 3)]


def test_trades_keep_the_versions_of_their_creation(gold):
    assert rows(
        gold,
        "select trade_id, status, sk_create_date_id, sk_close_date_id, sk_close_time_id,"
        " sk_security_id, sk_account_id, trade_price, batch_id from gold.dim_trade"
        " where trade_id in (1, 5, 6, 8) order by trade_id",
    ) == [
        (1, "Completed", 20190305, 20190306, 110500, 2, 6, "48.90", 1),
        (5, "Completed", 20190625, 20190630, 90400, 3, 13, "49.50", 2),
        (6, "Completed", 20190629, 20190630, 110, 1, 14, "12.55", 2),
        (8, "Canceled", 20190630, 20190701, 110000, 3, 18, None, 3),
    ]


def test_the_year_of_prices_ends_with_the_day(gold):
    """On 2019-06-28 the day a year before is out; the 111.00 of 2018-12-31 wins the tie."""
    assert rows(
        gold,
        "select symbol, sk_date_id, pe_ratio, yield, fifty_two_week_high,"
        " sk_fifty_two_week_high_date, fifty_two_week_low, sk_fifty_two_week_low_date"
        " from gold.fact_market_history inner join gold.dim_security using (sk_security_id)"
        " where symbol in ('ALDR', 'CEDR') and sk_date_id >= 20190627 order by all",
    ) == [
        ("ALDR", 20190627, "34.29", "4.17", "15.00", 20180628, "8.00", 20180628),
        ("ALDR", 20190628, "35.71", "4.00", "14.00", 20190627, "9.50", 20181231),
        ("ALDR", 20190629, "36.00", "3.97", "14.00", 20190627, "9.50", 20181231),
        ("ALDR", 20190630, "36.29", "5.91", "14.00", 20190627, "7.90", 20190630),
        ("CEDR", 20190627, None, "2.94", "111.00", 20181231, "90.00", 20180628),
        ("CEDR", 20190628, None, "2.91", "111.00", 20181231, "91.00", 20181231),
        ("CEDR", 20190629, None, "2.88", "111.00", 20181231, "89.00", 20190629),
        ("CEDR", 20190630, None, "2.86", "111.00", 20181231, "89.00", 20190629),
    ]


def test_cash_runs_on_through_an_accounts_versions(gold):
    assert rows(
        gold,
        "select sk_account_id, sk_date_id, cash, batch_id from gold.fact_cash_balances"
        " where sk_account_id in (3, 6, 17) order by all",
    ) == [
        (3, 20180306, "-960.00", 1),
        (3, 20190503, "239.50", 1),
        (6, 20190307, "-2445.00", 1),
        (17, 20190630, "-10.20", 2),
    ]


def test_cancellations_find_watches_by_natural_keys(gold):
    assert rows(gold, "select * from gold.fact_watches order by 3, 1, 2") == [
        (1, 1, 20180105, 20190630, 2),
        (1, 2, 20180105, 20190601, 1),
        (3, 1, 20180201, 20180201, 1),
        (5, 5, 20180301, None, 1),
        (8, 4, 20190629, None, 1),
        (11, 4, 20190630, None, 2),
        (13, 9, 20190701, None, 3),
    ]


def test_alerts_and_phase_records(gold):
    assert rows(
        gold,
        "select batch_id, message_source, message_data from gold.di_messages"
        " where message_type = 'Alert' and message_source <> 'FactMarketHistory' order by all",
    ) == [
        (1, "DimCompany", "CO_ID = 3, CO_SP_RATE = XQ"),
        (1, "DimCustomer", "C_ID = 1, C_TIER = "),
        (1, "DimCustomer", "C_ID = 3, C_DOB = 2071-01-01"),
        (1, "DimCustomer", "C_ID = 3, C_TIER = 9"),
        (1, "DimTrade", "T_ID = 4, T_COMM = 20.00"),
        (2, "DimCustomer", "C_ID = 2, C_TIER = "),
        (3, "DimCustomer", "C_ID = 1, C_TIER = "),
        (3, "DimCustomer", "C_ID = 6, C_DOB = 1915-05-05"),
        (3, "DimCustomer", "C_ID = 6, C_TIER = 7"),
    ]
    assert rows(
        gold,
        "select batch_id, count(*), max(message_data) filter (where message_source = 'DimAccount')"
        " from gold.di_messages where message_type = 'Validation' group by all order by all",
    ) == [(0, 24, "0"), (1, 24, "15"), (2, 24, "18"), (3, 24, "22")]
    # A zero sum of earnings has no ratio but is no lack of earnings: no alert for CEDR later on.
    assert rows(
        gold,
        "select message_data, count(*) from gold.di_messages where message_text ="
        " 'No earnings for company' group by all order by all",
    ) == [
        ("DM_S_SYMB = ALDR", 1),
        ("DM_S_SYMB = BRCH", 1),
        ("DM_S_SYMB = CEDR", 1),
        ("DM_S_SYMB = DOGW", 2),
    ]


def test_a_gap_or_an_existing_file_stops_the_run(tmp_path):
    (tmp_path / "Batch2").mkdir()
    with pytest.raises(FileNotFoundError, match=r"found \[2\]"):
        BareSQL(tmp_path, tmp_path / "new.duckdb")
    (tmp_path / "old.duckdb").touch()
    with pytest.raises(FileExistsError, match=r"old\.duckdb exists"):
        BareSQL(tmp_path, tmp_path / "old.duckdb")


@pytest.mark.slow
@pytest.mark.sample
@pytest.mark.parametrize("batches", [1, 2, 3])
def test_golden_values_of_the_sample(sample_landing: Path, tmp_path: Path, batches: int):
    database = tmp_path / "sample.duckdb"
    arguments = [str(sample_landing), "--database", str(database), "--batches", str(batches)]
    assert main([*arguments, "--json", "--memory-limit", "500MB"]) == 0
    with duckdb.connect(str(database), read_only=True) as connection:
        results = check_golden(connection, after_batch=batches)
    assert len(results) > 90
    assert [str(result) for result in results if not result.ok] == []
