import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.tradehouse.support import PROJECT
from tradehouse.errors import BusyError
from tradehouse.home.locks import find_dead, find_holder, writing
from tradehouse.home.paths import Home

HOLD = """
import subprocess, sys, time
from pathlib import Path
from tradehouse.home.locks import writing
from tradehouse.home.paths import Home
sys.argv = ["tradehouse", "run"]
with writing(Home(Path({root!r}))):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    print(child.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock, with a child that inherited it; gives both."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(root=str(tmp_path))],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(process.stdout.readline())
    yield process, child
    for one in (process.pid, child):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def test_who_writes_is_named_to_the_second_writer(tmp_path, holder):
    process, _ = holder

    named = rf"`tradehouse run` \(process {process.pid}, since 20"
    with pytest.raises(BusyError, match=named) as caught, writing(Home(tmp_path)):
        pass

    assert re.fullmatch(rf"{named}[-0-9: ]+UTC\)", caught.value.holder)
    assert find_holder(Home(tmp_path))["pid"] == process.pid


def test_the_lock_lasts_until_the_last_child_is_gone(tmp_path, holder):
    process, child = holder
    process.kill()
    process.wait()

    said = rf"which was killed; process {child} that it started still runs"
    with pytest.raises(BusyError, match=said), writing(Home(tmp_path)):
        pass

    os.kill(child, signal.SIGKILL)
    with writing(Home(tmp_path), wait_seconds=10) as dead:
        assert (dead["pid"], dead["command"]) == (process.pid, "tradehouse run")
        assert find_holder(Home(tmp_path))["pid"] == os.getpid()
    with writing(Home(tmp_path)) as dead:
        assert dead is None


def test_who_died_is_known_until_the_next_writer(tmp_path, holder):
    assert find_dead(Home(tmp_path)) is None
    for one in (holder[0].pid, holder[1]):
        os.kill(one, signal.SIGKILL)
    holder[0].wait()

    while (dead := find_dead(Home(tmp_path))) is None:
        time.sleep(0.01)

    assert dead["pid"] == holder[0].pid
    with pytest.raises(RuntimeError), writing(Home(tmp_path)):
        raise RuntimeError("an error is no death")
    assert find_dead(Home(tmp_path)) is None


def test_asking_who_writes_keeps_nobody_from_writing(tmp_path):
    home = Home(tmp_path)
    with writing(home):
        pass
    is_done = threading.Event()

    def ask():
        while not is_done.is_set():
            find_holder(home)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(50):
            with writing(home):
                pass
    finally:
        is_done.set()
        for thread in asking:
            thread.join()


def test_a_waiting_writer_gets_the_lock_when_it_is_free(tmp_path, holder):
    process, child = holder
    for one in (process.pid, child):
        os.kill(one, signal.SIGKILL)
    began = time.monotonic()

    with writing(Home(tmp_path), wait_seconds=30):
        pass

    assert time.monotonic() - began < 10
    assert find_holder(Home(tmp_path)) is None


def test_the_holder_removes_what_was_begun_and_a_refused_one_does_not(tmp_path, holder):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    begun = tmp_path / "releases" / f".begun-{gone.pid}-x"
    begun.mkdir(parents=True)

    with pytest.raises(BusyError), writing(Home(tmp_path)):
        pass
    assert begun.exists()

    for one in (holder[0].pid, holder[1]):
        os.kill(one, signal.SIGKILL)
    with writing(Home(tmp_path), wait_seconds=10):
        assert not begun.exists()


def test_a_command_whose_words_are_not_utf_8_is_named_with_escapes(tmp_path):
    with writing(Home(tmp_path), command="tradehouse run --landing /data/\udcff"):
        assert find_holder(Home(tmp_path))["command"] == r"tradehouse run --landing /data/\udcff"
