"""Even the smallest brokerage shows every deliberate anomaly and sparse value of the profile."""

import pytest

from tests.simulator.conftest import Simulated

AT_LEAST_ONE = {
    "tier absent": "from crm where action = 'NEW' and c_tier is null",
    "tier out of range": "from crm where action = 'NEW' and c_tier not in ('1', '2', '3')",
    "tier blanked by an update": "from crm where action = 'UPDCUST' and c_tier = ''",
    "tier out of range in an update": "from crm where action = 'UPDCUST' and c_tier = '6'",
    "tier empty in a daily batch": "from customer where c_tier is null",
    "birth date too old": "from crm where c_dob < '1900'",
    "birth date in the future": "from crm where c_dob > '2018'",
    "birth date after the opening": "from crm where c_dob::date > ts::date and c_dob < '2017-07'",
    "gender absent": "from crm where action = 'NEW' and c_gndr is null",
    "gender of another letter": "from crm where c_gndr not in ('F', 'f', 'M', 'm')",
    "gender in lower case": "from crm where c_gndr in ('f', 'm')",
    "illegal rating": """from company where rating not in ('AAA', 'AA+', 'AA', 'AA-', 'A+', 'A',
        'A-', 'BBB+', 'BBB', 'BBB-', 'BB+', 'BB', 'BB-', 'B+', 'B', 'B-', 'CCC+', 'CCC', 'CCC-',
        'CC', 'C', 'D')""",
    "illegal rating like a legal one": """from company
        where rating like 'BBB%' and length(rating) = 4 and right(rating, 1) not in ('+', '-')""",
    "excessive commission": """from trade where t_comm::decimal(12, 2)
        > t_trade_price::decimal(12, 2) * t_qty::int""",
    "excessive fee": """from trade where t_chrg::decimal(12, 2)
        > t_trade_price::decimal(12, 2) * t_qty::int""",
    "earnings of nothing": "from result where eps = 0",
    "outlying earnings": "from result where eps > 500",
    "company country blank": "from company where country = ''",
    "customer country blanked": "from crm where action = 'UPDCUST' and c_ctry = ''",
    "prospect country blank": "from prospect where country is null",
    "founding date blank": "from company where founded = ''",
    "company line 2 blank": "from company where line2 = ''",
    "company line 2 filled": "from company where line2 <> ''",
    "customer line 2 blank": "from crm where c_adline2 = ''",
    "account name empty": "from crm where action in ('NEW', 'ADDACCT') and ca_name = ''",
    "account name blanked": "from crm where action = 'UPDACCT' and ca_name = ''",
    "account name empty in a daily batch": "from account where ca_name is null",
    "phone with extension": "from crm where regexp_matches(c_phone_1, '[|]\\d{5}$')",
    "phone with country": "from crm where c_phone_1 like '1|%'",
    "phone area without country": "from crm where regexp_matches(c_phone_1, '^[|]\\d{3}[|]')",
    "phone local only": "from crm where regexp_matches(c_phone_1, '^[|][|]\\d')",
    "phone empty": "from crm where c_phone_1 = '|||'",
    "prospect gender invalid": "from prospect where gender not in ('F', 'f', 'M', 'm')",
    "prospect without first address line": "from prospect where address_line1 is null",
    "prospect without postal code": "from prospect where postal_code is null",
    "quoted employer": """from prospect where employer = 'The "Corner" Bakery'""",
    "blanks at the ends": "from crm where ca_name like ' %' or ca_name like '% '",
    "name that looks like no number": "from hr where last_name = 'Nan'",
    "name with a trailing blank": "from hr where last_name = 'Gale '",
    "trade on a closed account": """from trade t join crm c on c.action = 'CLOSEACCT'
        and c.ca_id = t.t_ca_id and c.ts < t.t_dts::timestamp - interval 91 day""",
    "watch of an inactive customer": """from watchhistory join crm on action = 'INACT'
        and c_id = w_c_id and ts < w_dts::timestamp""",
    "watch of an inactive security": """from watchhistory join security on symbol = w_s_symb
        and status = 'INAC' and posted < w_dts::timestamp""",
    "account revived under an inactive customer": """from account a join crm c
        on c.action = 'INACT' and c.c_id = a.ca_c_id where a.cdc_flag = 'U'
        and a.ca_st_id = 'ACTV'""",
    "account updated after its customer left": """from crm u join crm i on i.action = 'INACT'
        and i.c_id = u.c_id and i.ts < u.ts and u.action = 'UPDACCT'""",
    "account closed after its customer left": """from crm u join crm i on i.action = 'INACT'
        and i.c_id = u.c_id and i.ts < u.ts and u.action = 'CLOSEACCT'""",
    "order open at a batch's end": """from trade t join dates using (batch) where t_st_id = 'SBMT'
        and t_dts = day || ' 23:59:59'""",
    "order pending, submitted and completed on one day": """from (select batch, t_id from trade
        where batch > 1 group by all having count(*) >= 2)""",
    "cancelled order in a daily batch": "from trade where batch > 1 and t_st_id = 'CNCL'",
    "watch stopped in a daily batch": "from watchhistory where batch > 1 and w_action = 'CNCL'",
    "sell of an earlier batch's lot": """from holdinghistory s join holdinghistory b
        on b.hh_t_id = s.hh_h_t_id and b.batch < s.batch""",
    "company reference by name": "from security where not regexp_full_match(issuer, '\\d{10}')",
    "company reference by number": "from result where regexp_full_match(issuer, '\\d{10}')",
    "company deactivated": "from company where status = 'INAC'",
    "security deactivated": "from security where status = 'INAC'",
    "company changed": """from company c join company o on o.cik = c.cik and o.posted < c.posted
        and c.status = 'ACTV'""",
    "security of another company": """from security c join security o on o.symbol = c.symbol
        and o.posted < c.posted and c.status = 'ACTV'""",
    "employee changed": """from hr n join hr o using (employee_id) where n.batch = 3
        and o.batch = 1 and n.phone is distinct from o.phone""",
    "employee left": """from hr o where batch = 1 and employee_id not in (select employee_id
        from hr where batch = 3)""",
    "broker hired": """from hr where batch = 3 and job_code = '314' and employee_id not in (
        select employee_id from hr where batch = 1)""",
}


