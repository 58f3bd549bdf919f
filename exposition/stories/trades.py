"""Large and unusual trades of the last day, by rules over the trades before and the market."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from exposition.stories import sentences
from exposition.stories.asking import Asking
from exposition.stories.pages import Section, Table
from exposition.stories.sentences import amount, total

MOST = 15
LARGE_SHARE = 0.99
"""A trade is large when it is larger than this share of the trades of the year before."""
UNUSUAL_TIMES = 5
LEAST_TRADES = 5
"""A trade is unusual at so many times the median of its customer's earlier ones, if so many."""
COLUMNS = ("Trade", "Customer", "Broker", "Security", "Value", "Why")


def are_in(asking: Asking) -> bool:
    """Whether a release has trades."""
    return asking.day is not None and asking.has("mart_trades")


def section(asking: Asking, large: list[tuple[Any, ...]]) -> Section:
    """Return the trades that somebody should look at, each with the reason."""
    heading = "Large and unusual trades"
    if not are_in(asking):
        return Section("trades", heading, ["Trades are not in this release."])
    unusual, beside = _unusual(asking), _beside_market(asking)
    said = [
        f"{total(len(large), 'trades', 'No trade')} of the last day larger than "
        f"{LARGE_SHARE * 100:.0f} % of those of the year before.",
        f"{total(len(unusual), 'trades', 'No trade')} at {UNUSUAL_TIMES} times or more what "
        "the customer usually trades.",
        describe_beside(len(beside), _priced_day(asking)),
    ]
    rows = [(*_trade(row), f"Large: the limit is {amount(row[5], 'USD')}.") for row in large[:MOST]]
    rows += [
        (*_trade(row), f"{row[4] / row[5]:,.0f} times the customer's median.")
        for row in unusual[:MOST]
    ]
    rows += [(*_trade(row), describe_price(*row[5:])) for row in beside[:MOST]]
    tables = [Table("Trades to look at", COLUMNS, rows, (4,))] if rows else []
    return Section("trades", heading, said, tables=tables)


def describe_beside(count: int, day: date | None) -> str:
    """Return how many trades were outside the market's prices, of the last day that has some."""
    if day is None:
        return "No trade could be compared with the market: there are no prices."
    of = f"of {sentences.day(day)}, the last day with prices"
    return f"{total(count, 'trades', 'No trade')} {of}, outside what the market paid."


def describe_price(price: Decimal, low: Decimal, high: Decimal) -> str:
    """Return how a price stands to what a security cost on its day."""
    side, limit = ("below", low) if price < low else ("above", high)
    away = abs(price - limit) * 100 / limit if limit else Decimal(0)
    return f"Price {price:,.2f}: {away:,.0f} % {side} the day's {low:,.2f} to {high:,.2f}."


def _trade(row: Sequence[Any]) -> tuple[str, ...]:
    trade, customer, broker, symbol, value = row[:5]
    return (str(trade), str(customer), str(broker), symbol, amount(value, "USD"))


_OF_DAY = """
    select trade_id, customer_id, broker_id, symbol, traded_value_usd, trade_price_usd, closed_date
    from gold.mart_trades
    where status = 'Completed' and closed_date = $day
"""


def find_large(asking: Asking) -> list[tuple[Any, ...]]:
    """Return the large trades of the last day, the largest first, each with the limit."""
    return asking.rows(
        f"""
        with limits as (
            select quantile_cont(traded_value_usd, $share) as usd
            from gold.mart_trades
            where
                status = 'Completed'
                and closed_date >= $day - interval 1 year and closed_date < $day
        )
        select trades.* exclude (trade_price_usd, closed_date), limits.usd
        from ({_OF_DAY}) as trades
        inner join limits on trades.traded_value_usd > limits.usd
        order by trades.traded_value_usd desc, trades.trade_id
        """,
        {"day": asking.day, "share": LARGE_SHARE},
    )


def _unusual(asking: Asking) -> list[tuple[Any, ...]]:
    return asking.rows(
        f"""
        with trades as ({_OF_DAY}),
        usual as (
            select customer_id, median(traded_value_usd) as usd
            from gold.mart_trades
            where
                status = 'Completed' and closed_date < $day
                and customer_id in (select customer_id from trades)
            group by customer_id
            having count(*) >= $least
        )
        select trades.* exclude (trade_price_usd, closed_date), usual.usd
        from trades
        inner join usual using (customer_id)
        where usual.usd > 0 and trades.traded_value_usd >= usual.usd * $times
        order by trades.traded_value_usd / usual.usd desc, trades.trade_id
        """,
        {"day": asking.day, "least": LEAST_TRADES, "times": UNUSUAL_TIMES},
    )


def _priced_day(asking: Asking) -> date | None:
    """Return the last day with prices; they are delivered a day later than trades."""
    ((found,),) = asking.rows("select max(sk_date_id) from gold.fact_market_history")
    return None if found is None else date.fromisoformat(str(found))


def _beside_market(asking: Asking) -> list[tuple[Any, ...]]:
    return asking.rows(
        f"""
        with trades as ({_OF_DAY}),
        prices as (
            select securities.symbol, history.day_low, history.day_high
            from gold.fact_market_history as history
            inner join gold.dim_security as securities
                on history.sk_security_id = securities.sk_security_id
            where history.sk_date_id = cast(strftime($day, '%Y%m%d') as integer)
        )
        select trades.* exclude (closed_date), prices.day_low, prices.day_high
        from trades
        inner join prices using (symbol)
        where trades.trade_price_usd not between prices.day_low and prices.day_high
        order by trades.traded_value_usd desc, trades.trade_id
        """,
        {"day": _priced_day(asking)},
    )
