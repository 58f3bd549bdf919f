import errno
import os

import pytest

from tradehouse.errors import UsageError
from tradehouse.home import locks, state
from tradehouse.home import paths as homes
from tradehouse.home.paths import Home
from tradehouse.observe import doctor


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(homes, "PROJECT", tmp_path / "project")
    (tmp_path / "project").mkdir()
    monkeypatch.delenv("TRADEHOUSE_HOME", raising=False)
    return tmp_path / "project"


def test_without_a_setting_the_home_lies_below_the_project(project):
    assert homes.find_home().root == project / "data"


def test_the_setting_comes_from_env_and_the_environment_wins(project, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_KEEP_RELEASES", "7")
    (project / ".env").write_text("TRADEHOUSE_HOME=elsewhere\nTRADEHOUSE_KEEP_RELEASES=3\n")

    assert homes.find_home().root == project / "elsewhere"
    assert homes.whole_number_setting("TRADEHOUSE_KEEP_RELEASES", 5) == 7


def test_a_home_that_is_a_file_is_refused(project, monkeypatch):
    (project / "file").touch()
    monkeypatch.setenv("TRADEHOUSE_HOME", str(project / "file"))

    with pytest.raises(UsageError, match="is a file"):
        homes.find_home()


@pytest.mark.parametrize("text", ["many", "0", "-1"])
def test_a_number_out_of_range_is_refused_by_name(text, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_KEEP_RELEASES", text)

    with pytest.raises(UsageError, match=r"TRADEHOUSE_KEEP_RELEASES .* at least 1"):
        homes.whole_number_setting("TRADEHOUSE_KEEP_RELEASES", 5, least=1)


@pytest.mark.parametrize("text", ["9" * 5000, "1e3", "١٢", "inf", "nan", "0x10", "1_0", "2.5"])
def test_a_number_that_is_none_in_plain_digits_is_refused(text, monkeypatch):
    monkeypatch.setenv("TRADEHOUSE_WAIT_SECONDS", text)

    with pytest.raises(UsageError, match=r"TRADEHOUSE_WAIT_SECONDS should be a whole number"):
        homes.whole_number_setting("TRADEHOUSE_WAIT_SECONDS", 0)


@pytest.mark.parametrize("text", ["~nobody-of-that-name/x", "a" * 5000, "loop/x"])
def test_a_home_that_no_path_can_name_is_refused(text, project, monkeypatch):
    (project / "loop").symlink_to("loop")
    monkeypatch.setenv("TRADEHOUSE_HOME", text)

    with pytest.raises(UsageError, match="TRADEHOUSE_HOME should name a directory"):
        homes.find_home()


@pytest.mark.parametrize(
    "content",
    [b"TRADEHOUSE_LANDING=a\0b\n", b"\xff\xfe\x00", None],
    ids=["nul", "binary", "folder"],
)
def test_settings_that_cannot_be_read_are_a_sentence(content, project):
    path = project / ".env"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(UsageError, match=r"\.env should be a text file of settings"):
        homes.find_home()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TRADEHOUSE_THREADS", "0"),
        ("TRADEHOUSE_THREADS", "many"),
        ("TRADEHOUSE_MEMORY_LIMIT", "lots"),
        ("TRADEHOUSE_MEMORY_LIMIT", "-1GB"),
        ("TRADEHOUSE_MEMORY_LIMIT", "1GB'; drop"),
    ],
)
def test_a_setting_of_the_engine_that_cannot_be_meant_is_named(name, text, monkeypatch):
    homes.check_engine_settings()
    monkeypatch.setenv(name, text)

    with pytest.raises(UsageError, match=f"{name} should be"):
        homes.check_engine_settings()


def test_closing_a_home_leaves_files_of_the_source_alone(tmp_path):
    """A sync hands files over by further names of them, in `tmp`."""
    landing, home = tmp_path / "Trade.txt", Home(tmp_path / "home")
    home.prepare()
    landing.write_text("1")
    landing.chmod(0o644)
    work = home.temporary / "sync-1"
    work.mkdir()
    home.landing.mkdir()
    for folder in (work, home.landing):
        os.link(landing, folder / "Trade.txt")
    home.root.chmod(0o755)

    home.prepare()

    modes = [path.stat().st_mode & 0o777 for path in (landing, home.temporary, home.landing)]
    assert modes == [0o644, 0o700, 0o700]


def test_a_home_that_its_owner_closed_to_himself_is_not_opened(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    home.root.chmod(0o555)
    home.prepare()
    assert home.root.stat().st_mode & 0o777 == 0o500


if os.geteuid() == 0:  # Only root makes files for others.

    def test_what_root_makes_belongs_to_whom_the_home_belongs(tmp_path, capsys):
        home = Home(tmp_path / "home")
        home.prepare()
        for path in (home.root, *home.root.iterdir()):
            os.chown(path, 65534, 65534)
        with locks.writing(home):
            state.write(home, "nodes", {"codes": {}})
            assert home.find_foreign() == []
            home.raw.touch()
            (home.landing / "Batch1").mkdir(parents=True)
            (home.landing / "Batch1" / "Trade.txt").touch()
            (tmp_path / "elsewhere").touch()
            os.link(tmp_path / "elsewhere", home.landing / "Batch1" / "HR.csv")
            (home.releases / "current").symlink_to("nothing")
            assert home.find_foreign() != []
            [finding] = [one for one in doctor.examine(home) if one["check"] == "owner"]
            assert f"chown -R 65534 {home.root}" in finding["advice"]

        state.write(
            home, "graph", {"project_digest": "", "nodes": {}}
        )  # As alerts, after the lock.
        assert home.find_foreign() == []
        assert {path.lstat().st_uid for path in (home.raw, *home.state.iterdir())} == {65534}
        delivered = {path.name: path.lstat().st_uid for path in home.landing.rglob("*")}
        assert delivered == {"Batch1": 65534, "Trade.txt": 65534, "HR.csv": 0}


def test_a_check_of_doctor_that_cannot_go_on_is_a_finding(tmp_path, monkeypatch):
    home = Home(tmp_path / "home")
    home.prepare()

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "/somewhere/release.json")

    monkeypatch.setattr("tradehouse.publish.releases.find_fault", refuse)
    found = {one["check"]: one for one in doctor.examine(home)}
    assert found["pointer"]["result"] == doctor.PROBLEM
    assert "/somewhere/release.json may not be read" in found["pointer"]["found"]
    assert found["landing"]["result"] == doctor.NOTE
