"""The plausible brokerage: its rules, and figures of its own, each within its bounds."""

import datetime
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from simulator import SimulationError, partner, simulate
from simulator.__main__ import app
from simulator.newswire_files import RATINGS
from simulator.plausible import places, seasons
from simulator.plausible.companies import Names
from simulator.plausible.people import lists
from simulator.plausible.quotes import Quotes
from simulator.profile import compare
from simulator.randomness import Stream
from simulator.steps import FAULTS, read_list
from simulator.text import Text
from simulator.volumes import Plan
from tests.simulator.conftest import DEFAULT_START, QUARTER_START, Simulated, load
from tests.simulator.test_consistency import ORPHANS, VIOLATIONS
from tests.simulator.test_files import WIDTHS
from tests.simulator.test_simulation import digests

PLAUSIBLE = "plausible"
TRANSFERS = "('Transfer to bank', 'Transfer from bank')"
RULES = ORPHANS | {name: rule for name, rule in VIOLATIONS.items() if name != "cash sign"}
RETURNS = """(select *, dm_close::double / lag(dm_close::double) over (partition by dm_s_symb
    order by dm_date) - 1 as change, dayofweek(dm_date::date) in (0, 6) as is_weekend
    from dailymarket)"""
CREATED = """(select th_t_id, min(th_dts)::timestamp as moment from tradehistory group by 1)"""
FILLED = """(select *, t_trade_price::double as price, t_trade_price::double * t_qty::int as value
    from trade where t_st_id = 'CMPT')"""
PRICED = f"""(select price, dm_close::double as close, dm_low::double as low,
    dm_high::double as high, t_bid_price::double as bid, t_tt_id from {FILLED} join dailymarket
    on t_s_symb = dm_s_symb and dm_date::date = t_dts::date)"""
QUARTERS = """(select issuer, sum(eps) as eps from result where year = 2016 group by 1
    having count(*) = 4)"""
VALUED = f"""(select dm_close::double / eps as ratio, dividend / dm_close::double as yield from
    (select symbol, any_value(issuer) as issuer,
        any_value(trim(substr(line, 149, 12)))::double as dividend from security group by 1)
    join {QUARTERS} using (issuer) join dailymarket on dm_s_symb = symbol)"""


