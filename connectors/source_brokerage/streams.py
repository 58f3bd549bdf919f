"""The streams: which file each comes from, its columns, its place in the batches.

Declarations and the catalogue made of them; reading files lives elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

Format = Literal["pipe", "comma", "lines", "xml", "audit"]
Batches = Literal["every", "first", "later"]

CDC_COLUMNS = ("cdc_flag", "cdc_dsn")
METADATA: dict[str, tuple[str, str]] = {
    "_batch": ("integer", "Number of the directory BatchN; 0 for the files beside them."),
    "_delivery": ("integer", "1 for the first delivery of the batch, 2 for its replacement, ..."),
    "_file": ("string", "Path of the file below the landing directory."),
    "_line": ("integer", "1-based line of the row; for XML the line of its element."),
    "_raw_text": ("string", "Text of a row that cannot be split into its columns, else null."),
}
INTEGER_COLUMNS = frozenset({"action_number", "account_number"})


@dataclass(frozen=True)
class Stream:
    """One kind of source file.

    `pattern` is matched against the file's name. `has_cdc` says that later batches lead with the
    two CDC columns, which the historical batch lacks. `required` and `required_later` say whether
    a batch without the file is incomplete (first batch, later batches).
    """

    name: str
    pattern: str
    format: Format
    columns: tuple[str, ...]
    batches: Batches = "every"
    has_cdc: bool = False
    required: bool = True
    required_later: bool = True

    def in_batch(self, batch: int) -> bool:
        """Whether the batch may hold files of this stream."""
        if self.batches == "every":
            return batch > 0 or self.format == "audit"
        return batch == 1 if self.batches == "first" else batch > 1

    def is_required(self, batch: int) -> bool:
        """Whether the batch is incomplete without a file of this stream."""
        needed = self.required if batch == 1 else self.required_later
        return needed and self.in_batch(batch) and batch > 0

    def matches(self, file_name: str) -> bool:
        """Whether the file belongs to this stream."""
        return fnmatchcase(file_name, self.pattern)

    def layout(self, batch: int) -> str | None:
        """`historical` or `incremental` where CDC columns tell the layouts apart, else None."""
        if not self.has_cdc:
            return None
        return "historical" if batch == 1 else "incremental"

    def file_columns(self, batch: int) -> tuple[str, ...]:
        """The columns that the batch's file really has, in file order."""
        if self.layout(batch) == "historical":
            return self.columns[len(CDC_COLUMNS) :]
        return self.columns

    @property
    def is_file_based(self) -> bool:
        """Whether whole files can be handed over (text files that carry data)."""
        return self.format in ("pipe", "comma", "lines") and self.name != "batch_date"


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _reference(name: str, file: str, columns: str) -> Stream:
    return Stream(name, file, "pipe", _names(columns), batches="first")


def _changes(
    name: str, file: str, columns: str, batches: Batches = "every", has_cdc: bool = True
) -> Stream:
    return Stream(name, file, "pipe", (*CDC_COLUMNS, *_names(columns)), batches, has_cdc)


_PHONES_CRM = " ".join(
    f"c_phone_{n}_{part}" for n in (1, 2, 3) for part in ("ctry_code", "area_code", "local", "ext")
)
_PHONES_OLTP = " ".join(
    f"c_{part}_{n}" for n in (1, 2, 3) for part in ("ctry", "area", "local", "ext")
)
CRM_ACTION_COLUMNS = _names(
    "action_number actiontype actionts c_id c_tax_id c_gndr c_tier c_dob c_l_name c_f_name "
    "c_m_name c_adline1 c_adline2 c_zipcode c_city c_state_prov c_ctry c_prim_email "
    f"c_alt_email {_PHONES_CRM} c_lcl_tx_id c_nat_tx_id"
)
CRM_ACCOUNT_COLUMNS = _names(
    "action_number account_number actiontype actionts c_id ca_id ca_tax_st ca_b_id ca_name"
)

