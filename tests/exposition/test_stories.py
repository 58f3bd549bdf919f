"""Stories: whom to call, drawings, and the pages that come with a release."""

import json
import os
import re
from datetime import date
from decimal import Decimal
from html import unescape

import duckdb
import pytest

from exposition import companions as registered
from exposition.metrics.answers import Metrics
from exposition.metrics.questions import ask
from exposition.stories import charts, making
from exposition.stories.branch_manager import TILES
from exposition.stories.calls import Customer, describe, find_call
from exposition.stories.pages import Table
from exposition.stories.sentences import amount
from tests.orchestration import client
from tradehouse.home.paths import Home
from tradehouse.publish import companions, releases

DAY = date(2017, 7, 9)
QUIET = {
    "number": 7,
    "branch": "Lyon",
    "broker": 3,
    "worth": Decimal(100_000),
    "worth_before": Decimal(100_000),
    "cash": Decimal(20_000),
    "net_new_money": Decimal(0),
    "last_trade": date(2017, 6, 1),
    "since": date(2010, 1, 1),
}
TABLE = Table("Figures", ("Day", "Figure"), [("9 July 2017", "5")], (1,))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        (
            {"net_new_money": Decimal(-30_000), "worth": Decimal(70_000)},
            "Took 30,000.00 USD out, 30 % of what was there.",
        ),
        ({"net_new_money": Decimal(-9_999), "worth": Decimal(90_001)}, None),
        (
            {"net_new_money": Decimal(15_000), "worth": Decimal(115_000)},
            "Brought 15,000.00 USD in; 20,000.00 USD is cash.",
        ),
        ({"worth": Decimal(80_000)}, "Worth fell by 20,000.00 USD (20 %) by prices."),
        ({"worth": Decimal(95_000)}, None),
        (
            {"cash": Decimal(60_000), "last_trade": date(2015, 1, 2)},
            "Holds 60,000.00 USD in cash, no trade since 2 January 2015.",
        ),
        (
            {"cash": Decimal(60_000), "last_trade": None},
            "Holds 60,000.00 USD in cash, never traded.",
        ),
        ({"cash": Decimal(60_000)}, None),
        ({"since": DAY, "worth_before": None}, "Customer since this day: welcome."),
    ],
)
def test_a_customer_is_called_for_a_reason(changes, reason):
    found = find_call(Customer(**(QUIET | changes)), DAY)

    assert (found and found.reason) == reason


def test_the_reason_with_the_most_money_counts():
    both = {"net_new_money": Decimal(-20_000), "worth": Decimal(30_000)}
    found = find_call(Customer(**(QUIET | both)), DAY)

    assert found.reason == "Worth fell by 50,000.00 USD (50 %) by prices."


def test_how_many_there_are_to_call():
    assert describe(0).startswith("Nobody: ")
    assert describe(1) == "1 customer with a reason to call."
    assert describe(21).endswith("; the 20 with the most money in it are below.")


def specifications():
    days = [(date(2017, 7, 8), -4), (DAY, Decimal(5))]
    named = [("Lyon", Decimal(5), Decimal(8)), ("<b>&", 3, None)]
    return [
        charts.by_day(
            "Trades",
            days,
            "trades",
            "Up.",
        ),
        charts.by_name("Branches", named, "USD", "Lyon leads.", TABLE),
        charts.in_order("Runs", [("1", 2.0), ("2", 3.0)], "seconds", "Slower.", TABLE),
    ]


def test_charts_are_what_altair_would_write():
    import altair

    for chart in specifications():
        altair.Chart.from_dict(chart.vega_lite, validate=True)


def test_a_drawing_needs_no_script_and_says_what_it_shows():
    hostile = [("</svg><script>alert(1)</script>", 5, None)]
    chart = charts.by_name("A < B", hostile, "USD", "It's <high>.", TABLE)
    drawn = charts.draw(chart, "month-0")

    assert drawn.startswith('<svg role="img" aria-labelledby="month-0-title month-0-text"')
    assert '<title id="month-0-title">A &lt; B</title>' in drawn
    assert '<desc id="month-0-text">It&#x27;s &lt;high&gt;.</desc>' in drawn
    assert drawn.count("role=") == 1
    assert "<script" not in drawn
    assert drawn.count("</svg>") == 1


def test_every_colour_of_a_drawing_follows_the_page(tmp_path):
    style = (making.Path(making.__file__).parent / "templates" / "frame.html").read_text()
    used = {
        one
        for chart in specifications()
        for one in re.findall(r'(?:fill|stroke)="#\w+"', charts.draw(chart, "a"))
    }

    assert used
    assert {one for one in used if f"svg [{one}]" not in style} == set()


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_light_and_dark_can_be_read():
    style = (making.Path(making.__file__).parent / "templates" / "frame.html").read_text()
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w{6})", part))
        for part in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    )
    for colours in (light, light | dark):
        for ground in (colours["ground"], colours["raised"]):
            for name in ("ink", "quiet", "link"):
                assert contrast(colours[name], ground) >= 4.5, (name, ground)
            for name in ("bar", "target"):
                assert contrast(colours[name], ground) >= 2.9, (name, ground)


