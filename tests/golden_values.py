"""The golden values of the real sample at scale 3, measured on an audit-clean reference load.

What lives here: the questions and their answers, by section of the warehouse's description. What
does not: asking them (``tests.golden``), and invariants that hold for any data (dbt's tests).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

Row = tuple[object, ...]

LAST_BATCH = 3


@dataclass(frozen=True)
class GoldenCheck:
    """A query of one row and the row it has to give, by the batch it is asked after.

    Ratios are rounded quotients: their sums may differ by ``RATIO_TOLERANCE`` (absolute, relative).
    """

    name: str
    query: str
    expected: dict[int, Row]
    is_ratio: bool = False


def golden_checks() -> Iterator[GoldenCheck]:
    """Every golden check: section by section of the warehouse's description."""
    yield from _row_counts()
    yield from _messages()
    yield from _dimensions()
    yield from _customers_and_accounts()
    yield from _prospects()
    yield from _trades()
    yield from _facts()


def _amounts(*values: str) -> Row:
    return tuple(Decimal(value.replace(",", "")) for value in values)


def _each(*rows: Row) -> dict[int, Row]:
    return dict(enumerate(rows, start=1))


def _always(*row: object) -> dict[int, Row]:
    return _each(row, row, row)


def _at_the_end(*row: object) -> dict[int, Row]:
    return {LAST_BATCH: row}


# One row count per table after each batch, and the name that validation gives the table.
ROW_COUNTS: dict[str, tuple[str, int, int, int]] = {
    "dim_date": ("DimDate", 25_933, 25_933, 25_933),
    "dim_time": ("DimTime", 86_400, 86_400, 86_400),
    "status_type": ("StatusType", 6, 6, 6),
    "tax_rate": ("TaxRate", 320, 320, 320),
    "trade_type": ("TradeType", 5, 5, 5),
    "industry": ("Industry", 102, 102, 102),
    "dim_broker": ("DimBroker", 4_293, 4_293, 4_293),
    "dim_company": ("DimCompany", 1_500, 1_500, 1_500),
    "dim_security": ("DimSecurity", 3_147, 3_147, 3_147),
    "financial": ("Financial", 98_576, 98_576, 98_576),
    "dim_customer": ("DimCustomer", 6_440, 6_459, 6_481),
    "dim_account": ("DimAccount", 16_110, 16_154, 16_211),
    "prospect": ("Prospect", 14_982, 15_000, 15_018),
    "dim_trade": ("DimTrade", 390_978, 391_192, 391_406),
    "fact_holdings": ("FactHoldings", 362_342, 362_560, 362_768),
    "fact_cash_balances": ("FactCashBalances", 330_461, 330_660, 330_844),
    "fact_market_history": ("FactMarketHistory", 1_282_768, 1_284_556, 1_286_344),
    "fact_watches": ("FactWatches", 720_710, 722_389, 724_068),
}
JOINED = ("FactCashBalances", "FactHoldings", "FactMarketHistory", "FactWatches")


def _row_counts() -> Iterator[GoldenCheck]:
    for table, (_, *counts) in ROW_COUNTS.items():
        yield GoldenCheck(
            f"{table}: rows",
            f"select count(*) from {{schema}}.{table}",
            _each(*((count,) for count in counts)),
        )
    yield GoldenCheck("audit: rows", "select count(*) from {schema}.audit", _at_the_end(1_402))


PROSPECT_STATUS = (
    "Inserted rows 14982",
    "Inserted rows 18, Source rows 14982, Updated rows 24",
    "Inserted rows 18, Source rows 14982, Updated rows 24",
)


def _validation(source: str, text: str, *values: int) -> Iterator[GoldenCheck]:
    """What validation wrote on the empty schema (batch 0) and after each batch."""
    for batch, value in enumerate((0, *values)):
        yield GoldenCheck(
            f"di_messages: {source} {text} in batch {batch}",
            "select count(*), min(message_data) from {schema}.di_messages"
            f" where message_type = 'Validation' and message_source = '{source}'"
            f" and message_text = '{text}' and batch_id = {batch}",
            {after: (1, str(value)) for after in range(max(batch, 1), LAST_BATCH + 1)},
        )


