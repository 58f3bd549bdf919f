"""Alerts as the command line gives them: trying channels, and a delivery with a fault."""

import json

import pytest

from tests.tradehouse.support import command, deliver

pytestmark = pytest.mark.xdist_group("run")


def test_channels_are_tried_and_named(quiet_home, mail, webhook, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_ALERTS_DATA_PLATFORM", mail.url("platform@example.com"))
    monkeypatch.setenv("TRADEHOUSE_ALERTS_ANALYTICS", webhook.url)

    done = command(quiet_home.root, "alerts", "test", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"owner": owner, "variable": variable, "channel": channel, "result": result}
        for owner, variable, channel, result in (
            ("Analytics", "TRADEHOUSE_ALERTS_ANALYTICS", "JSON", "sent"),
            (
                "Data engineering", "TRADEHOUSE_ALERTS_DATA_ENGINEERING", "",
                "no channel is configured",
            ),
            ("data-platform", "TRADEHOUSE_ALERTS_DATA_PLATFORM", "E-Mail", "sent"),
        )
    ]  # fmt: skip
    [(recipients, subject, _)] = mail.all
    assert recipients == ["platform@example.com"]
    assert subject == "[Tradehouse] a test message for data-platform"
    assert [one["title"] for one in webhook.all] == ["[Tradehouse] a test message for Analytics"]

    webhook.answer = 500
    failed = command(quiet_home.root, "alerts", "test", "Analytics")
    assert failed.returncode == 1
    assert "did not take the message" in failed.stdout
    assert "secret" not in failed.stdout + failed.stderr


def test_nothing_configured_says_what_to_set(quiet_home):
    done = command(quiet_home.root, "alerts", "test")

    assert done.returncode == 1
    assert "Set TRADEHOUSE_ALERTS in the environment or .env" in done.stdout


def test_a_delivery_with_a_fault_is_told_and_its_mend(published, webhook, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_ALERTS", webhook.url)
    deliver(published, 2, {"Batch3/Trade.txt": None})

    refused = command(published, "sync")

    assert refused.returncode == 3, refused.stderr
    assert "alert    [Tradehouse] brokerage: batch 3 was refused (file_missing)" in refused.stderr
    [sent] = webhook.all
    assert "Batch3/Trade.txt" in sent["message"]
    for exposure in ("Broker scorecard (Sales management)", "Customer review (Wealth advisory)"):
        assert exposure in sent["message"]
    [entry] = json.loads(command(published, "alerts", "list", "--json").stdout)
    assert (entry["owner"], entry["is_told"]) == ("data-platform", True)
    assert "dim_trade" in entry["models"]
    assert command(published, "sync").returncode == 3

    deliver(published, 2)
    assert command(published, "sync").returncode == 0
    assert [one["type"] for one in webhook.all] == ["failure", "success"]
    assert command(published, "alerts", "list").stdout == "No alert is open.\n"
