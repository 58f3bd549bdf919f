"""The source files row by row: schema ``raw_1`` for batch 1, and so on.

What each file looks like lives here (file name, delimiter, columns in file order, with the type
of those that are not text: DuckDB's reader types them while it reads, which costs less than to
store the text and read it again); what the columns mean lives in ``sql/``. The daily batches put
two columns of change capture before those of the historical files.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.bare_sql.customer_xml import read_accounts_and_actions

CHANGE_CAPTURE = ("cdc_flag", "cdc_dsn:bigint")


@dataclass(frozen=True)
class Stream:
    """One kind of source file.

    ``pattern`` is relative to a batch's directory; a column is its name, with ``:type`` behind it
    unless it is text. With ``change_capture`` the files of the
    later batches have the two CDC columns that the historical ones lack. Where the position in
    the file means something that no column says, ``keeps_order`` keeps it as the row's id.
    """

    name: str
    pattern: str
    columns: tuple[str, ...]
    delimiter: str = "|"
    quote: str = ""
    change_capture: bool = False
    keeps_order: bool = False


def _stream(name: str, pattern: str, columns: str, **options: object) -> Stream:
    return Stream(name, pattern, tuple(columns.split()), **options)  # type: ignore[arg-type]


HISTORICAL = (
    _stream(
        "date",
        "Date.txt",
        "sk_dateid:bigint datevalue:date datedesc calendaryearid:integer calendaryeardesc"
        " calendarqtrid:integer calendarqtrdesc calendarmonthid:integer calendarmonthdesc"
        " calendarweekid:integer calendarweekdesc dayofweeknum:integer dayofweekdesc"
        " fiscalyearid:integer fiscalyeardesc fiscalqtrid:integer fiscalqtrdesc"
        " holidayflag:boolean",
    ),
    _stream(
        "time",
        "Time.txt",
        "sk_timeid:bigint timevalue:time hourid:integer hourdesc minuteid:integer minutedesc"
        " secondid:integer seconddesc markethoursflag:boolean officehoursflag:boolean",
    ),
    _stream("industry", "Industry.txt", "in_id in_name in_sc_id"),
    _stream("status_type", "StatusType.txt", "st_id st_name"),
    _stream("tax_rate", "TaxRate.txt", "tx_id tx_name tx_rate:decimal(6,5)"),
    _stream("trade_type", "TradeType.txt", "tt_id tt_name tt_is_sell:integer tt_is_mrkt:integer"),
    _stream("trade_history", "TradeHistory.txt", "th_t_id:bigint th_dts:timestamp th_st_id"),
)

# Required in the historical batch, possible in every later one.
LATE = (
    _stream(
        "hr",
        "HR.csv",
        "employeeid:bigint managerid:bigint employeefirstname employeelastname employeemi"
        " employeejobcode:integer employeebranch employeeoffice employeephone",
        delimiter=",",
    ),
    # Fixed width: a delimiter that never occurs keeps the line whole, blanks included.
    _stream("finwire", "FINWIRE????Q?", "line", delimiter="\x01", keeps_order=True),
)

DAILY = (
    _stream(
        "customer",
        "Customer.txt",
        "c_id:bigint c_tax_id c_st_id c_l_name c_f_name c_m_name c_gndr c_tier:integer"
        " c_dob:date c_adline1 c_adline2 c_zipcode c_city c_state_prov c_ctry c_ctry_1"
        " c_area_1 c_local_1 c_ext_1 c_ctry_2 c_area_2 c_local_2 c_ext_2 c_ctry_3 c_area_3"
        " c_local_3 c_ext_3 c_email_1 c_email_2 c_lcl_tx_id c_nat_tx_id",
        change_capture=True,
    ),
    _stream(
        "account",
        "Account.txt",
        "ca_id:bigint ca_b_id:bigint ca_c_id:bigint ca_name ca_tax_st:integer ca_st_id",
        change_capture=True,
    ),
)

EVERY_BATCH = (
    _stream("batch_date", "BatchDate.txt", "batch_date:date"),
    _stream(
        "prospect",
        "Prospect.csv",
        "agencyid lastname firstname middleinitial gender addressline1 addressline2"
        " postalcode city state country phone income:bigint numbercars:integer"
        " numberchildren:integer maritalstatus age:integer creditrating:integer ownorrentflag"
        " employer numbercreditcards:integer networth:bigint",
        delimiter=",",
        quote='"',
    ),
    _stream(
        "daily_market",
        "DailyMarket.txt",
        "dm_date:date dm_s_symb dm_close:decimal(8,2) dm_high:decimal(8,2)"
        " dm_low:decimal(8,2) dm_vol:bigint",
        change_capture=True,
    ),
    _stream(
        "trade",
        "Trade.txt",
        "t_id:bigint t_dts:timestamp t_st_id t_tt_id t_is_cash:boolean t_s_symb t_qty:integer"
        " t_bid_price:decimal(8,2) t_ca_id:bigint t_exec_name t_trade_price:decimal(8,2)"
        " t_chrg:decimal(10,2) t_comm:decimal(10,2) t_tax:decimal(10,2)",
        change_capture=True,
    ),
    _stream(
        "cash_transaction",
        "CashTransaction.txt",
        "ct_ca_id:bigint ct_dts:timestamp ct_amt:decimal(10,2) ct_name",
        change_capture=True,
    ),
    _stream(
        "holding_history",
        "HoldingHistory.txt",
        "hh_h_t_id:bigint hh_t_id:bigint hh_before_qty:integer hh_after_qty:integer",
        change_capture=True,
    ),
    _stream(
        "watch_history",
        "WatchHistory.txt",
        "w_c_id:bigint w_s_symb w_dts:timestamp w_action",
        change_capture=True,
    ),
)

AUDIT = Stream(
    "audit",
    "*_audit.csv",
    ("dataset", "batchid", "date", "attribute", "value", "dvalue"),
    ",",
)


def land_batch(connection: duckdb.DuckDBPyConnection, directory: Path, batch: int) -> None:
    """Create the schema ``raw_<batch>`` with a table for each text file of one directory.

    The tables are stored uncompressed: they are read once, and compressing text is what would
    cost most.
    """
    connection.execute(f"create schema if not exists raw_{batch}")
    connection.execute("set force_compression = 'uncompressed'")
    streams = (*HISTORICAL, *LATE, *EVERY_BATCH) if batch == 1 else (*DAILY, *LATE, *EVERY_BATCH)
    for stream in streams:
        if batch > 1 and stream in LATE and not any(directory.glob(stream.pattern)):
            continue
        captures = stream.change_capture and batch > 1
        names = (*CHANGE_CAPTURE, *stream.columns) if captures else stream.columns
        connection.execute(f"set preserve_insertion_order = {stream.keeps_order}")
        connection.execute(
            f"create table raw_{batch}.{stream.name} as from {_read(stream, names)}",
            {"path": str(directory / stream.pattern)},
        )
    connection.execute("set preserve_insertion_order = false")
    if batch == 1:
        connection.execute("checkpoint")
    connection.execute("set force_compression = 'auto'")


def land_customer_management(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Parse ``CustomerMgmt.xml`` of the historical batch into its two raw tables."""
    actions, accounts = read_accounts_and_actions(directory / "CustomerMgmt.xml")
    for name, rows in (("customer_mgmt_action", actions), ("customer_mgmt_account", accounts)):
        connection.register("parsed", rows)
        connection.execute(f"create table raw_1.{name} as from parsed")
        connection.unregister("parsed")


def land_audit(
    connection: duckdb.DuckDBPyConnection, landing: Path, directories: list[Path]
) -> None:
    """Read the audit files of the landing directory and of the given batch directories."""
    paths = [path for folder in (landing, *directories) for path in folder.glob(AUDIT.pattern)]
    connection.execute(
        f"create table audit as from {_read(AUDIT, AUDIT.columns, header=True)}",
        {"path": sorted(str(path) for path in paths)},
    )


def _read(stream: Stream, names: tuple[str, ...], *, header: bool = False) -> str:
    pairs = (name.partition(":") for name in names)
    columns = ", ".join(f"'{name}': '{kind or 'varchar'}'" for name, _, kind in pairs)
    return (
        f"read_csv($path, delim='{stream.delimiter}', quote='{stream.quote}',"
        f" escape='{stream.quote}', header={str(header).lower()}, nullstr='', auto_detect=false,"
        f" columns={{{columns}}})"
    )
