"""Formats: names, line ends, widths, quoting, and audit files that tell the truth."""

import csv
import datetime
import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from simulator.layouts import LAYOUTS, columns_of
from tests.simulator.conftest import Simulated

DAILY = {
    "Account.txt", "BatchDate.txt", "CashTransaction.txt", "Customer.txt", "DailyMarket.txt",
    "HoldingHistory.txt", "Prospect.csv", "Trade.txt", "WatchHistory.txt",
}  # fmt: skip
HISTORICAL = {
    "BatchDate.txt", "CashTransaction.txt", "CustomerMgmt.xml", "DailyMarket.txt", "Date.txt",
    "HR.csv", "HoldingHistory.txt", "Industry.txt", "Prospect.csv", "StatusType.txt",
    "TaxRate.txt", "Time.txt", "Trade.txt", "TradeHistory.txt", "TradeType.txt",
    "WatchHistory.txt",
}  # fmt: skip


def data_files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if not path.name.endswith("_audit.csv")}


def audit(path: Path) -> dict[tuple[str, str], int]:
    rows = list(csv.reader(path.open(newline="")))
    assert ",".join(rows[0]) == "DataSet, BatchID ,Date , Attribute , Value, DValue"
    return {(row[0], row[3]): int(row[4]) for row in rows[1:] if row[4]}


def test_batches_hold_their_files(default: Simulated) -> None:
    first = data_files(default.landing / "Batch1")
    wires = {name for name in first if name.startswith("FINWIRE")}
    assert first - wires == HISTORICAL
    expected = {f"FINWIRE{year}Q{number}" for year in range(1967, 2018) for number in range(1, 5)}
    assert wires == expected - {"FINWIRE2017Q4"}
    assert data_files(default.landing / "Batch2") == DAILY
    assert data_files(default.landing / "Batch3") == DAILY | {"HR.csv"}
    assert data_files(default.landing / "Batch4") == DAILY


def test_a_quarter_that_begins_brings_the_newswire(quarter: Simulated) -> None:
    assert "FINWIRE2017Q4" in data_files(quarter.landing / "Batch4")
    kinds = dict(quarter.rows("select kind, count(*) from newswire where batch = 4 group by 1"))
    assert set(kinds) == {"CMP", "SEC", "FIN"}
    days = quarter.rows("select distinct posted::date from newswire where batch = 4")
    assert days == [(datetime.date(2017, 10, 1),)]


def test_the_root_holds_audits_and_report(default: Simulated) -> None:
    names = {path.name for path in default.landing.iterdir()}
    assert names == {
        *(f"Batch{batch}" for batch in range(1, 5)),
        *(f"Batch{batch}_audit.csv" for batch in range(1, 5)),
        "Generator_audit.csv", "digen_report.txt", "simulation.json",
    }  # fmt: skip
    window = (default.landing / "Batch1_audit.csv").read_text()
    assert "Batch,1,1950-01-01,FirstDay,," in window
    assert "Batch,1,2017-07-07,LastDay,," in window
    assert "Batch,3,2017-07-09,FirstDay,," in (default.landing / "Batch3_audit.csv").read_text()
    assert (
        "Generator,1,,SF,,100\r\n"
        in (default.landing / "Generator_audit.csv").read_bytes().decode()
    )


def test_the_report_totals_every_record(default: Simulated) -> None:
    text = (default.landing / "digen_report.txt").read_bytes().decode()
    assert "\r" not in text
    for batch in range(1, 5):
        directory = default.landing / f"Batch{batch}"
        lines = sum(
            path.read_bytes().count(b"\r\n")
            for path in directory.iterdir()
            if path.name in data_files(directory) - {"BatchDate.txt", "CustomerMgmt.xml"}
        )
        actions = default.value("select count(*) from crm") if batch == 1 else 0
        assert f"TotalRecords for Batch{batch}: {lines + int(str(actions))}\n" in text


def test_bytes_are_ascii_with_carriage_returns(either: Simulated) -> None:
    for path in either.landing.glob("Batch*/*"):
        content = path.read_bytes()
        assert content.isascii(), path
        assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r"), path
        if path.name != "CustomerMgmt.xml":
            assert content.endswith(b"\r\n"), path
    xml = (either.landing / "Batch1" / "CustomerMgmt.xml").read_bytes()
    assert xml.endswith(b"</TPCDI:Actions>")


