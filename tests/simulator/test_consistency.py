"""Keys resolve, orders hold and values agree across files (section by section of the profile)."""

import pytest

from tests.simulator.conftest import Simulated

ACCOUNTS = """(select ca_id::bigint as id, ts as opened, ca_b_id as broker from crm
               where action in ('NEW', 'ADDACCT')
               union all select ca_id::bigint, day, ca_b_id from account join dates using (batch)
               where cdc_flag = 'I')"""
CUSTOMERS = """(select c_id::bigint as id, ts as created from crm where action = 'NEW'
                union all select c_id::bigint, day from customer join dates using (batch)
                where cdc_flag = 'I')"""
EVENTS = """(select batch, t_id::bigint as t, t_dts::timestamp as ts, t_st_id as st from trade
             where batch > 1
             union all select 1, th_t_id::bigint, th_dts::timestamp, th_st_id from tradehistory)"""
TRADES = """(select t_id::bigint as t, any_value(t_ca_id::bigint) as account,
                    any_value(t_s_symb) as symbol, any_value(t_qty::int) as quantity,
                    any_value(t_tt_id) as type from trade group by all)"""
FIRST_POSTED = "(select symbol, min(posted) as posted from security group by symbol)"
ISSUERS = """(select lpad(cik::varchar, 10, '0') as issuer, min(posted) as posted from company
              group by cik union all select name, min(posted) from company group by name)"""

NAMES = """(select distinct lpad(cik::varchar, 10, '0') as issuer, cik from company
            union select distinct name, cik from company)"""

ORPHANS = {
    "trade account": f"""select count(*) from trade t left join {ACCOUNTS} a
        on a.id = t.t_ca_id::bigint and a.opened <= t.t_dts::timestamp where a.id is null""",
    "trade symbol": f"""select count(*) from trade t left join {FIRST_POSTED} s
        on s.symbol = t.t_s_symb and s.posted::date < t.t_dts::date where s.symbol is null""",
    "trade executor": """select count(*) from (select distinct t_exec_name as id from trade)
        cross join (select distinct batch from hr) lists left join hr h
        on h.employee_id = id and h.job_code = '314' and h.batch = lists.batch
        where h.employee_id is null""",
    "history trade": """select count(*) from tradehistory h full join
        (select * from trade where batch = 1) t on h.th_t_id = t.t_id
        where h.th_t_id is null or t.t_id is null""",
    "cash account": f"""select count(*) from cashtransaction c left join {ACCOUNTS} a
        on a.id = c.ct_ca_id::bigint where a.id is null""",
    "cash trade": f"""select count(*) from cashtransaction c left join {TRADES} t
        on t.t = c.cdc_dsn::bigint // 4 and t.account = c.ct_ca_id::bigint
        where c.batch > 1 and t.t is null""",
    "holding trade": f"""select count(*) from holdinghistory h left join {EVENTS} e
        on e.t = h.hh_t_id::bigint and e.st = 'CMPT' and e.batch = h.batch where e.t is null""",
    "holding lot": f"""select count(*) from holdinghistory h left join {EVENTS} e
        on e.t = h.hh_h_t_id::bigint and e.st = 'CMPT' and e.batch <= h.batch where e.t is null""",
    "price symbol": f"""select count(*) from dailymarket d left join {FIRST_POSTED} s
        on s.symbol = d.dm_s_symb and s.posted::date < d.dm_date::date where s.symbol is null""",
    "watch customer": f"""select count(*) from watchhistory w left join {CUSTOMERS} c
        on c.id = w.w_c_id::bigint and c.created <= w.w_dts::timestamp where c.id is null""",
    "watch symbol": f"""select count(*) from watchhistory w left join {FIRST_POSTED} s
        on s.symbol = w.w_s_symb and s.posted::date < w.w_dts::date where s.symbol is null""",
    "account broker": f"""select count(*) from (select distinct broker as id from {ACCOUNTS})
        cross join (select distinct batch from hr) lists left join hr h
        on h.employee_id = id and h.job_code = '314' and h.batch = lists.batch
        where h.employee_id is null""",
    "changed account": f"""select count(*) from account c left join {ACCOUNTS} a
        on a.id = c.ca_id::bigint where a.id is null""",
    "account owner": f"""select count(*) from account a join dates using (batch)
        left join {CUSTOMERS} c on c.id = a.ca_c_id::bigint and c.created <= day
        where c.id is null""",
    "changed customer": f"""select count(*) from customer u join dates using (batch)
        left join {CUSTOMERS} c on c.id = u.c_id::bigint and c.created <= day
        where c.id is null""",
    "crm customer": """select count(*) from crm u left join crm c on c.action = 'NEW'
        and c.c_id = u.c_id and c.ts <= u.ts where c.c_id is null""",
    "crm account": """select count(*) from crm u left join crm a on a.action in ('NEW', 'ADDACCT')
        and a.ca_id = u.ca_id and a.ts <= u.ts and a.c_id = u.c_id
        where u.ca_id is not null and a.ca_id is null""",
    "tax code": """select count(*) from (select unnest([c_lcl_tx_id, c_nat_tx_id]) as code from crm
        where action = 'NEW' union all select unnest([c_lcl_tx_id, c_nat_tx_id]) from customer) c
        left join taxrate on tx_id = code where tx_id is null""",
    "industry": """select count(*) from company left join industry on in_id = industry
        where in_id is null""",
    "security issuer": f"""select count(*) from security s left join {ISSUERS} i
        on i.issuer = s.issuer and i.posted <= s.posted where i.issuer is null""",
    "result issuer": f"""select count(*) from result s left join {ISSUERS} i
        on i.issuer = s.issuer and i.posted <= s.posted where i.issuer is null""",
    "manager": """select count(*) from hr e left join hr m
        on m.employee_id = e.manager_id and m.batch = e.batch
        where m.employee_id is null""",
}