def _messages() -> Iterator[GoldenCheck]:
    for source, *counts in ROW_COUNTS.values():
        yield from _validation(source, "Row count", *counts)
        if source in JOINED:
            yield from _validation(source, "Row count joined", *counts)
    yield from _validation("DimCustomer", "Inactive customers", 428, 429, 430)
    yield from _validation("FactWatches", "Inactive watches", 179_332, 179_751, 180_170)
    yield GoldenCheck(
        "di_messages: validation rows, phase records",
        "select count(*) filter (where message_type = 'Validation'),"
        " count(*) filter (where message_type = 'PCR'"
        " and message_source = 'Phase Complete Record' and message_text = 'Batch Complete'"
        " and message_data is null) from {schema}.di_messages",
        _each((48, 2), (72, 3), (96, 4)),
    )
    yield from _alerts()
    for batch, rows in enumerate(PROSPECT_STATUS, start=1):
        yield GoldenCheck(
            f"di_messages: Prospect status in batch {batch}",
            "select string_agg(message_text || ' ' || message_data, ', ' order by message_text)"
            " from {schema}.di_messages where message_type = 'Status'"
            f" and message_source = 'Prospect' and batch_id = {batch}",
            dict.fromkeys(range(batch, LAST_BATCH + 1), (rows,)),
        )


def _alerts() -> Iterator[GoldenCheck]:
    alerts = {
        ("DimCompany", "Invalid SPRating"): (154, 0, 0),
        ("DimCustomer", "Invalid customer tier"): (251, 1, 0),
        ("DimCustomer", "DOB out of range"): (8, 0, 0),
        ("DimTrade", "Invalid trade commission"): (38, 0, 0),
        ("DimTrade", "Invalid trade fee"): (25, 0, 0),
        ("FactMarketHistory", "No earnings for company"): (189_070, 263, 263),
    }
    for (source, text), counts in alerts.items():
        yield GoldenCheck(
            f"di_messages: {source} {text} by batch",
            "select "
            + ", ".join(f"count(*) filter (where batch_id = {batch})" for batch in (1, 2, 3))
            + f", count(*) - count(message_data) from {{schema}}.di_messages where message_type ="
            f" 'Alert' and message_source = '{source}' and message_text = '{text}'",
            {
                after: (*(c if b <= after else 0 for b, c in enumerate(counts, 1)), 0)
                for after in (1, 2, 3)
            },
        )


def _dimensions() -> Iterator[GoldenCheck]:
    yield GoldenCheck(
        "dim_company: companies, inactive, low grade false/true/null, country and founding null",
        "select count(distinct company_id),"
        " count(*) filter (where is_current and status = 'Inactive'),"
        " count(*) filter (where is_low_grade is false),"
        " count(*) filter (where is_low_grade), count(*) filter (where is_low_grade is null),"
        " count(*) - count(country), count(*) - count(founding_date) from {schema}.dim_company",
        _always(1_096, 202, 617, 729, 154, 73, 102),
    )
    yield GoldenCheck(
        "dim_security: symbols, inactive",
        "select count(distinct symbol), count(*) filter (where is_current and status ="
        " 'Inactive') from {schema}.dim_security",
        _always(1_998, 201),
    )
    yield GoldenCheck(
        "dim_security: sum of dividend, shares outstanding, distinct companies",
        "select sum(dividend), sum(shares_outstanding), count(distinct sk_company_id)"
        " from {schema}.dim_security",
        _always(Decimal("4766.69"), 1_566_529_722_145, 1_011),
    )
    yield GoldenCheck(
        "financial: sum of revenue, basic earnings per share, distinct companies",
        "select sum(fi_revenue), sum(fi_basic_eps), count(distinct sk_company_id)"
        " from {schema}.financial",
        _always(Decimal("491789415264409.63"), Decimal("1595368.53"), 1_292),
    )
    yield GoldenCheck(
        "dim_broker: first day, all current, batch 1",
        "select min(effective_date)::varchar, max(effective_date)::varchar, bool_and(is_current),"
        " max(batch_id), count(distinct broker_id) from {schema}.dim_broker",
        _always("1950-01-01", "1950-01-01", True, 1, 4_293),
    )