def test_every_data_file_has_an_audit_file(either: Simulated) -> None:
    for batch in range(1, 5):
        directory = either.landing / f"Batch{batch}"
        audits = {path.name for path in directory.iterdir()} - data_files(directory)
        assert audits == {
            f"{Path(name).stem}_audit.csv" for name in data_files(directory) - {"BatchDate.txt"}
        }


def test_batch_dates_are_consecutive(default: Simulated) -> None:
    dates = [
        (default.landing / f"Batch{batch}" / "BatchDate.txt").read_bytes() for batch in range(1, 5)
    ]
    assert dates == [f"2017-07-{day:02d}\r\n".encode() for day in (7, 8, 9, 10)]


def test_rows_have_their_number_of_fields(either: Simulated) -> None:
    for name in LAYOUTS:
        for batch in range(1, 5):
            path = either.landing / f"Batch{batch}" / name
            if not path.exists():
                continue
            rows = (
                csv.reader(path.open(newline=""))
                if name.endswith(".csv")
                else (line.split("|") for line in path.read_text().splitlines())
            )
            assert {len(row) for row in rows} == {len(columns_of(name, batch))}, path


def test_newswire_records_have_fixed_widths(either: Simulated) -> None:
    widths = either.rows("select distinct kind, length(line) from newswire order by all")
    assert widths == [("CMP", 543), ("FIN", 196), ("FIN", 246), ("SEC", 170), ("SEC", 220)]


WIDTHS = {
    "customer": {
        "c_tax_id": 20, "c_l_name": 25, "c_f_name": 20, "c_m_name": 1, "c_gndr": 1, "c_tier": 1,
        "c_adline1": 80, "c_adline2": 80, "c_zipcode": 12, "c_city": 25, "c_state_prov": 20,
        "c_ctry": 24, "c_email_1": 50, "c_email_2": 50, "c_local_1": 10, "c_ext_1": 5,
        "c_lcl_tx_id": 4, "c_nat_tx_id": 4,
    },
    "crm": {"c_l_name": 25, "c_f_name": 20, "c_prim_email": 50, "c_alt_email": 50, "ca_name": 50},
    "account": {"ca_name": 50, "ca_tax_st": 1, "ca_st_id": 4},
    "cashtransaction": {"ct_name": 100, "ct_amt": 11},
    "dailymarket": {"dm_s_symb": 15, "dm_close": 9, "dm_vol": 12},
    "hr": {
        "first_name": 30, "last_name": 30, "initial": 1, "branch": 30, "office": 10, "phone": 14,
    },
    "prospect": {
        "agency_id": 30, "last_name": 30, "first_name": 30, "gender": 1, "address_line1": 80,
        "city": 25, "state": 20, "country": 24, "phone": 30, "income": 9, "employer": 30,
        "net_worth": 12,
    },
    "industry": {"in_id": 2, "in_name": 50, "in_sc_id": 4},
    "taxrate": {"tx_id": 4, "tx_name": 50, "tx_rate": 7},
    "trade": {"t_qty": 6, "t_bid_price": 9, "t_trade_price": 9, "t_chrg": 11, "t_tax": 11},
}  # fmt: skip


@pytest.mark.parametrize("table", WIDTHS)
def test_values_fit_their_columns(either: Simulated, table: str) -> None:
    for column, width in WIDTHS[table].items():
        longest = either.value(f"select max(length({column})) from {table}")
        assert longest is None or int(str(longest)) <= width, column


def test_values_have_their_patterns(either: Simulated) -> None:
    patterns = {
        ("crm", "c_tax_id"): r"\d{3}-\d{2}-\d{4}",
        ("crm", "c_prim_email"): r"[^@]+\.[^@]+@[^@]+\.[^@]+|",
        ("customer", "c_local_1"): r"\d{3}-\d{4}",
        ("hr", "phone"): r"\(\d{3}\) \d{3}-\d{4}",
        ("prospect", "phone"): r"1-\d{3}-\d{3}-\d{4}",
        ("trade", "t_dts"): r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
        ("trade", "t_tax"): r"\d+\.\d\d",
        ("cashtransaction", "ct_amt"): r"-?\d+\.\d\d",
        ("taxrate", "tx_rate"): r"0\.\d{5}",
    }
    for (table, column), pattern in patterns.items():
        odd = either.rows(
            f"select {column} from {table} where not regexp_full_match({column}, '{pattern}')"
        )
        assert odd == [], (table, column)