VIOLATIONS = {
    "crm time goes back": """select count(*) from (select ts <= lag(ts) over (order by number) as v
        from crm) where v""",
    "crm keys not dense": """select count(*) from (select c_id::bigint as id,
        row_number() over (order by number) - 1 as expected from crm where action = 'NEW')
        where id <> expected""",
    "account keys not dense": """select count(*) from (select ca_id::bigint as id, row_number()
        over (order by number) - 1 as expected from crm where action in ('NEW', 'ADDACCT'))
        where id <> expected""",
    "customer deactivated twice": """select count(*) from (select c_id from crm
        where action = 'INACT' union all select c_id from customer where c_st_id = 'INAC')
        group by c_id having count(*) > 1""",
    "account closed twice": """select count(*) from (select ca_id from crm
        where action = 'CLOSEACCT' union all select ca_id from account where ca_st_id = 'INAC')
        group by ca_id having count(*) > 1""",
    "customer twice in a batch": """select count(*) from customer group by batch, c_id
        having count(*) > 1""",
    "account twice in a batch": """select count(*) from account group by batch, ca_id
        having count(*) > 1""",
    "trade number": """select count(*) from trade where batch = 1
        and t_id::bigint <> line - 1""",
    "last state": """select count(*) from (select th_t_id, max_by(th_st_id, line) as st,
        max(th_dts) as ts from tradehistory group by th_t_id) join trade
        on t_id = th_t_id and batch = 1 where st <> t_st_id or ts <> t_dts""",
    "state time": """select count(*) from (select th_dts <= lag(th_dts) over (partition by th_t_id
        order by line) as v from tradehistory) where v""",
    "amounts of open trades": """select count(*) from trade where (t_st_id = 'CMPT')
        <> (t_trade_price is not null and t_chrg is not null and t_comm is not null
            and t_tax is not null)""",
    "holding quantity": f"""select count(*) from holdinghistory h join {TRADES} t
        on t.t = h.hh_t_id::bigint join {TRADES} b on b.t = h.hh_h_t_id::bigint
        where (h.hh_before_qty::int, h.hh_after_qty::int) <> case
            when t.type in ('TLB', 'TMB') then (0, t.quantity) else (t.quantity, 0) end
        or (t.account, t.symbol, t.quantity) <> (b.account, b.symbol, b.quantity)
        or (t.type in ('TLB', 'TMB')) <> (h.hh_t_id = h.hh_h_t_id)""",
    "lot sold twice": """select count(*) from holdinghistory where hh_t_id <> hh_h_t_id
        group by hh_h_t_id having count(*) > 1""",
    "sold before bought": f"""select count(*) from holdinghistory h join {EVENTS} s
        on s.t = h.hh_t_id::bigint and s.st = 'CMPT' join {EVENTS} b
        on b.t = h.hh_h_t_id::bigint and b.st = 'CMPT'
        where h.hh_t_id <> h.hh_h_t_id and s.ts <= b.ts""",
    "cash sign": f"""select count(*) from cashtransaction c join {TRADES} t
        on t.t = c.cdc_dsn::bigint // 4 where (c.ct_amt::decimal(12, 2) < 0)
        <> (t.type in ('TLB', 'TMB'))""",
    "price order": """select count(*) from dailymarket where not (dm_low::decimal(8, 2)
        <= dm_close::decimal(8, 2) and dm_close::decimal(8, 2) <= dm_high::decimal(8, 2))""",
    "price twice": """select count(*) from dailymarket group by dm_s_symb, dm_date
        having count(*) > 1""",
    "price day": """select count(*) from dailymarket join dates using (batch)
        where batch > 1 and dm_date::date <> day - 1""",
    "watch started twice": """select count(*) from watchhistory where w_action = 'ACTV'
        group by w_c_id, w_s_symb having count(*) > 1""",
    "watch stopped wrongly": """select count(*) from (from watchhistory where w_action = 'CNCL') e
        left join (from watchhistory where w_action = 'ACTV') b
        on e.w_c_id = b.w_c_id and e.w_s_symb = b.w_s_symb and b.w_dts < e.w_dts
        and (b.batch < e.batch or e.batch = 1) where b.batch is null""",
    "watch stopped twice": """select count(*) from watchhistory where w_action = 'CNCL'
        group by w_c_id, w_s_symb having count(*) > 1""",
    "watch order": """select count(*) from (select w_dts < lag(w_dts) over (partition by batch
        order by line) as v from watchhistory) where v""",
    "agency twice": """select count(*) from prospect group by batch, lower(agency_id)
        having count(*) > 1""",
    "prospect twice": """select count(*) from prospect group by batch, upper(first_name),
        upper(last_name), upper(address_line1), upper(address_line2), upper(postal_code)
        having count(*) > 1""",
    "newswire order": """select count(*) from (select posted < lag(posted) over (
        partition by quarter order by place) as v from newswire) where v""",
    "newswire quarter": """select count(*) from newswire
        where quarter <> year(posted) || 'Q' || quarter(posted)""",
    "result label": """select count(*) from result where year <> year(posted)
        or number <> quarter(posted)
        or begins <> strftime(date_trunc('quarter', posted), '%Y%m%d')""",
    "earnings per share": """select count(*) from result where abs(eps - earnings / shares) > 0.4
        or abs(diluted_eps - earnings / diluted) > 0.4 or abs(margin - earnings / revenue) > 0.4
        or diluted < shares""",
    "result twice": f"""select count(*) from result join {NAMES} using (issuer)
        group by cik, year, number having count(*) > 1""",
    "company name": """select count(*) from company group by cik having count(distinct name) > 1
        union all select count(*) from company group by name having count(distinct cik) > 1""",
    "key twice a day": """select count(*) from company group by cik, posted::date
        having count(*) > 1 union all select count(*) from security group by symbol, posted::date
        having count(*) > 1""",
    "outside the day": """select count(*) from (select batch, t_dts as ts from trade
        union all select batch, ct_dts from cashtransaction union all
        select batch, w_dts from watchhistory) join dates using (batch)
        where batch > 1 and ts::date <> day or batch = 1 and ts::date > day""",
}