def _customers_and_accounts() -> Iterator[GoldenCheck]:
    yield GoldenCheck(
        "dim_customer current: rows, inactive",
        "select count(*), count(*) filter (where status = 'Inactive')"
        " from {schema}.dim_customer where is_current",
        _each((4_728, 428), (4_739, 429), (4_750, 430)),
    )
    yield GoldenCheck(
        "dim_customer current: rows with agency_id",
        "select count(agency_id) from {schema}.dim_customer where is_current",
        _each((3_744,), (3_751,), (3_759,)),
    )
    yield GoldenCheck(
        "dim_customer current with agency_id: sum of credit rating, net worth",
        "select sum(credit_rating), sum(net_worth) from {schema}.dim_customer"
        " where is_current and agency_id is not null",
        _at_the_end(2_057_179, 7_085_923_489),
    )
    yield GoldenCheck(
        "dim_customer current: phone1, phone2, phone3, email2 filled",
        "select count(phone1), count(phone2), count(phone3), count(email2)"
        " from {schema}.dim_customer where is_current",
        _at_the_end(4_653, 3_599, 1_375, 2_357),
    )
    yield GoldenCheck(
        "dim_customer current: tier filled, illegal or null tier, country filled",
        "select count(tier), count(*) filter (where tier is null or tier not in (1, 2, 3)),"
        " count(country) from {schema}.dim_customer where is_current",
        _at_the_end(4_509, 247, 4_699),
    )
    yield GoldenCheck(
        "dim_customer current: gender M, F, U",
        "select count(*) filter (where gender = 'M'), count(*) filter (where gender = 'F'),"
        " count(*) filter (where gender = 'U') from {schema}.dim_customer where is_current",
        _at_the_end(1_115, 1_069, 2_566),
    )
    yield GoldenCheck(
        "dim_customer all versions: phone1, email2, tier filled",
        "select count(phone1), count(email2), count(tier) from {schema}.dim_customer",
        _at_the_end(6_350, 3_219, 6_145),
    )
    yield GoldenCheck(
        "dim_customer: customers by number of versions, 1 to 6, more",
        "select "
        + ", ".join(f"count(*) filter (where versions = {count})" for count in range(1, 7))
        + ", count(*) filter (where versions > 6) from (select count(*) as versions"
        " from {schema}.dim_customer group by customer_id)",
        _at_the_end(3_387, 1_064, 244, 44, 8, 3, 0),
    )
    yield GoldenCheck(
        "dim_customer: phones with an extension",
        "select (select phone2 from {schema}.dim_customer where customer_id = 4732 and"
        " is_current), (select phone1 from {schema}.dim_customer where customer_id = 4729 and"
        " is_current)",
        _at_the_end("+1 (671) 321-288558641", "920-359571797"),
    )
    yield GoldenCheck(
        "dim_account: accounts, current inactive after batch 1",
        "select count(distinct account_id), count(*) filter (where is_current and status ="
        " 'Inactive') from {schema}.dim_account",
        {1: (9_008, 1_903)},
    )
    yield GoldenCheck(
        "dim_account current: active, inactive, tax status 0, 1, 2",
        "select count(*) filter (where status = 'Active'),"
        " count(*) filter (where status = 'Inactive'),"
        " count(*) filter (where tax_status = 0), count(*) filter (where tax_status = 1),"
        " count(*) filter (where tax_status = 2) from {schema}.dim_account where is_current",
        _at_the_end(7_140, 1_910, 908, 6_313, 1_829),
    )
    yield GoldenCheck(
        "dim_account: rows with a description",
        "select count(account_desc) from {schema}.dim_account",
        _at_the_end(15_377),
    )


def _prospects() -> Iterator[GoldenCheck]:
    yield GoldenCheck(
        "prospect: customers, without nameplate",
        "select count(*) filter (where is_customer), count(*) - count(marketing_nameplate)"
        " from {schema}.prospect",
        _each((3_409, 80), (3_415, 79), (3_422, 79)),
    )
    yield GoldenCheck(
        "prospect: distinct nameplates",
        "select count(distinct marketing_nameplate) from {schema}.prospect",
        _always(39),
    )
    yield GoldenCheck(
        "prospect: rows by batch 1, 2, 3",
        "select "
        + ", ".join(f"count(*) filter (where batch_id = {b})" for b in (1, 2, 3))
        + " from {schema}.prospect",
        _at_the_end(18, 18, 14_982),
    )
    yield GoldenCheck(
        "prospect: rows by update date, three batch days",
        "select "
        + ", ".join(
            f"count(*) filter (where sk_update_date_id = 2017070{day})" for day in (7, 8, 9)
        )
        + " from {schema}.prospect",
        _at_the_end(14_935, 41, 42),
    )


def _trades() -> Iterator[GoldenCheck]:
    yield GoldenCheck(
        "dim_trade: pending, submitted, canceled",
        "select count(*) filter (where status = 'Pending'),"
        " count(*) filter (where status = 'Submitted'),"
        " count(*) filter (where status = 'Canceled') from {schema}.dim_trade",
        _each((5_855, 1, 22_780), (5_840, 1, 22_791), (5_833, 1, 22_804)),
    )
    yield GoldenCheck(
        "dim_trade: completed",
        "select count(*) from {schema}.dim_trade where status = 'Completed'",
        _each((362_342,), (362_560,), (362_768,)),
    )
    yield GoldenCheck(
        "dim_trade: sum of quantity, bid price",
        "select sum(quantity), sum(bid_price) from {schema}.dim_trade",
        _at_the_end(1_956_146_922, Decimal("2153663.06")),
    )
    yield GoldenCheck(
        "dim_trade: sum of trade price, fee, commission, tax",
        "select sum(trade_price), sum(fee), sum(commission), sum(tax) from {schema}.dim_trade",
        _at_the_end(
            *_amounts("1,996,355.44", "28,752,025.83", "31,889,437.12", "2,244,623,963.75")
        ),
    )
    yield GoldenCheck(
        "dim_trade: closed, cash",
        "select count(sk_close_date_id), count(*) filter (where cash_flag) from {schema}.dim_trade",
        _at_the_end(385_572, 78_442),
    )
    yield GoldenCheck(
        "dim_trade: rows by batch 1, 2, 3",
        "select "
        + ", ".join(f"count(*) filter (where batch_id = {b})" for b in (1, 2, 3))
        + " from {schema}.dim_trade",
        _at_the_end(390_720, 348, 338),
    )