def test_xml_namespaces_only_the_outer_elements(default: Simulated) -> None:
    root = ElementTree.parse(default.landing / "Batch1" / "CustomerMgmt.xml").getroot()
    assert root.tag == "{http://www.tpc.org/tpc-di}Actions"
    names = Counter(element.tag.startswith("{") for element in root.iter())
    assert names[True] == 1 + len(root)
    actions = Counter(action.get("ActionType") for action in root)
    assert actions == {"NEW": 471, "ADDACCT": 451, "UPDACCT": 258, "CLOSEACCT": 129,
                       "UPDCUST": 129, "INACT": 64}  # fmt: skip


def test_reference_files_have_their_content(default: Simulated) -> None:
    status = (default.landing / "Batch1" / "StatusType.txt").read_bytes().decode()
    assert status == (
        "ACTV|Active\r\nCMPT|Completed\r\nCNCL|Canceled\r\nPNDG|Pending\r\nSBMT|Submitted\r\n"
        "INAC|Inactive\r\n"
    )
    assert default.value("select count(*) from time where market_hours = 'true'") == 23_401
    assert default.value("select count(*) from time where office_hours = 'true'") == 32_401
    assert default.rows("select count(*), min(date_value), max(date_value) from date") == [
        (36_890, "1950-01-01", "2050-12-31")
    ]
    wednesday = default.rows(
        "select columns(* exclude (batch, line)) from date where sk_date_id = '20040707'"
    )
    assert wednesday == [(
        "20040707", "2004-07-07", "Jul 7, 2004", "2004", "2004", "20043", "2004 Q3", "20047",
        "2004 Jul", "200428", "2004-W28", "3", "Wed", "2005", "2005", "20051", "2005 Q1", "false",
    )]  # fmt: skip
    last = default.rows(
        "select week_id, week_desc, fiscal_qtr_id from date where date_value = '2017-12-31'"
    )
    assert last == [("20171", "2017-W1", "20183")]
    assert default.rows(
        "select count(*), count(distinct in_name), count(distinct in_sc_id) from industry"
    ) == [(102, 70, 11)]
    assert default.rows(
        """select count(*), count(distinct tx_name), count(distinct (tx_name, tx_rate)),
        max(length(tx_name)) from taxrate"""
    ) == [(320, 317, 320, 50)]


