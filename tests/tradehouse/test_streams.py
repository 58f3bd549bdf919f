"""What reaches a terminal: nothing that it would obey, whatever the data says."""

import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tradehouse.support import command
from tradehouse.home.paths import PROJECT
from tradehouse.terminal import output, streams
from tradehouse.terminal.progress import Steps

HOSTILE = "\x1b[2J\x07\x00\x7f\x9b31m\u202egpj.exe\u200b\ufeff\u2028\u2066\ud800\r[bold]x[/][link=file:///]"
SHOWN = (
    r"\x1b[2J\x07\x00\x7f\x9b31m\u202egpj.exe\u200b\ufeff\u2028\u2066\ud800\r[bold]x[/]"
    "[link=file:///]"
)


def test_what_a_terminal_obeys_or_does_not_show_is_escaped():
    assert streams.visible(HOSTILE) == SHOWN
    assert streams.visible("a\tb\nc") == r"a\tb\nc"
    assert streams.visible("a\tb\nc", keep=streams.WITHIN_LINES) == "a\tb\nc"
    assert streams.visible("Zoë 東京 ż [1]") == "Zoë 東京 ż [1]"


def test_every_character_without_a_picture_is_escaped_and_every_letter_stays():
    for number in (*range(0x20000), *range(0xE0000, 0xE1000)):
        character = chr(number)
        category = unicodedata.category(character)
        shown = streams.visible(character)
        if category in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert shown != character, hex(number)
            assert shown.isascii(), hex(number)
        elif category[0] in "NPS" and number != 0x2800:
            assert shown == character, hex(number)


@settings(deadline=None)
@given(st.text())
def test_no_text_is_obeyed_and_json_stays_exact(text):
    file = io.BytesIO()
    shown = streams.Shown(file, encoding="utf-8", errors="backslashreplace")
    before, sys.stdout = sys.stdout, shown
    try:
        output.print_json({"text": text})
        shown.flush()
        written = file.getvalue().decode()
        file.truncate(0)
        print(text)
        output.print_table(["text"], [[text]])
        shown.flush()
    finally:
        sys.stdout = before
    assert json.loads(written) == {"text": text}
    said = file.getvalue().decode()
    assert all(one in "\n\t" or one.isprintable() for one in said.lstrip("\0"))


def test_tables_errors_and_steps_show_data_and_follow_no_markup(capsys):
    output.print_table(["text"], [[HOSTILE]])
    output.print_error(HOSTILE)
    with Steps().step("sync") as step:
        step.finish(HOSTILE)

    said = capsys.readouterr()
    assert said.out.replace("\n", "").endswith(SHOWN)
    assert said.err.startswith(f"error: {SHOWN}\nsync     {SHOWN} (")


def call(home, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "tradehouse", *arguments],
        cwd=PROJECT,
        env={**os.environ, "TRADEHOUSE_HOME": str(home), **options.pop("env", {})},
        timeout=60,
        check=False,
        **options,
    )


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
def test_closed_descriptors_are_no_error(home, closed):
    line = f"{sys.executable} -m tradehouse status --json {closed}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=PROJECT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


def test_a_reader_that_goes_away_is_no_error(home):
    line = f"{sys.executable} -m tradehouse --help | true; exit $PIPESTATUS"
    done = subprocess.run(
        ["bash", "-c", line], cwd=PROJECT, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_output_that_cannot_be_written_is_an_error(home):
    with Path("/dev/full").open("wb") as full:
        done = call(home, "status", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"The output could not be written: No space left on device." in done.stderr


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "NO_COLOR": "1"},
        {"COLUMNS": "20", "TERM": "dumb"},
    ],
    ids=["ascii", "narrow"],
)
def test_no_terminal_and_no_encoding_is_an_error(home, env):
    done = call(home, "run", "--landing", "/nówhere", env=env, capture_output=True)
    assert done.returncode == 2
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr


def test_a_message_of_the_command_line_itself_is_escaped(home):
    done = command(home, "sync", "\x1b[31mred\u202e")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