# Order of delivery inside a batch: the bulk first, the commit marker last.
STREAMS: tuple[Stream, ...] = (
    _changes("daily_market", "DailyMarket.txt", "dm_date dm_s_symb dm_close dm_high dm_low dm_vol"),
    _changes("watch_history", "WatchHistory.txt", "w_c_id w_s_symb w_dts w_action"),
    _changes(
        "trade",
        "Trade.txt",
        "t_id t_dts t_st_id t_tt_id t_is_cash t_s_symb t_qty t_bid_price t_ca_id t_exec_name "
        "t_trade_price t_chrg t_comm t_tax",
    ),
    _changes("cash_transaction", "CashTransaction.txt", "ct_ca_id ct_dts ct_amt ct_name"),
    _reference("trade_history", "TradeHistory.txt", "th_t_id th_dts th_st_id"),
    Stream("finwire", "FINWIRE????Q?", "lines", ("line",), required_later=False),
    _changes(
        "holding_history", "HoldingHistory.txt", "hh_h_t_id hh_t_id hh_before_qty hh_after_qty"
    ),
    _reference(
        "time",
        "Time.txt",
        "sk_timeid timevalue hourid hourdesc minuteid minutedesc secondid seconddesc "
        "markethoursflag officehoursflag",
    ),
    _reference(
        "date",
        "Date.txt",
        "sk_dateid datevalue datedesc calendaryearid calendaryeardesc calendarqtrid "
        "calendarqtrdesc calendarmonthid calendarmonthdesc calendarweekid calendarweekdesc "
        "dayofweeknum dayofweekdesc fiscalyearid fiscalyeardesc fiscalqtrid fiscalqtrdesc "
        "holidayflag",
    ),
    Stream(
        "prospect",
        "Prospect.csv",
        "comma",
        _names(
            "agencyid lastname firstname middleinitial gender addressline1 addressline2 "
            "postalcode city state country phone income numbercars numberchildren "
            "maritalstatus age creditrating ownorrentflag employer numbercreditcards networth"
        ),
    ),
    Stream(
        "hr",
        "HR.csv",
        "comma",
        _names(
            "employeeid managerid employeefirstname employeelastname employeemi "
            "employeejobcode employeebranch employeeoffice employeephone"
        ),
        required_later=False,
    ),
    _reference("industry", "Industry.txt", "in_id in_name in_sc_id"),
    _reference("status_type", "StatusType.txt", "st_id st_name"),
    _reference("tax_rate", "TaxRate.txt", "tx_id tx_name tx_rate"),
    _reference("trade_type", "TradeType.txt", "tt_id tt_name tt_is_sell tt_is_mrkt"),
    _changes(
        "customer",
        "Customer.txt",
        "c_id c_tax_id c_st_id c_l_name c_f_name c_m_name c_gndr c_tier c_dob c_adline1 c_adline2 "
        f"c_zipcode c_city c_state_prov c_ctry {_PHONES_OLTP} c_email_1 c_email_2 c_lcl_tx_id "
        "c_nat_tx_id",
        batches="later",
        has_cdc=False,
    ),
    _changes(
        "account",
        "Account.txt",
        "ca_id ca_b_id ca_c_id ca_name ca_tax_st ca_st_id",
        batches="later",
        has_cdc=False,
    ),
    Stream("customer_mgmt_action", "CustomerMgmt.xml", "xml", CRM_ACTION_COLUMNS, "first"),
    Stream("customer_mgmt_account", "CustomerMgmt.xml", "xml", CRM_ACCOUNT_COLUMNS, "first"),
    Stream(
        "audit",
        "*_audit.csv",
        "audit",
        ("dataset", "batchid", "date", "attribute", "value", "dvalue"),
        required=False,
        required_later=False,
    ),
    Stream("batch_date", "BatchDate.txt", "pipe", ("batch_date",)),
)
BY_NAME = {stream.name: stream for stream in STREAMS}
_BY_FILE: dict[str, list[Stream]] = {}
for _stream in STREAMS:
    _BY_FILE.setdefault(_stream.pattern, []).append(_stream)
_BY_PATTERN = [stream for stream in STREAMS if "*" in stream.pattern or "?" in stream.pattern]


def streams_of(file_name: str, batch: int) -> list[Stream]:
    """The streams that a file of a batch belongs to; none for a file that nothing is known of."""
    found = _BY_FILE.get(file_name) or [s for s in _BY_PATTERN if s.matches(file_name)]
    return [stream for stream in found if stream.in_batch(batch)]


def json_schema(stream: Stream) -> dict[str, Any]:
    """The stream's JSON schema: source columns as text, then the metadata columns."""
    properties: dict[str, Any] = {
        column: {"type": ["null", "integer" if column in INTEGER_COLUMNS else "string"]}
        for column in stream.columns
    }
    for name, (kind, description) in METADATA.items():
        properties[name] = {"type": ["null", kind], "description": description}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": True,
        "properties": properties,
    }


def catalog(files: bool) -> dict[str, Any]:
    """The Airbyte catalogue; with `files`, text streams hand over whole files."""
    return {"streams": [_airbyte_stream(stream, files) for stream in STREAMS]}


def _airbyte_stream(stream: Stream, files: bool) -> dict[str, Any]:
    description: dict[str, Any] = {
        "name": stream.name,
        "json_schema": json_schema(stream),
        "supported_sync_modes": ["full_refresh", "incremental"],
        "source_defined_cursor": True,
        "default_cursor_field": ["_batch"],
        "is_resumable": True,
        "is_file_based": files and stream.is_file_based,
    }
    if stream.format != "xml":
        keys = ("_batch", "_delivery", "_file", "_line")
        description["source_defined_primary_key"] = [[key] for key in keys]
    return description