@pytest.fixture(scope="module")
def plausible(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """Scale 0.1, seed 1, three days, the last of them the first of a quarter."""
    landing = tmp_path_factory.mktemp("plausible") / "landing"
    simulate(0.1, 3, 1, QUARTER_START, landing, profile=PLAUSIBLE)
    with duckdb.connect() as connection:
        load(connection, landing, 4)
        yield Simulated(landing, 3, QUARTER_START, connection)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_holds(plausible: Simulated, name: str) -> None:
    assert not any(row[0] for row in plausible.rows(RULES[name]))


@pytest.mark.parametrize("table", WIDTHS)
def test_values_fit_their_columns(plausible: Simulated, table: str) -> None:
    for column, width in WIDTHS[table].items():
        longest = plausible.value(f"select max(length({column})) from {table}")
        assert longest is None or int(str(longest)) <= width, column


@pytest.mark.parametrize(
    ("figure", "low", "high"),
    [
        # Prices: deviation of a working day, extremes of all, weekends, levels.
        (f"stddev(change) from {RETURNS} where not is_weekend", 0.012, 0.025),
        (f"min(change) from {RETURNS}", -0.25, -0.05),
        (f"max(change) from {RETURNS}", 0.05, 0.25),
        (f"stddev(change) from {RETURNS} where is_weekend", 0.0005, 0.005),
        (f"""avg((deviation between 0.01 and 0.03)::int) from (select stddev(change) as deviation
            from {RETURNS} where not is_weekend group by dm_s_symb)""", 0.95, 1),
        ("avg((dm_close::double between 5 and 500)::int) from dailymarket", 0.99, 1),
        ("median(dm_close::double) from dailymarket", 25, 75),
        ("max(dm_high::double / dm_low::double) from dailymarket", 1.01, 1.05),
        ("median(dm_vol::double) from dailymarket", 5_000, 500_000),
        # Results and dividends agree with prices.
        (f"median(ratio) from {VALUED}", 12, 28),
        (f"quantile_cont(ratio, 0.99) from {VALUED}", 20, 90),
        (f"max(yield) from {VALUED}", 0.02, 0.15),
        # Trades: near the market, of ordinary size.
        (f"avg((price between low and high)::int) from {PRICED}", 1, 1),
        (f"max(abs(price / close - 1)) from {PRICED}", 0.005, 0.02),
        (f"min(bid / price) from {PRICED} where t_tt_id = 'TLB'", 0.999, 1.001),
        (f"max(bid / price) from {PRICED} where t_tt_id = 'TLB'", 1.005, 1.011),
        (f"median(value) from {FILLED}", 1_500, 3_500),
        (f"quantile_cont(value, 0.99) from {FILLED}", 9_000, 15_000),
        (f"median(t_comm::double) from {FILLED}", 5, 15),
        (f"avg((t_tt_id in ('TLB', 'TMB'))::int) from {FILLED}", 0.57, 0.67),
        ("max(t_tax::double) from trade where t_tt_id in ('TLB', 'TMB')", 0, 0),
        # Growth and seasons.
        ("count(*) / (1827 * 8) from trade where batch = 1", 1, 1.15),
        ("""min(n) from (select count(*) as n from trade where cdc_flag = 'I' group by batch)""",
            4, 30),
        (f"""count(*) filter (year(moment) = 2016) / count(*) filter (year(moment) = 2013)
            from {CREATED}""", 1.3, 1.7),
        (f"""count(*) filter (dayofweek(moment) in (0, 6)) / count(*) from {CREATED}""", 0.1, 0.2),
        (f"""count(*) filter (month(moment) in (7, 8)) / count(*) filter (month(moment) in (1, 3))
            from {CREATED} where year(moment) between 2013 and 2016""", 0.6, 0.9),
        (f"""count(*) filter (hour(moment) between 10 and 15) / count(*) from {CREATED}""",
            0.5, 0.8),
        ("""count(*) filter (year(ts) = 2016) / count(*) filter (year(ts) = 2008) from crm
            where action = 'NEW'""", 1.8, 4),
        (f"""count(distinct moment::date) from {CREATED}""", 1827, 1827),
        # Cash: every trade and its transfer.
        (f"count(*) filter (ct_name in {TRANSFERS}) / count(*) from cashtransaction", 0.4, 0.5),
        (f"""count(*) from cashtransaction where ct_name not in {TRANSFERS}
            and (ct_amt like '-%') <> (ct_name like 'Bought %')""", 0, 0),
        ("""sum(ct_amt::double) / -sum(ct_amt::double) filter (ct_name like 'Bought %')
            from cashtransaction""", 0.05, 0.25),
        ("""count(*) from (select cik from company where founded <> '' group by cik
            having count(distinct founded) > 1
            or max(founded) >= min(strftime(posted, '%Y%m%d')))""", 0, 0),
        # People.
        ("avg((c_gndr is null)::int) from crm where action = 'NEW'", 0.04, 0.13),
        ("""avg((date_diff('year', c_dob::date, date '2017-09-28') between 28 and 90)::int)
            from crm where action = 'NEW'""", 0.98, 1),
        ("count(distinct branch) from hr where batch = 1", 12, 12),
        ("min(age::int) from prospect", 21, 25),
        ("avg((age::int < 90)::int) from prospect", 1, 1),
        ("corr(income::double, net_worth::double) from prospect", 0.3, 0.95),
    ],
)  # fmt: skip
def test_a_figure_is_within_its_bounds(
    plausible: Simulated, figure: str, low: float, high: float
) -> None:
    assert low <= float(str(plausible.value(f"select {figure}"))) <= high


def test_no_account_owes_cash(plausible: Simulated) -> None:
    lowest = plausible.value(
        """select min(balance) from (select sum(ct_amt::decimal(12, 2)) over (
        partition by ct_ca_id order by ct_dts, ct_amt::decimal(12, 2) desc) as balance
        from cashtransaction)"""
    )
    assert float(str(lowest)) >= 0


def test_cash_is_what_a_trade_costs_or_brings(plausible: Simulated) -> None:
    different = plausible.value(
        f"""select count(*) from {FILLED} join cashtransaction on ct_ca_id = t_ca_id
        and ct_name in ('Bought ' || t_qty || ' ' || t_s_symb || ', order ' || t_id,
                        'Sold ' || t_qty || ' ' || t_s_symb || ', order ' || t_id)
        where ct_amt::decimal(12, 2) <> case when ct_name like 'B%' then -1 else 1 end
            * t_trade_price::decimal(10, 2) * t_qty::int
            - t_chrg::decimal(10, 2) - t_comm::decimal(10, 2) - t_tax::decimal(10, 2)
        and t_comm::double < value and t_chrg::double < value"""
    )
    assert different == 0


def test_people_are_called_as_they_are(plausible: Simulated) -> None:
    rows = plausible.rows(
        """select c_f_name, c_l_name, upper(c_gndr), c_prim_email, split_part(c_phone_1, '|', 2),
        c_city, c_state_prov, c_zipcode, c_ctry from crm where action = 'NEW'"""
    )
    names, cities = lists(), known_places()
    for given, family, gender, mail, area, *address in rows:
        assert family in names["families"]
        assert {"F": [given in names["women"]], "M": [given in names["men"]]}.get(
            str(gender), [True]
        ) == [True]
        assert str(mail).startswith(f"{given}.{family}".lower())
        region, postal, code = cities[str(address[0])]
        assert address[1] == region
        assert str(address[2]).startswith(postal)
        assert area in ("", code)
        assert (address[3] == "Canada") == (len(region) > 2)


def known_places() -> dict[str, tuple[str, str, str]]:
    """Region, postal code's begin and telephone area by city."""
    every = np.arange(places.count())
    columns = (places.cities(every), places.regions(every), places.areas(every))
    codes = places.postal_codes(Stream(1), every, every).to_pylist()
    return {
        city: (region, code[: 2 if " " in code else 3], area)
        for city, region, area, code in zip(*(c.to_pylist() for c in columns), codes, strict=True)
    }


def test_an_update_brings_a_whole_address_or_none(plausible: Simulated) -> None:
    rows = plausible.rows(
        """select distinct c_city is null, c_state_prov is null, c_zipcode is null,
        c_adline1 is null from crm where action = 'UPDCUST'"""
    )
    assert set(rows) == {(True,) * 4, (False,) * 4}
    cities = known_places()
    for city, region, postal in plausible.rows(
        """select c_city, c_state_prov, c_zipcode from crm where action = 'UPDCUST'
        and c_city is not null union all select c_city, c_state_prov, c_zipcode from customer"""
    ):
        assert cities[str(city)][0] == region
        assert str(postal).startswith(cities[str(city)][1])


def test_a_prospect_lives_where_the_customer_does(plausible: Simulated) -> None:
    wrong = plausible.value(
        """select count(*) from prospect join crm on action = 'NEW'
        and upper(first_name) = upper(c_f_name) and upper(last_name) = upper(c_l_name)
        and upper(prospect.address_line1) = upper(c_adline1)
        where upper(postal_code) <> upper(c_zipcode) or city <> c_city or state <> c_state_prov
        or upper(prospect.gender) <> upper(c_gndr) and 'X' not in (prospect.gender, c_gndr)"""
    )
    assert wrong == 0


def test_companies_are_what_they_are_called(plausible: Simulated) -> None:
    rows = plausible.rows(
        """select name, in_sc_id, trim(substr(company.line, 348, 46)),
        trim(substr(company.line, 394, 150)), trim(substr(company.line, 279, 25)),
        trim(substr(company.line, 304, 20)), rating
        from company join industry on industry = in_id"""
    )
    vocabulary, cities = lists(), known_places()
    for name, sector, chief, description, city, region, _ in rows:
        offered = zip(vocabulary[f"nouns {sector}"], vocabulary[f"goods {sector}"], strict=True)
        assert any(
            f" {noun} " in str(name) and f" {goods} " in str(description) for noun, goods in offered
        )
        assert str(description).endswith(f"It is based in {city}.")
        assert str(name).startswith(str(description).split(" ", 1)[0])
        given, family = str(chief).split(" ")
        assert given in vocabulary["women"] + vocabulary["men"]
        assert family in vocabulary["families"]
        assert cities[str(city)][0] == region
    assert 0.9 < np.mean([rating in RATINGS for *_, rating in rows]) < 1


def test_symbols_read_like_tickers_and_keep_their_issuer(plausible: Simulated) -> None:
    shapes = plausible.rows(
        r"select distinct symbol from security where not regexp_full_match(symbol, "
        r"'[A-Z]{3,5}(\.(P?[A-D]|\d+))?')"
    )
    assert shapes == []
    issuers = plausible.value(
        """select max(n) from (select count(distinct cik) as n from security join
        (select distinct name, cik from company) c
        on issuer in (c.name, lpad(c.cik::varchar, 10, '0')) group by symbol)"""
    )
    assert issuers == 1


def test_names_and_symbols_are_unique() -> None:
    names, keys = Names(Stream(5)), np.arange(400_000)
    for values in (names.brands(keys), names.symbols(keys)):
        assert len(set(values.to_pylist())) == len(keys)
    longest = max(map(len, names.companies(keys, keys % 102).to_pylist()))
    assert longest <= 60


def test_prices_repeat_without_a_jump_and_stay_within_a_quarter() -> None:
    """Every working day of 40 years, so that the tables come round."""
    plan = Plan(0.1, 3, datetime.date(2017, 7, 8), profile=PLAUSIBLE)
    securities = np.arange(60)
    quotes = Quotes(plan, securities // 2, securities % 2)
    days = np.arange(plan.first_trade_day, plan.first_trade_day + 38 * 365)
    closes = np.array([quotes.closes(securities, np.full(60, day)) for day in days])
    changes = closes[1:] / closes[:-1] - 1
    assert abs(changes).max() < 0.25
    working = changes[seasons.weekdays(days[1:]) < 5]
    deviations = working.std(axis=0)
    assert deviations.min() > 0.007
    assert deviations.max() < 0.03


@pytest.mark.parametrize(
    ("day", "weight"),
    [("2013-06-05", 0.92 * 1.1), ("2013-06-28", 0.92 * 1.3), ("2013-06-29", 0.92 * 0.32 * 1.3),
     ("2013-12-25", 1.04 * 1.1 * 0.3), ("2018-06-05", 0.92 * 1.16 * 2)],
)  # fmt: skip
def test_seasons_of_a_day(day: str, weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seasons, "_CHANCE", 0)
    number = np.array([np.datetime64(day, "D").astype(np.int64)])
    first = int(number[0]) - (0 if weight < 2 else round(5 * 365.2425))
    found = seasons.weights(Stream(1), number, first, 0.2)
    assert found.tolist() == pytest.approx([weight], rel=1e-3)


def test_bytes_do_not_depend_on_effort_and_steps(plausible: Simulated, tmp_path: Path) -> None:
    for days, chunk_rows in ((1, 1_777), (3, 60_000)):
        simulate(0.1, days, 1, QUARTER_START, tmp_path / "again", profile=PLAUSIBLE, workers=1,
                 chunk_rows=chunk_rows)  # fmt: skip
    assert digests(tmp_path / "again") == digests(plausible.landing)


def test_newswire_history_differs_in_trades_of_deactivated_securities_alone(
    plausible: Simulated, tmp_path: Path
) -> None:
    landing = tmp_path / "history"
    simulate(0.1, 3, 1, QUARTER_START, landing, newswire="history", profile=PLAUSIBLE)
    first, other = digests(plausible.landing), digests(landing)
    assert {name for name in other if first[name] != other[name]} <= {
        "simulation.json", "digen_report.txt", "Batch4/Trade.txt", "Batch4/Trade_audit.csv",
        "Batch4/CashTransaction.txt",
    }  # fmt: skip


def test_faults_are_put_in(tmp_path: Path) -> None:
    simulate(0.1, 23, 1, DEFAULT_START, tmp_path / "out", faults=["all"], profile=PLAUSIBLE)
    listed = read_list(tmp_path / "out")
    assert listed["brokerage"]["profile"] == PLAUSIBLE
    assert {fault["fault"] for fault in listed["faults"]} == set(FAULTS)


def test_a_directory_keeps_its_profile(plausible: Simulated, tmp_path: Path) -> None:
    state = json.loads((plausible.landing / "simulation.json").read_text())
    assert state["profile"] == PLAUSIBLE
    with pytest.raises(SimulationError, match="its profile is plausible"):
        simulate(0.1, 4, 1, QUARTER_START, plausible.landing, profile="official")
    simulate(0.01, 0, 1, DEFAULT_START, tmp_path / "official", profile="official")
    assert "profile" not in json.loads((tmp_path / "official" / "simulation.json").read_text())
    with pytest.raises(SimulationError, match="its profile is official"):
        simulate(0.01, 1, 1, DEFAULT_START, tmp_path / "official", profile=PLAUSIBLE)
    with pytest.raises(SimulationError, match="must be one of plausible, official, but 'x'"):
        simulate(0.01, 1, 1, DEFAULT_START, tmp_path / "other", profile="x")
    with pytest.raises(SimulationError, match="The reference is of the official profile"):
        compare(plausible.landing)


def test_the_command_makes_it_by_default(tmp_path: Path) -> None:
    arguments = ["simulate", "--scale", "0.01", "--days", "0"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    state = json.loads((tmp_path / "out" / "simulation.json").read_text())
    assert state["profile"] == PLAUSIBLE
    done = CliRunner().invoke(app, [*arguments, "--profile", "x", "--out", str(tmp_path / "x")])
    assert done.exit_code == 2
    assert "The profile must be one of plausible, official" in done.output


def test_targets_follow_what_branches_earn(plausible: Simulated) -> None:
    lines = partner.targets(plausible.landing).splitlines()[1:]
    rows = [line.split(",") for line in lines]
    assert len({branch for branch, _, _ in rows}) == 12
    wanted = sum(float(target) for _, month, target in rows if "2013-01" <= month < "2017-01")
    earned = plausible.value(
        f"""select sum(t_comm::double) from {FILLED} where year(t_dts::date) between 2013 and 2016
        and t_comm::double < value"""
    )
    assert 0.8 < float(str(earned)) / wanted < 1.25


def test_of_three_places_the_largest_is_drawn_most() -> None:
    drawn: list[int] = places.draw(Stream(1), np.arange(3_000), among=3).tolist()
    counts = [drawn.count(place) for place in range(3)]
    assert places.shares(3).tolist() == pytest.approx([84 / 151, 40 / 151, 27 / 151])
    for count, share in zip(counts, places.shares(3), strict=True):
        assert count / 3_000 == pytest.approx(share, abs=0.03)


def test_no_list_has_a_word_twice() -> None:
    for name, words in lists().items():
        assert len(set(words)) == len(words), name
    assert not set(lists()["women"]) & set(lists()["men"])
    every: Text = places.cities(np.arange(places.count()))
    assert len(set(every.to_pylist())) == places.count()
    weights = places.shares(places.count()).tolist()
    assert all(one >= other for one, other in itertools.pairwise(weights))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "seed", "start"),
    [
        (0.01, 5, datetime.date(2020, 1, 1)),
        (1, 3, datetime.date(1999, 12, 31)),
        (0.3, 12345678901, datetime.date(1985, 1, 1)),
        (0.1, 2, datetime.date(2050, 12, 29)),
    ],
)
def test_others_keep_the_rules(
    tmp_path: Path, scale: float, seed: int, start: datetime.date
) -> None:
    simulate(scale, 3, seed, start, tmp_path / "landing", profile=PLAUSIBLE)
    with duckdb.connect() as connection:
        load(connection, tmp_path / "landing", 4)
        broken = [
            name
            for name, sql in RULES.items()
            if any(row[0] for row in connection.sql(sql).fetchall())
        ]
    assert broken == []
