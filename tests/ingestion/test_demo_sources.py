"""`tradehouse demo-sources` with the real connectors, up to rows in raw, bronze and quarantine."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion import declarations
from simulator import bank, simulate
from tests.ingestion.test_registry import install, install_manifest_runner
from tests.tradehouse.support import command

MONDAY = dt.date(2017, 7, 10)
HISTORY = MONDAY - dt.timedelta(1)


class Demo:
    """A home with a simulated brokerage whose own rows are not loaded: they are not asked for."""

    def __init__(self, home: Path, connectors: Path) -> None:
        self.home = home
        self.deliver(days=1)
        (home / "connectors").symlink_to(connectors)
        self.call("sources", "disable", "brokerage")

    def deliver(self, days: int) -> None:
        simulate(0.1, days, 1, MONDAY, self.home / "landing")

    def call(self, *words: str, code: int = 0) -> str:
        done = command(self.home, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rows(self, query: str, file: str = "warehouse") -> list[Any]:
        with duckdb.connect(str(self.home / f"{file}.duckdb"), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def rates(self) -> dict[tuple[dt.date, str], Decimal]:
        query = "select day, currency, rate from bronze.bronze_exchange_rates__rates"
        return {(day, currency): rate for day, currency, rate in self.rows(query)}


def expected(today: dt.date) -> dict[tuple[dt.date, str], Decimal]:
    return {one[:2]: Decimal(str(one.rate)) for one in bank.rates(1, HISTORY, today)}


@pytest.mark.slow
def test_both_sources_from_one_command_to_bronze(
    tmp_path: Path, connectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_manifest_runner(connectors, declarations.read("exchange_rates"))
    install(connectors, declarations.read("branch_targets"), "source-file")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # Nobody is there.
    demo_sources = Demo(tmp_path / "home", connectors)
    said = demo_sources.call("demo-sources")
    assert "a REST API served on loopback for the time of each sync" in said
    assert said.count("installed and reached") == 2
    assert "Next: tradehouse run" in said
    found = json.loads(command(demo_sources.home, "run", "--dry-run", "--json").stdout)
    assert found["due"] == ["branch_targets", "exchange_rates"]

    demo_sources.call("run")
    assert demo_sources.rates() == expected(MONDAY)
    file = demo_sources.home / "partners" / "branch_targets.csv"
    lines = file.read_text().splitlines()
    query = "select count(*), count(distinct branch), min(month), max(month), sum(target_usd)"
    total = sum(Decimal(line.rpartition(",")[2]) for line in lines[1:])
    assert demo_sources.rows(f"{query} from bronze.bronze_branch_targets__targets") == [
        (len(lines) - 1, (len(lines) - 1) // 66, dt.date(2012, 7, 1), dt.date(2017, 12, 1), total)
    ]
    counts = demo_sources.rows("select count(*) from exchange_rates.rates", "raw")
    assert counts == [(len(expected(MONDAY)),)]

    # A further day: one rate is another one, one comes late, and the partner's file has a bad line.
    demo_sources.deliver(days=2)
    file.write_text("\n".join([*lines, "Porto,2017-13-01,5.00", "Porto,2017-12-01,7.25"]) + "\n")
    demo_sources.call("run", "--source", "exchange_rates", "--source", "branch_targets")
    tuesday = MONDAY + dt.timedelta(1)
    assert demo_sources.rates() == expected(tuesday)
    late = (MONDAY, "MXN")
    assert late not in expected(MONDAY)
    assert demo_sources.rates()[late] == expected(tuesday)[late]
    assert demo_sources.rates()[MONDAY, "CAD"] != expected(MONDAY)[MONDAY, "CAD"]
    kept = "select distinct rate from exchange_rates.rates where day = ? and currency = 'CAD'"
    assert len(demo_sources.rows(kept.replace("?", f"'{MONDAY}'"), "raw")) == 2
    said = demo_sources.call("quarantine", "--source", "branch_targets")
    assert 'month: not_a_date "2017-13-01"' in said
    porto = "from bronze.bronze_branch_targets__targets select target_usd where branch = 'Porto'"
    assert demo_sources.rows(porto) == [(Decimal("7.25"),)]

    # Done again it leaves the file and the home as they are.
    assert "there already" in demo_sources.call("demo-sources")
    assert "Porto" in file.read_text()
    assert "there already" not in demo_sources.call("demo-sources", "--force")
    assert file.read_text().splitlines() == lines
    assert processes_of(demo_sources.home) == []


def processes_of(home: Path) -> list[str]:
    """Command lines of processes that serve this home's bank."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"simulator.bank" in words and str(home / "landing").encode() in words:
            found.append(path.parent.name)
    return found


def test_a_home_without_a_simulated_brokerage_is_told(tmp_path: Path) -> None:
    done = command(tmp_path / "home", "demo-sources")
    assert done.returncode == 2
    assert "holds no simulated brokerage" in done.stderr
    assert "Two more sources" not in done.stdout
    assert not (tmp_path / "home" / "partners").exists()


def test_a_connector_that_cannot_be_installed_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ingestion import environments
    from ingestion.errors import ConnectorError
    from tradehouse.errors import TradehouseError
    from tradehouse.home import switches
    from tradehouse.home.paths import Home
    from tradehouse.loads import demo_sources
    from tradehouse.terminal.progress import Steps

    def missing(*_: Any, **__: Any) -> Path:
        raise ConnectorError("The connector needs Python >=3.10,<3.12.")

    home = Home(tmp_path / "home")
    simulate(0.1, 1, 1, MONDAY, home.landing)
    monkeypatch.setenv("TRADEHOUSE_HOME", str(home.root))
    monkeypatch.setattr(environments, "executable", missing)
    with pytest.raises(TradehouseError, match=r"^The connector needs Python >=3\.10,<3\.12\.$"):
        demo_sources.set_up(home, Steps(quiet=True), demo_sources.make_targets(home), force=False)
    assert switches.read(home.state) == {}