def _by_batch(
    name: str, table: str, expression: str, values: Row, *, is_ratio: bool = False
) -> GoldenCheck:
    """A measure that each batch adds to and none changes: asked batch by batch."""
    return GoldenCheck(
        f"{table}: {name} by batch",
        "select "
        + ", ".join(f"{expression} filter (where batch_id = {batch})" for batch in (1, 2, 3))
        + f" from {{schema}}.{table}",
        {
            after: tuple(
                value if batch <= after else (0 if expression.startswith("count") else None)
                for batch, value in enumerate(values, start=1)
            )
            for after in (1, 2, 3)
        },
        is_ratio,
    )


def _facts() -> Iterator[GoldenCheck]:
    cash, holdings = "fact_cash_balances", "fact_holdings"
    yield _by_batch(
        "sum of cash",
        cash,
        "sum(cash)",
        _amounts("-124,220,160,422.06", "-66,178,177.16", "-50,813,773.27"),
    )
    yield GoldenCheck(
        "fact_cash_balances: sum of the accounts' last balances, accounts",
        "select sum(cash), count(*) from (select arg_max(balance.cash, balance.sk_date_id) as"
        " cash from {schema}.fact_cash_balances as balance inner join {schema}.dim_account as"
        " account on account.sk_account_id = balance.sk_account_id"
        " group by account.account_id)",
        _at_the_end(Decimal("-1447138127.50"), 4_573),
    )
    yield _by_batch(
        "sum of current holding",
        holdings,
        "sum(current_holding)",
        (915_258_617, 595_135, 470_829),
    )
    yield _by_batch(
        "sum of current price",
        holdings,
        "sum(current_price)",
        _amounts("1,994,054.16", "1,140.45", "1,160.83"),
    )
    yield from _market_history()
    watches = "from {schema}.fact_watches"
    yield GoldenCheck(
        "fact_watches: rows, removed after batch 1",
        f"select count(*), count(sk_date_id_date_removed) {watches}",
        {1: (720_710, 179_332)},
    )
    yield GoldenCheck(
        "fact_watches: rows by batch 1, 2, 3",
        "select "
        + ", ".join(f"count(*) filter (where batch_id = {b})" for b in (1, 2, 3))
        + f" {watches}",
        _at_the_end(719_875, 2_095, 2_098),
    )
    yield GoldenCheck(
        "fact_watches: removed by batch 1, 2, 3",
        "select "
        + ", ".join(
            f"count(sk_date_id_date_removed) filter (where batch_id = {b})" for b in (1, 2, 3)
        )
        + f" {watches}",
        _at_the_end(179_332, 419, 419),
    )


def _market_history() -> Iterator[GoldenCheck]:
    table = "fact_market_history"
    sums = {
        "fifty_two_week_high": ("1,819,385,547.90", "2,576,263.70", "2,576,388.22"),
        "fifty_two_week_low": ("8,765,933.55", "4,674.11", "4,644.09"),
        "close_price": ("641,453,299.69", "874,594.17", "906,096.98"),
    }
    ratios = {
        "pe_ratio": ("38,393,960.00", "47,751.07", "51,132.09"),
        "yield": ("1,483,592.21", "1,895.30", "2,027.18"),
    }
    for column, values in sums.items():
        yield _by_batch(f"sum of {column}", table, f"sum({column})", _amounts(*values))
    for column, values in ratios.items():
        yield _by_batch(
            f"sum of {column}", table, f"sum({column})", _amounts(*values), is_ratio=True
        )
    yield _by_batch("rows with pe_ratio", table, "count(pe_ratio)", (1_093_698, 1_525, 1_525))
    yield GoldenCheck(
        "fact_market_history: sum of the keys of the 52-week high's and low's day",
        "select sum(sk_fifty_two_week_high_date), sum(sk_fifty_two_week_low_date)"
        f" from {{schema}}.{table}",
        _at_the_end(25_928_568_569_522, 25_928_450_062_068),
    )
    yield GoldenCheck(
        "fact_market_history: range of pe_ratio and yield in batch 1",
        f"select min(pe_ratio), max(pe_ratio), min(yield), max(yield) from {{schema}}.{table}"
        " where batch_id = 1",
        _always(*_amounts("0.00", "31,961.00", "0.00", "578.00")),
    )