def test_audit_files_count_truly(either: Simulated) -> None:
    century = "(select day - interval 100 year from dates where batch = b)"
    bad_tier = "coalesce(c_tier not in ('1', '2', '3'), true)"
    for batch in range(1, 5):
        directory = either.landing / f"Batch{batch}"
        customers = (
            "(select *, 1 as batch from crm where action = 'NEW')" if batch == 1 else "customer"
        )
        facts = {
            "Trade": {
                "T_Records": "count(*) from trade",
                "T_NEW": "count(*) from trade where coalesce(cdc_flag, 'I') = 'I'",
                "T_CanceledTrades": "count(*) from trade where t_st_id = 'CNCL'",
                "T_InvalidCommision": "count(*) from trade where t_comm::decimal(12, 2)"
                " > t_trade_price::decimal(12, 2) * t_qty::int",
                "T_InvalidCharge": "count(*) from trade where t_chrg::decimal(12, 2)"
                " > t_trade_price::decimal(12, 2) * t_qty::int",
            },
            "CashTransaction": {"CT_Records": "count(*) from cashtransaction",
                                "CT_Trades": "count(*) from cashtransaction"},
            "HoldingHistory": {"HH_RECORDS": "count(*) from holdinghistory"},
            "DailyMarket": {"DM_RECORDS": "count(*) from dailymarket"},
            "WatchHistory": {
                "WH_RECORDS": "count(*) from watchhistory",
                "WH_ACTIVE": "count(*) from watchhistory where w_action = 'ACTV'",
            },
            "Prospect": {"P_RECORDS": "count(*) from prospect"},
            "CustomerMgmt" if batch == 1 else "Customer": {
                "C_TIER_INV": f"count(*) from {customers} where {bad_tier}",
                "C_DOB_TO": f"count(*) from {customers} where c_dob::date < {century}",
                "C_DOB_TY": f"count(*) from {customers}"
                " where c_dob::date > (select day from dates where batch = b)",
            },
        }  # fmt: skip
        if batch == 1:
            facts["CustomerMgmt"] |= {
                f"{prefix}_{action}": f"count(*) from crm where action = '{action}' and 1 = batch"
                for prefix, action in (("C", "NEW"), ("C", "UPDCUST"), ("C", "INACT"),
                                       ("CA", "ADDACCT"), ("CA", "UPDACCT"), ("CA", "CLOSEACCT"))
            }  # fmt: skip
            facts["TradeHistory"] = {"TH_Records": "count(*) from tradehistory"} | {
                f"TH_{code}Trades": "count(*) from tradehistory join (select t_id, t_tt_id from"
                f" trade where batch = 1) on t_id = th_t_id where t_tt_id = '{code}'"
                for code in ("TLB", "TLS", "TMB", "TMS")
            }
        else:
            facts["Customer"] |= {
                "C_NEW": "count(*) from customer where cdc_flag = 'I'",
                "C_UPDCUST": "count(*) from customer where cdc_flag = 'U' and c_st_id = 'ACTV'",
                "C_INACT": "count(*) from customer where c_st_id = 'INAC'",
            }
            facts["Account"] = {
                "CA_ADDACCT": "count(*) from account where cdc_flag = 'I'",
                "CA_UPDACCT": "count(*) from account where cdc_flag = 'U' and ca_st_id = 'ACTV'",
                "CA_CLOSEACCT": "count(*) from account where ca_st_id = 'INAC'",
            }
        for name, attributes in facts.items():
            stated = {
                key[1]: value for key, value in audit(directory / f"{name}_audit.csv").items()
            }
            for attribute, sql in attributes.items():
                expected = either.value(_of_batch(sql, batch))
                assert stated[attribute] == expected, (batch, name, attribute)


def _of_batch(sql: str, batch: int) -> str:
    sql = sql.replace("batch = b)", f"batch = {batch})")
    if "1 = batch" in sql:
        return "select " + sql.replace("1 = batch", "true")
    return (
        "select "
        + sql
        + (" and " if " where " in sql.split(") on")[-1] else " where ")
        + (f"batch = {batch}" if "on t_id" not in sql else "true")
    )


def test_newswire_audit_counts_every_record(quarter: Simulated) -> None:
    for path in quarter.landing.glob("Batch*/FINWIRE????Q?"):
        kinds = Counter(line[15:18] for line in path.read_text().splitlines())
        stated = audit(path.parent / f"{path.name}_audit.csv")
        assert stated == {
            ("DimSecurity", "FW_SEC"): kinds["SEC"], ("DimSecurity", "FW_SEC_DUP"): -1,
            ("DimCompany", "FW_CMP"): kinds["CMP"], ("DimCompany", "FW_CMP_DUP"): -1,
            ("Financial", "FW_FIN"): kinds["FIN"], ("Financial", "FW_FIN_DUP"): -1,
        }  # fmt: skip


def test_new_prospects_and_brokers_are_counted(default: Simulated) -> None:
    for batch in (2, 3, 4):
        new = default.value(
            f"""select count(*) from prospect n where batch = {batch} and not exists (
            select 1 from prospect o where o.batch < {batch} and o.agency_id = n.agency_id)"""
        )
        stated = audit(default.landing / f"Batch{batch}" / "Prospect_audit.csv")
        assert stated[("Prospect", "P_NEW")] == new
    for batch in (1, 3):
        brokers = default.value(
            f"select count(*) from hr where batch = {batch} and job_code = '314'"
        )
        stated = audit(default.landing / f"Batch{batch}" / "HR_audit.csv")
        assert stated == {("DimBroker", "HR_BROKERS"): brokers}


def test_the_state_file_tells_the_parameters(default: Simulated) -> None:
    state = json.loads((default.landing / "simulation.json").read_text())
    assert {key: state[key] for key in ("scale", "seed", "start", "newswire")} == {
        "scale": 0.1, "seed": 1, "start": "2017-07-08", "newswire": "continuing",
    }  # fmt: skip
    assert re.fullmatch(r"\d+", str(state["records"]["4"]))
