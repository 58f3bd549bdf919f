"""What several test folders share: homes, landing directories, and no silent skips in CI."""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.landing import brokerage_files, write_landing
from tradehouse.home import files

PROJECT = Path(__file__).resolve().parents[1]
ARCHIVE = PROJECT.parent / "shared" / "data" / "brokerage-sf3.tar.zst"
os.umask(UMASK := os.umask(0o022))


def pytest_configure() -> None:
    """Let processes that tests start hear signals, also where who started us ignores them.

    A shell ignores Ctrl-C for what it starts in the background, `nohup` the end of the terminal;
    children inherit that, but no handler. The tests themselves go on.

    Releases come without stories, which take a second or two each, but in the tests of stories, of
    kills, of the page and of the documentation's commands.
    """
    os.environ.setdefault("TRADEHOUSE_STORIES", "off")
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Undo what a former test left in this process.

    A home that was opened closes new files to others; a sentence on a file is said once, and the
    next test's may have the same path.
    """
    os.umask(UMASK)
    files._told.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI only the real sample may be missing: any other skip is a failure."""
    report = yield
    is_expected = item.get_closest_marker("sample") is not None or hasattr(report, "wasxfail")
    if report.skipped and os.environ.get("CI") == "true" and not is_expected:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be missing: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def sample_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real sample, unpacked once for all worker processes; never to be written to.

    TRADEHOUSE_SAMPLE names it where it is unpacked already.
    """
    unpacked = os.environ.get("TRADEHOUSE_SAMPLE")
    if unpacked:
        return Path(unpacked)
    if not ARCHIVE.exists():
        pytest.skip(f"the real sample is not there: {ARCHIVE}")
    if shutil.which("zstd") is None:
        pytest.skip("unpacking the real sample needs the program zstd")
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    folder = base / "sample"
    with (base / "sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".unpacked").exists():
            folder.mkdir(exist_ok=True)
            subprocess.run(
                ["tar", "--zstd", "-xf", str(ARCHIVE), "-C", str(folder)], check=True, timeout=300
            )
            (folder / ".unpacked").touch()
    [batch] = folder.rglob("Batch1")
    return batch.parent


@pytest.fixture
def tiny_landing(tmp_path: Path) -> Path:
    """A hand-written brokerage: the historical batch and two days, a few rows a file."""
    return write_landing(tmp_path / "landing", brokerage_files())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a home of its own, named by TRADEHOUSE_HOME; nothing is in it yet."""
    path = tmp_path / "home"
    monkeypatch.setenv("TRADEHOUSE_HOME", str(path))
    return path