def test_a_companion_that_fails_holds_nothing_up(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no\nink")

    home = Home(tmp_path)
    release = releases.Release.model_construct(id="one")
    monkeypatch.setattr(companions, "_registered", {"stories": fail, "maps": lambda *_: "no paper"})

    faults = companions.make_all(home, tmp_path, release)

    assert faults == ["stories: RuntimeError: no ink", "maps: no paper"]
    assert "line 1" not in faults[0]
    assert "raise RuntimeError" in (home.logs / companions.LOG).read_text()


@pytest.fixture
def home(published):
    return Home(published)


def pages_of(home):
    folder = home.releases / releases.CURRENT / making.FOLDER
    return {reader: (folder / reader / making.PAGE) for reader in making.READERS}


def read(path):
    text = path.read_text().partition("</head>")[2]
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", text)))


@pytest.mark.slow
@pytest.mark.xdist_group("run")
def test_a_release_brings_its_stories(home):
    pages = {reader: read(path) for reader, path in pages_of(home).items()}
    database = home.releases / releases.CURRENT / releases.DATABASE
    with duckdb.connect(database, read_only=True) as connection:
        commission, day = connection.execute(
            "select coalesce(sum(commission_usd), 0), last.day from gold.mart_trades,"
            " (select max(as_of_date) as day from gold.mart_days) as last"
            " where status = 'Completed' and closed_date = last.day group by last.day"
        ).fetchone()
        names = connection.execute(
            "select distinct unnest([last_name, broker_last_name]) from gold.mart_customers"
        ).fetchall()

    metrics = Metrics(database.parent)
    for name, label, unit in TILES:
        of_the_day = ask(metrics.definitions, [name], since=str(day), until=str(day))
        [(value,)] = metrics.answer(of_the_day).rows
        assert f"{label} {amount(value or 0, unit)}" in pages["branch-manager"], name
    metrics.close()

    said = pages["branch-manager"]
    assert f"as of {day.day} {day:%B %Y}" in said
    assert f"Commission {commission:,.2f} USD" in said
    assert "No day is missing between the 2 that were delivered." in pages["compliance"]
    first_with_history = "No row of the last day in quarantine. No figure the day before to compare"
    assert first_with_history in pages["compliance"]
    assert "tests passed" in pages["platform-owner"]
    words = {word for text in pages.values() for word in re.findall(r"\w+", text)}
    assert {name for (name,) in names if name and len(name) > 4} & words == set()


@pytest.mark.slow
@pytest.mark.xdist_group("run")
def test_what_did_not_change_is_kept_and_costs_no_plan(home, monkeypatch):
    before = {reader: path.stat().st_ino for reader, path in pages_of(home).items()}
    release = releases.list_releases(home)[-1]
    folder = home.releases / release.id
    record = json.loads((folder / "stories" / making.RECORD).read_text())
    del record["digests"]["compliance"]
    (folder / "stories" / making.RECORD).write_text(json.dumps(record))
    following = home.releases / "next"
    following.mkdir()
    for name in (releases.DATABASE, releases.MANIFEST, releases.SEMANTICS):
        os.link(folder / name, following / name)

    def unexpected(*_):
        raise AssertionError("A plan was made again.")

    monkeypatch.setattr("exposition.metrics.planning._make", unexpected)
    assert making.make(home, following, release) == ""

    kept = {
        reader: (following / "stories" / reader / making.PAGE).stat().st_ino == inode
        for reader, inode in before.items()
    }
    assert kept["branch-manager"] is True
    assert kept["compliance"] is False


@pytest.mark.slow
@pytest.mark.xdist_group("run")
def test_a_page_that_fails_takes_no_other_with_it(home, monkeypatch, tmp_path):
    def fail(_):
        raise RuntimeError("no ink")

    release = releases.list_releases(home)[-1]
    folder = home.releases / release.id
    readers = {**making.READERS, "compliance": fail}
    monkeypatch.setattr(making, "READERS", readers)

    assert making.make(home, folder, release) == "compliance: no ink"

    assert not (folder / "stories" / "compliance").exists()
    assert (folder / "stories" / "branch-manager" / making.PAGE).is_file()
    assert "compliance" not in (folder / "stories" / making.PAGE).read_text()


def test_they_can_be_switched_off(tmp_path, monkeypatch):
    monkeypatch.setenv(registered.SWITCH, "off")
    registered.register()

    assert companions.make_all(Home(tmp_path), tmp_path / "absent", None) == []


@pytest.mark.slow
@pytest.mark.xdist_group("run")
def test_axe_finds_nothing_and_a_phone_is_wide_enough(home):
    chromium = client.require_browser()
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            tab = browser.new_page(color_scheme=scheme, viewport={"width": 360, "height": 740})
            for path in pages_of(home).values():
                tab.goto(path.resolve().as_uri())
                found = Axe().run(tab).response["violations"]
                assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
                assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        browser.close()