@pytest.mark.parametrize("name", ORPHANS)
def test_every_key_resolves(either: Simulated, name: str) -> None:
    assert either.value(ORPHANS[name]) == 0


@pytest.mark.parametrize("name", VIOLATIONS)
def test_no_rule_is_violated(either: Simulated, name: str) -> None:
    rows = either.rows(VIOLATIONS[name])
    assert sum(int(str(row[0])) for row in rows) == 0


@pytest.mark.parametrize(
    "name", ["account", "cashtransaction", "customer", "dailymarket", "holdinghistory", "trade",
             "watchhistory"]
)  # fmt: skip
def test_sequence_numbers_ascend(either: Simulated, name: str) -> None:
    descending = either.value(
        f"""select count(*) from (select cdc_dsn::bigint <= lag(cdc_dsn::bigint) over (
        partition by batch order by line) as v from {name} where batch > 1) where v"""
    )
    assert descending == 0
    assert either.value(f"select count(*) from {name} where batch > 1 and cdc_dsn is null") == 0


def test_sequence_numbers_follow_their_formulas(either: Simulated) -> None:
    states = either.rows(
        """select distinct t_st_id, cdc_dsn::bigint - 4 * t_id::bigint from trade
        where batch > 1 order by all"""
    )
    assert states == [("CMPT", 2), ("CNCL", 1), ("PNDG", 0), ("SBMT", 1)]
    holdings = either.rows(
        """select distinct cdc_dsn::bigint - 4 * hh_t_id::bigint from holdinghistory
        where batch > 1"""
    )
    assert holdings == [(2,)]
    for name, base in (
        ("watchhistory", "select count(*) from watchhistory where batch = 1"),
        ("dailymarket", "select count(*) + 1 from dailymarket where batch = 1"),
        ("customer", "select count(*) from crm where action in ('NEW', 'UPDCUST', 'INACT')"),
        ("account", "select count(*) from crm where action not in ('UPDCUST', 'INACT')"),
    ):
        first = either.value(base)
        numbers = either.rows(
            f"select cdc_dsn::bigint from {name} where batch > 1 order by batch, line"
        )
        expected = range(int(str(first)), int(str(first)) + len(numbers))
        assert [row[0] for row in numbers] == list(expected), name


