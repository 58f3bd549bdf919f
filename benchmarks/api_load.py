"""How much the API answers: pages and metrics from the cache in a second, an extract's seconds.

    python -m benchmarks.api_load [--home HOME] [--seconds 10]

Without a home it measures a release of its own, with one table of 100,000 rows and 12 columns.
Metrics are measured where the home has any, by the first one's figures. Beside the seconds on the
clock it prints the processor time of the server by request, to which other work on the machine
adds little: how much one core would answer.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import httpx
import pyarrow as pa

from exposition import tokens
from tests.exposition.server import served
from tradehouse.home import state
from tradehouse.home.paths import Home
from tradehouse.home.records import Build, Outcome
from tradehouse.publish import publishing

ROWS = 100_000
CONNECTIONS = 16
TABLE = f"""
    select
        range as trade_id,
        date '2020-01-01' + cast(range % 1000 as integer) as trade_date,
        range % 5000 as account_id,
        range % 1000 as customer_id,
        'SYMBOL' || range % 700 as symbol,
        case range % 2 when 0 then 'Market Buy' else 'Limit Sell' end as type,
        cast(range % 900 as integer) as quantity,
        cast(range % 7919 / 7.0 as decimal(8, 2)) as price,
        cast(range % 97 / 3.0 as decimal(10, 2)) as fee,
        cast(range % 89 / 3.0 as decimal(10, 2)) as commission,
        range % 2 = 0 as is_cash,
        timestamp '2020-01-01' + to_seconds(range * 60) as executed_at
    from range({ROWS})
"""


@dataclass(frozen=True)
class Load:
    """What came of asking for the same again and again."""

    requests_a_second: float
    median_ms: float
    slow_ms: float
    """One in a hundred took longer."""
    processor_ms: float
    """Of the server, by request."""


def make_home(root: Path) -> Home:
    """A home with a release of one table."""
    home = Home(root)
    home.prepare()
    with duckdb.connect(home.warehouse) as connection:
        connection.execute(f"create schema gold; create table gold.trades as {TABLE}")
        columns = [row[0] for row in connection.execute("describe gold.trades").fetchall()]
    classes = dict.fromkeys(columns, "internal")
    table = {"key": ["trade_id"], "classes": classes}
    state.write(home, "graph", {"project_digest": "", "nodes": {}, "tables": {"trades": table}})
    publishing.publish(home, Build(status=Outcome.PASSED, id="benchmark", project_digest=""))
    return home


async def ask(host: str, port: int, request: bytes, until: float) -> list[float]:
    """Send one request after the other on a connection; returns how long each took."""
    reader, writer = await asyncio.open_connection(host, port)
    taken = []
    while time.perf_counter() < until:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        if status not in (200, 304):
            raise RuntimeError(head.decode("latin-1"))
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length")),
            0,
        )
        await reader.readexactly(length if status == 200 else 0)
        taken.append(time.perf_counter() - began)
    writer.close()
    return taken


def measure(address: str, process: int, path: str, headers: dict[str, str], seconds: float) -> Load:
    """Ask for one path over several connections at once."""
    host, _, port = address.removeprefix("http://").partition(":")
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{k}: {v}" for k, v in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def all_at_once(until: float) -> list[float]:
        found: list[Awaitable[list[float]]] = [
            ask(host, int(port), request, until) for _ in range(CONNECTIONS)
        ]
        return [one for taken in await asyncio.gather(*found) for one in taken]

    asyncio.run(all_at_once(time.perf_counter() + 1))
    before, began = processor_seconds(process), time.perf_counter()
    taken = asyncio.run(all_at_once(began + seconds))
    passed, used = time.perf_counter() - began, processor_seconds(process) - before
    return Load(
        requests_a_second=len(taken) / passed,
        median_ms=statistics.median(taken) * 1000,
        slow_ms=statistics.quantiles(taken, n=100)[-1] * 1000,
        processor_ms=used / len(taken) * 1000,
    )


def processor_seconds(process: int) -> float:
    """What a process has taken of the processors (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def largest_table(client: httpx.Client) -> tuple[str, int]:
    """The table with the most rows, and how many."""
    found = max(client.get("/v1/tables").json(), key=lambda one: one["rows"])
    return found["name"], found["rows"]


def best_of(times: int, work: Callable[[], object]) -> float:
    """The seconds of the fastest of several times."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def report(home: Home, seconds: float) -> None:
    """Measure a home and print what was found."""
    name = f"benchmark-{time.time_ns()}"
    _, token = tokens.create(home, name, days=1)
    rate = {"TRADEHOUSE_API_REQUESTS_PER_MINUTE": "100000000"}
    given = {"Authorization": f"Bearer {token}"}
    try:
        with (
            served(home, **rate) as (address, process),
            httpx.Client(base_url=address, headers=given, timeout=120) as client,
        ):
            table, rows = largest_table(client)
            page = f"/v1/tables/{table}?limit=20"
            tag = client.get(page).headers["ETag"]
            asked = {"a page of 20 rows": (page, given)}
            asked["the same, unchanged (304)"] = (page, {**given, "If-None-Match": tag})
            for metric in client.get("/v1/metrics").json()[:1]:
                asked[f"metric {metric['name']}"] = (f"/v1/metrics/{metric['name']}", given)
            for what, (path, headers) in asked.items():
                found = measure(address, process.pid, path, headers, seconds)
                print(
                    f"{what}: {found.requests_a_second:,.0f} requests/s, median "
                    f"{found.median_ms:.1f} ms, 99 % below {found.slow_ms:.1f} ms; "
                    f"{found.processor_ms:.2f} ms of the processor by request, so "
                    f"{1000 / found.processor_ms:,.0f}/s by core"
                )
            for form in ("arrow", "parquet", "csv", "json"):
                path = f"/v1/tables/{table}/extract?format={form}"
                content = client.get(path).content
                before = processor_seconds(process.pid)
                taken = best_of(3, lambda path=path: client.get(path))
                used = (processor_seconds(process.pid) - before) / 3
                print(
                    f"{rows:,} rows of {table} as {form}: {taken:.2f} s, "
                    f"{len(content) / 1e6:.1f} MB; {used:.2f} s of the processor"
                )
                if form == "arrow":
                    assert len(pa.ipc.open_stream(content).read_all()) == rows
    finally:
        tokens.revoke(home, name)


def main() -> None:
    """Measure the home that was named, or one made for it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.api_load", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--home", type=Path)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load before {busy:.1f}")
    if options.home:
        report(Home(options.home.resolve()), options.seconds)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(make_home(Path(folder) / "home"), options.seconds)


if __name__ == "__main__":
    main()