@pytest.mark.parametrize("name", AT_LEAST_ONE)
def test_an_anomaly_occurs(default: Simulated, name: str) -> None:
    assert int(str(default.value(f"select count(*) {AT_LEAST_ONE[name]}"))) >= 1


def test_fee_and_commission_are_never_excessive_together(default: Simulated) -> None:
    both = default.value(
        """select count(*) from trade where t_comm::decimal(12, 2) > t_trade_price::decimal(12, 2)
        * t_qty::int and t_chrg::decimal(12, 2) > t_trade_price::decimal(12, 2) * t_qty::int"""
    )
    assert both == 0


EARNINGS = """(select m.dm_s_symb, m.dm_date, count(r.eps) as quarters from
    (select distinct dm_s_symb, date_trunc('quarter', dm_date::date) as dm_date from dailymarket) m
    join (select symbol, arg_max(issuer, posted) as issuer from security group by symbol) s
      on s.symbol = m.dm_s_symb
    join (select distinct name, cik from company) c
      on s.issuer in (c.name, lpad(c.cik::varchar, 10, '0'))
    left join (select r.eps, c.cik, strptime(begins, '%Y%m%d') as begins from result r
      join (select distinct name, cik from company) c
      on r.issuer = c.name or r.issuer = lpad(c.cik::varchar, 10, '0')) r
      on r.cik = c.cik and r.begins < m.dm_date and r.begins >= m.dm_date - interval 1 year
    group by 1, 2)"""


def test_prices_without_and_with_few_results_occur(default: Simulated) -> None:
    counts = dict(default.rows(f"select quarters, count(*) from {EARNINGS} group by 1"))
    assert counts[0] > 0
    assert counts.get(1, 0) + counts.get(2, 0) + counts.get(3, 0) > 0
    assert counts[4] > counts[0]


def test_three_hundred_local_tax_names_occur(default: Simulated) -> None:
    names = default.value(
        "select count(distinct tx_name) from crm join taxrate on tx_id = c_lcl_tx_id"
    )
    assert int(str(names)) > 300
