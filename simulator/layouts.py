"""Column names of the delimited source files, for code that reads a landing directory.

Belongs here: names in file order and how DuckDB reads such a file. Does not belong here: how files
are written.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

CDC_COLUMNS = ("cdc_flag", "cdc_dsn")

LAYOUTS: dict[str, tuple[str, ...]] = {
    "Account.txt": ("ca_id", "ca_b_id", "ca_c_id", "ca_name", "ca_tax_st", "ca_st_id"),
    "CashTransaction.txt": ("ct_ca_id", "ct_dts", "ct_amt", "ct_name"),
    "Customer.txt": (
        *("c_id", "c_tax_id", "c_st_id", "c_l_name", "c_f_name", "c_m_name", "c_gndr", "c_tier"),
        *("c_dob", "c_adline1", "c_adline2", "c_zipcode", "c_city", "c_state_prov", "c_ctry"),
        *("c_ctry_1", "c_area_1", "c_local_1", "c_ext_1"),
        *("c_ctry_2", "c_area_2", "c_local_2", "c_ext_2"),
        *("c_ctry_3", "c_area_3", "c_local_3", "c_ext_3"),
        *("c_email_1", "c_email_2", "c_lcl_tx_id", "c_nat_tx_id"),
    ),
    "DailyMarket.txt": ("dm_date", "dm_s_symb", "dm_close", "dm_high", "dm_low", "dm_vol"),
    "HoldingHistory.txt": ("hh_h_t_id", "hh_t_id", "hh_before_qty", "hh_after_qty"),
    "Trade.txt": (
        *("t_id", "t_dts", "t_st_id", "t_tt_id", "t_is_cash", "t_s_symb", "t_qty", "t_bid_price"),
        *("t_ca_id", "t_exec_name", "t_trade_price", "t_chrg", "t_comm", "t_tax"),
    ),
    "TradeHistory.txt": ("th_t_id", "th_dts", "th_st_id"),
    "WatchHistory.txt": ("w_c_id", "w_s_symb", "w_dts", "w_action"),
    "HR.csv": (
        *("employee_id", "manager_id", "first_name", "last_name", "initial", "job_code"),
        *("branch", "office", "phone"),
    ),
    "Prospect.csv": (
        *("agency_id", "last_name", "first_name", "initial", "gender", "address_line1"),
        *("address_line2", "postal_code", "city", "state", "country", "phone", "income"),
        *("number_cars", "number_children", "marital_status", "age", "credit_rating"),
        *("own_or_rent", "employer", "number_credit_cards", "net_worth"),
    ),
    "Date.txt": (
        *("sk_date_id", "date_value", "date_desc", "year_id", "year_desc", "qtr_id", "qtr_desc"),
        *("month_id", "month_desc", "week_id", "week_desc", "day_num", "day_desc"),
        *("fiscal_year_id", "fiscal_year_desc", "fiscal_qtr_id", "fiscal_qtr_desc", "holiday"),
    ),
    "Time.txt": (
        *("sk_time_id", "time_value", "hour_id", "hour_desc", "minute_id", "minute_desc"),
        *("second_id", "second_desc", "market_hours", "office_hours"),
    ),
    "Industry.txt": ("in_id", "in_name", "in_sc_id"),
    "StatusType.txt": ("st_id", "st_name"),
    "TaxRate.txt": ("tx_id", "tx_name", "tx_rate"),
    "TradeType.txt": ("tt_id", "tt_name", "tt_is_sell", "tt_is_mrkt"),
}
CHANGE_FILES = (
    "Account.txt",
    "CashTransaction.txt",
    "Customer.txt",
    "DailyMarket.txt",
    "HoldingHistory.txt",
    "Trade.txt",
    "WatchHistory.txt",
)


def columns_of(name: str, batch: int) -> tuple[str, ...]:
    """Columns of a file in a batch: change files have two more from batch 2 on."""
    return (CDC_COLUMNS if batch > 1 and name in CHANGE_FILES else ()) + LAYOUTS[name]


def relation(
    connection: duckdb.DuckDBPyConnection, landing: Path, batch: int, name: str
) -> duckdb.DuckDBPyRelation:
    """One file of a batch, all columns as text, empty fields as NULL."""
    quote = '"' if name == "Prospect.csv" else ""
    return connection.read_csv(
        str(landing / f"Batch{batch}" / name),
        delimiter="," if name.endswith(".csv") else "|",
        header=False,
        quotechar=quote,
        escapechar=quote,
        na_values="",
        columns=dict.fromkeys(columns_of(name, batch), "VARCHAR"),
        auto_detect=False,
    )