def test_every_listed_security_has_a_price_on_every_day(either: Simulated) -> None:
    days = either.rows("select dm_date::date, count(*) from dailymarket group by 1 order by 1")
    assert len(days) == 732 + 3
    gaps = either.value(
        """select count(*) from (select dm_s_symb, max(dm_date::date) - min(dm_date::date) + 1
        as span, count(*) as days from dailymarket group by 1) where span <> days"""
    )
    assert gaps == 0
    first = either.value("select min(dm_date::date) from dailymarket")
    unlisted = either.value(
        f"""select count(*) from security s where status = 'ACTV' and posted::date < date '{first}'
        - 100 and not exists (select 1 from security d where d.symbol = s.symbol
        and d.status = 'INAC') and not exists (select 1 from dailymarket m
        where m.dm_s_symb = s.symbol)"""
    )
    assert unlisted == 0


def test_full_images_carry_the_state(either: Simulated) -> None:
    """The attributes of an INAC row equal the last known ones, event by event."""
    rows = either.rows(
        """with events as (
            select c_id, number as o, c_adline1, c_city, c_tier, c_ctry, c_alt_email
            from crm where action in ('NEW', 'UPDCUST')
            union all select c_id, 1e9 + cdc_dsn::bigint, coalesce(c_adline1, ''),
                coalesce(c_city, ''), coalesce(c_tier, ''), coalesce(c_ctry, ''),
                coalesce(c_email_2, '') from customer where c_st_id = 'ACTV'),
        state as (select c_id, arg_max(c_adline1, o) as adline1, arg_max(c_city, o) as city,
                arg_max(c_tier, o) as tier, arg_max(c_ctry, o) as ctry,
                arg_max(c_alt_email, o) as mail from events group by c_id)
        select c_adline1 is not distinct from nullif(adline1, ''),
               c_city is not distinct from nullif(city, ''),
               c_tier is not distinct from nullif(tier, ''),
               c_ctry is not distinct from nullif(ctry, ''),
               c_email_2 is not distinct from nullif(mail, '')
        from customer join state using (c_id) where c_st_id = 'INAC'"""
    )
    assert len(rows) == 3
    assert all(all(row) for row in rows)


def test_prospects_look_like_customers(either: Simulated) -> None:
    """Look-alikes equal a customer's initial name and address apart from letter case."""
    matching = either.value(
        """select count(distinct p.agency_id) from (from prospect where batch = 4) p join
        (select c_f_name, c_l_name, c_adline1, c_adline2, c_zipcode from crm where action = 'NEW'
         union all select c_f_name, c_l_name, c_adline1, coalesce(c_adline2, ''), c_zipcode
         from customer where cdc_flag = 'I') c
        on upper(p.first_name) = upper(c_f_name) and upper(p.last_name) = upper(c_l_name)
        and upper(p.address_line1) = upper(c_adline1) and upper(p.postal_code) = upper(c_zipcode)
        and coalesce(upper(p.address_line2), '') = upper(c_adline2)"""
    )
    audit = (either.landing / "Batch4" / "Prospect_audit.csv").read_text()
    assert f"P_C_MATCHING,{matching}," in audit
    assert int(str(matching)) > 400


def test_batches_change_every_incremental_target(either: Simulated) -> None:
    for name in ("customer", "account", "trade", "holdinghistory", "cashtransaction",
                 "watchhistory", "dailymarket", "prospect"):  # fmt: skip
        batches = either.rows(f"select distinct batch from {name} where batch > 1 order by 1")
        assert batches == [(2,), (3,), (4,)], name
    changed = either.rows(
        """select n.batch, count(*) from prospect n anti join prospect o
        on o.batch = n.batch - 1 and o.agency_id = n.agency_id
        and o.income is not distinct from n.income and o.net_worth is not distinct from n.net_worth
        where n.batch > 1 group by 1 order by 1"""
    )
    assert [row[0] for row in changed] == [2, 3, 4]
