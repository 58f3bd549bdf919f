"""A small round of the campaign of odd calls: every one ends with a sentence and an exit code."""

import random

from benchmarks import odd_commands


def test_odd_calls_end_in_words(monkeypatch):
    # Damaged files of a home have tests of their own, for many more damages.
    monkeypatch.setattr(odd_commands, "FILES", [])
    assert odd_commands.attack(80, 1, odd_commands.call_here) == []


def test_an_odd_command_of_its_own_ends_in_words(tmp_path):
    odd = odd_commands.Odd(["sync", "\x1b[31m\u202e", "--wait", "9" * 30], {"COLUMNS": "-1"})
    assert odd_commands.judge(*odd_commands.call_there(odd, tmp_path)) == ""


def test_the_campaign_draws_every_command_and_sees_what_is_wrong():
    chance = random.Random(1)
    drawn = {" ".join(odd_commands.draw(chance).words[:1]) for _ in range(500)}
    assert {"run", "sync", "status", "sources", "simulate"} <= drawn
    assert odd_commands.judge(0, "") == ""
    assert odd_commands.judge(1, "") == "an error without a word"
    assert odd_commands.judge(1, "Traceback (most recent call last)") == "a traceback"
    assert odd_commands.judge(0, "\x1b[31m") == "something that a terminal obeys"
    assert odd_commands.judge(139, "x") == "exit code 139"
