"""What is measured of a landing directory to compare two of them, each with its tolerance.

Belongs here: the list of figures and the SQL or counting behind them. Does not belong here: how
two directories are compared and shown (`profile`). Figures are counts, shares and averages; no row
of a directory leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass

NEWSWIRE = "newswire"


@dataclass(frozen=True)
class Measure:
    """One figure: `sql` yields one number; the tolerance is relative (per cent) or absolute."""

    group: str
    name: str
    sql: str
    tolerance: float
    relative: bool = True


def rows(file: str, batch: int, tolerance: float) -> Measure:
    """Rows of a file in a batch."""
    table = f"{file.split('.')[0].lower()}_{batch}"
    return Measure("Rows", f"{file}, batch {batch}", f"select count(*) from {table}", tolerance)


def share(group: str, name: str, condition: str, table: str, points: float) -> Measure:
    """Share of the rows for which a condition holds, in per cent."""
    sql = f"select 100.0 * count(*) filter (where {condition}) / count(*) from {table}"
    return Measure(group, name, sql, points, relative=False)


def empty(column: str, table: str, points: float) -> Measure:
    """Share of empty values of a column, in per cent."""
    label = f"{table.split('_')[0]}.{column} empty, %"
    return share("Empty values", label, f"{column} is null", table, points)


def average(name: str, sql: str, tolerance: float) -> Measure:
    """An average or another figure of a distribution."""
    return Measure("Distributions", name, sql, tolerance)


_ROWS = [
    *(rows(name, 1, 0) for name in ("HR.csv", "Prospect.csv", "Time.txt", "Industry.txt")),
    *(rows(name, 1, 0) for name in ("StatusType.txt", "TaxRate.txt", "TradeType.txt")),
    rows("Trade.txt", 1, 0),
    *(rows(name, 1, 1) for name in ("TradeHistory.txt", "CashTransaction.txt")),
    *(rows(name, 1, 1) for name in ("HoldingHistory.txt", "DailyMarket.txt", "WatchHistory.txt")),
    *(rows(name, 2, 0) for name in ("Customer.txt", "Account.txt", "Prospect.csv")),
    *(rows(name, 2, 1) for name in ("DailyMarket.txt", "WatchHistory.txt")),
    rows("Trade.txt", 2, 8),
    *(rows(name, 2, 15) for name in ("CashTransaction.txt", "HoldingHistory.txt")),
    *(
        Measure("Rows", f"CRM actions {kind}", f"select count(*) from crm where a = '{kind}'", 0)
        for kind in ("NEW", "ADDACCT", "UPDACCT", "CLOSEACCT", "UPDCUST", "INACT")
    ),
    *(
        Measure(
            "Rows", f"newswire {kind}", f"select count(*) from {NEWSWIRE} where kind = '{kind}'", 0
        )
        for kind in ("CMP", "SEC", "FIN")
    ),
]

_SHARES = [
    *(
        share("Shares", f"trades {code}, %", f"t_tt_id = '{code}'", "trade_1", 1)
        for code in ("TLB", "TLS", "TMB", "TMS")
    ),
    *(
        share("Shares", f"trades {code}, %", f"t_st_id = '{code}'", "trade_1", 0.4)
        for code in ("CMPT", "CNCL", "PNDG")
    ),
    share("Shares", "trades in cash, %", "t_is_cash = '1'", "trade_1", 0.5),
    share("Shares", "holdings that close a lot, %", "hh_after_qty = '0'", "holdinghistory_1", 2),
    share("Shares", "cash received, %", "ct_amt not like '-%'", "cashtransaction_1", 2),
    *(
        share(
            "Shares",
            f"cash amounts of {digits} digits, %",
            f"length(ltrim(ct_amt, '-')) = {digits + 3}",
            "cashtransaction_1",
            0.5,
        )
        for digits in (4, 5, 6)
    ),
    share("Shares", "watches started, batch 1, %", "w_action = 'ACTV'", "watchhistory_1", 0.5),
    share("Shares", "watches started, batch 2, %", "w_action = 'ACTV'", "watchhistory_2", 2),
    share("Shares", "new orders among changes, batch 2, %", "cdc_flag = 'I'", "trade_2", 4),
    share("Shares", "brokers among employees, %", "job_code = '314'", "hr_1", 1.5),
    share("Shares", "newswire by number, SEC, %", "length(line) = 170", "newswire_sec", 3),
    share("Shares", "newswire by number, FIN, %", "length(line) = 196", "newswire_fin", 1),
    share("Shares", "companies inactive, records, %", "status = 'INAC'", "newswire_cmp", 0.5),
    share("Shares", "securities inactive, records, %", "status = 'INAC'", "newswire_sec", 0.5),
    *(
        share("Shares", f"issue {issue}, %", f"issue = '{issue}'", "newswire_sec", 3)
        for issue in ("COMMON", "PREF_A", "PREF_B", "PREF_C", "PREF_D")
    ),
    share("Shares", "prospects in the United States, %", "country like 'U%'", "prospect_1", 4),
    *(
        share("Shares", f"prospects {status}, %", f"marital_status = '{status}'", "prospect_1", 2)
        for status in ("M", "U", "S", "W", "D")
    ),
    *(
        share("Shares", f"accounts with tax status {status}, %", f"tax_status = '{status}'",
              "crm_opened", 2)
        for status in (0, 1, 2)
    ),
    *(
        share("Shares", f"new customers in tier {tier}, %", f"tier = '{tier}'", "crm_new", 2)
        for tier in (1, 2, 3)
    ),
    *(
        share("Shares", f"customers with {count} accounts, %", f"accounts = {count}",
              "crm_customers", 5)
        for count in (1, 2, 3)
    ),
    share("Shares", "updates that carry a city, %", "city is not null", "crm_updated", 4),
    share("Shares", "updates that carry a broker, %", "broker is not null",
          "crm_account_updates", 4),
]  # fmt: skip

_RATES = [
    *(
        Measure(
            "Rates",
            f"excessive {name}, per million completed",
            f"""select 1e6 * count(*) filter (where {column}::decimal(12, 2)
            > t_trade_price::decimal(12, 2) * t_qty::int) / count(*)
            from trade_1 where t_st_id = 'CMPT'""",
            70,
            relative=False,
        )
        for name, column in (("fees", "t_chrg"), ("commissions", "t_comm"))
    ),
    share("Rates", "illegal ratings, %", "not legal", "newswire_cmp", 2.5),
    share("Rates", "results of 0.00 a share, %", "eps = '0.00'", "newswire_fin", 0.3),
    share("Rates", "tiers absent or illegal, %", "coalesce(tier not in ('1', '2', '3'), true)",
          "crm_new", 1.5),
    share("Rates", "birth dates out of range, %", "born < 1907 or born > 2017", "crm_new", 0.3),
    share("Rates", "genders other than F and M, %", "upper(gender) not in ('F', 'M')",
          "crm_new", 1),
    share("Rates", "invalid prospect genders, %", "upper(gender) not in ('F', 'M')",
          "prospect_1", 1),
    Measure("Rates", "orders open at the end, %", """select 100.0 * count(*) filter (where t_st_id
        in ('PNDG', 'SBMT')) / count(*) from trade_1""", 0.2, relative=False),
    Measure("Rates", "limit orders cancelled among the closed, %", """select 100.0 * count(*)
        filter (where t_st_id = 'CNCL') / count(*) from trade_1
        where t_tt_id in ('TLB', 'TLS') and t_st_id in ('CNCL', 'CMPT')""", 1, relative=False),
    Measure("Rates", "history rows a trade", """select (select count(*) from tradehistory_1)
        / (select count(*) from trade_1)""", 1),
    Measure("Rates", "prospects changed from batch 1 to 2", """select count(*) from prospect_1 a
        join prospect_2 b using (agency_id) where a::varchar <> b::varchar""", 0),
    Measure("Rates", "prospects gone from batch 1 to 2", """select count(*) from prospect_1 a
        anti join prospect_2 b using (agency_id)""", 0),
]  # fmt: skip

_EMPTY = [
    *(empty(column, "hr_1", 1) for column in ("job_code", "branch", "office", "phone")),
    empty("initial", "hr_1", 3),
    *(
        empty(column, "prospect_1", 1.5)
        for column in (
            *("country", "phone", "income", "number_cars", "number_children", "marital_status"),
            *("age", "credit_rating", "own_or_rent", "employer", "number_credit_cards"),
            *("net_worth", "address_line1", "postal_code"),
        )
    ),
    *(empty(column, "prospect_1", 4) for column in ("initial", "gender", "address_line2")),
    *(
        share("Empty values", f"new customer's {name} empty or absent, %",
              f"coalesce({column}, '') = ''", "crm_new", points)
        for name, column, points in (
            ("gender", "gender", 3), ("tier", "tier", 1.5), ("middle initial", "initial", 3),
            ("address line 2", "line2", 2), ("alternate e-mail", "mail2", 3),
            ("phone 1 local", "phone1", 1.5), ("phone 2 local", "phone2", 3),
            ("phone 3 local", "phone3", 3),
        )
    ),
    share("Empty values", "account name empty, %", "coalesce(name, '') = ''", "crm_opened", 1.5),
    share("Empty values", "updated country blanked, %", "country = ''", "crm_updated", 2),
    share("Empty values", "company's country empty, %", "country = ''", "newswire_cmp", 2),
    share("Empty values", "company's founding date empty, %", "founded = ''", "newswire_cmp", 2.5),
    share("Empty values", "company's address line 2 empty, %", "line2 = ''", "newswire_cmp", 3),
]  # fmt: skip


def _mean(expression: str, table: str) -> str:
    return f"select avg({expression}) from {table}"


_DISTRIBUTIONS = [
    average("close, mean", _mean("dm_close::double", "dailymarket_1"), 1),
    average("high / close, mean",
            _mean("dm_high::double / dm_close::double", "dailymarket_1"), 1),
    average("low / close, mean", _mean("dm_low::double / dm_close::double", "dailymarket_1"), 1),
    average("volume, mean", _mean("dm_vol::double", "dailymarket_1"), 1),
    average("quantity, mean", _mean("t_qty::double", "trade_1"), 1),
    average("bid, mean", _mean("t_bid_price::double", "trade_1"), 1),
    average("price / bid, mean",
            _mean("t_trade_price::double / t_bid_price::double", "trade_1"), 0.5),
    *(
        average(f"{name}, median share of value, %", f"""select 100 * median({column}::double
        / (t_trade_price::double * t_qty::double)) from trade_1""", 3)
        for name, column in (("fee", "t_chrg"), ("commission", "t_comm"), ("tax", "t_tax"))
    ),
    average("days from pending to the next state, mean", """select avg(epoch(n - ts) / 86400) from
        (select th_st_id as st, th_dts::timestamp as ts, lead(th_dts::timestamp)
         over (partition by th_t_id order by th_dts) as n from tradehistory_1) where st = 'PNDG'""",
            2),
    average("seconds from submitted to completed, mean", """select avg(epoch(n - ts)) from
        (select th_st_id as st, th_dts::timestamp as ts, lead(th_dts::timestamp)
         over (partition by th_t_id order by th_dts) as n from tradehistory_1) where st = 'SBMT'""",
            2),
    average("account number of a trade, mean", _mean("t_ca_id::double", "trade_1"), 6),
    average("accounts that trade", "select count(distinct t_ca_id) from trade_1", 4),
    average("securities that trade", "select count(distinct t_s_symb) from trade_1", 2),
    average("account days with cash",
            "select count(distinct (ct_ca_id, left(ct_dts, 10))) from cashtransaction_1", 2),
    average("length of a cash row's name, mean", _mean("length(ct_name)", "cashtransaction_1"), 5),
    average("customers that watch", "select count(distinct w_c_id) from watchhistory_1", 3),
    average("securities that are watched",
            "select count(distinct w_s_symb) from watchhistory_1", 1),
    average("days of a watch that ended, median", """select median(e.w_dts::date - b.w_dts::date)
        from watchhistory_1 b join watchhistory_1 e using (w_c_id, w_s_symb)
        where b.w_action = 'ACTV' and e.w_action = 'CNCL'""", 5),
    average("income, mean", _mean("income::double", "prospect_1"), 3),
    average("net worth, mean", _mean("net_worth::double", "prospect_1"), 3),
    average("credit rating, mean", _mean("credit_rating::double", "prospect_1"), 2),
    average("age of a prospect, mean", _mean("age::double", "prospect_1"), 3),
    average("revenue, mean", _mean("revenue::double", "newswire_fin"), 1),
    average("margin, mean", _mean("margin::double", "newswire_fin"), 1.5),
    average("dividend, mean", _mean("dividend::double", "newswire_sec"), 5),
    average("companies", "select count(distinct cik) from newswire_cmp", 1),
    average("securities", "select count(distinct symbol) from newswire_sec", 1),
    average("reports to a manager, mean",
            "select avg(c) from (select count(*) as c from hr_1 group by manager_id)", 3),
    average("length of an account's name, mean",
            "select avg(length(name)) from crm_opened where name <> ''", 3),
    average("year of birth, mean",
            "select avg(born) from crm_new where born between 1917 and 2017", 0.2),
]  # fmt: skip

MEASURES: tuple[Measure, ...] = (*_ROWS, *_SHARES, *_RATES, *_EMPTY, *_DISTRIBUTIONS)
