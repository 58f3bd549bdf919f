"""The brokerage's bank: exchange rates by business day, and the REST API that serves them.

Belongs here: the rates and the server. Does not belong here: what a connector makes of the answers.

`python -m simulator.bank LANDING` serves the bank of the simulated brokerage in LANDING on a free
port of loopback, until its standard input ends. Its first line is `{"url": "http://127.0.0.1:N"}`.
`GET /rates?page=1&size=1000` answers `{"rates": [{"day": ..., "currency": ..., "rate": ...}]}`, by
day and currency; a page behind the last one is empty.

The newest day is not settled yet, as with real banks: the rate of Canadian dollars is given to two
digits and exact from the next day on, and that of Mexican pesos comes a day late.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import numpy as np

from simulator import delivered
from simulator.randomness import Floats, Integers, Stream
from simulator.volumes import SimulationError, date_of, day_number

LEVELS = {"CAD": 1.25, "EUR": 0.85, "GBP": 0.72, "JPY": 110.0, "MXN": 18.5}
"""Units of each currency for one US dollar, around which its rate moves."""
PROVISIONAL, LATE = "CAD", "MXN"
YEARS_BEFORE = 6
LARGEST_PAGE = 1000
_DAILY, _PULL = 0.005, 0.998  # Share by which a rate moves a day; what stays of its distance.


class Rate(NamedTuple):
    """Units of a currency for one US dollar on a business day."""

    day: datetime.date
    currency: str
    rate: float


def rates(seed: int, history: datetime.date, until: datetime.date) -> list[Rate]:
    """Every rate that the bank has on the day `until`, by day and currency.

    They begin on 1 January six years before `history`, the day of the historical batch; Saturdays
    and Sundays have none.
    """
    first = datetime.date(history.year - YEARS_BEFORE, 1, 1)
    every = np.arange(day_number(first), day_number(until) + 1)
    days = every[(every + 3) % 7 < 5]  # 1970-01-01 was a Thursday.
    draw = Stream(seed, "bank")
    levels = {
        currency: LEVELS[currency] * np.exp(_walk(draw[currency], days)) for currency in LEVELS
    }
    found = [
        Rate(date_of(day), currency, round(float(levels[currency][i]), 5))
        for i, day in enumerate(days)
        for currency in LEVELS
    ]
    return [_as_known(one, until) for one in found if (one.day, one.currency) != (until, LATE)]


def _as_known(rate: Rate, today: datetime.date) -> Rate:
    is_provisional = (rate.day, rate.currency) == (today, PROVISIONAL)
    return rate._replace(rate=round(rate.rate, 2)) if is_provisional else rate


def _walk(draw: Stream, days: Integers) -> Floats:
    """The logarithm of a rate's distance from its level: a walk that is drawn back to it."""
    steps = sum((draw[part].uniform(days) for part in ("a", "b", "c")), np.zeros(len(days)))
    steps = (steps - 1.5) * 2 * _DAILY  # The sum of three has a variance of a quarter.
    distance, found = 0.0, np.empty(len(days))
    for i, step in enumerate(steps):
        distance = found[i] = _PULL * distance + step
    return found


def server(known: list[Rate]) -> ThreadingHTTPServer:
    """The API on a free port of loopback, not serving yet."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            asked = parse_qs(place.query)
            try:
                page, size = (
                    int(asked.get(name, [default])[0])
                    for name, default in (("page", "1"), ("size", "1000"))
                )
            except ValueError:
                page = size = 0
            if place.path.rstrip("/") != "/rates":
                self._answer(404, {"error": "there is /rates, and nothing else"})
            elif page < 1 or not 1 <= size <= LARGEST_PAGE:
                self._answer(400, {"error": f"page counts from 1, size is 1 to {LARGEST_PAGE}"})
            else:
                shown = known[(page - 1) * size : page * size]
                self._answer(200, {"rates": [one._asdict() for one in shown]})

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            text = json.dumps(content, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            return

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def serve(known: list[Rate]) -> None:
    """Serve the rates until standard input ends."""
    with server(known) as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        print(json.dumps({"url": f"http://127.0.0.1:{api.server_port}"}), flush=True)
        while sys.stdin.buffer.read(4096):
            continue
        api.shutdown()


def main() -> None:
    """Serve the bank of a landing directory's brokerage."""
    parser = argparse.ArgumentParser(prog="python -m simulator.bank", description=__doc__)
    parser.add_argument("landing", type=Path, help="landing directory of a simulated brokerage")
    parser.add_argument(
        "--until",
        type=datetime.date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="the bank's today; default: the day of the last batch",
    )
    asked = parser.parse_args()
    try:
        plan, last = delivered.read(asked.landing)
    except SimulationError as error:
        sys.exit(str(error))
    serve(rates(plan.seed, date_of(plan.history_end), asked.until or last))


if __name__ == "__main__":
    main()
