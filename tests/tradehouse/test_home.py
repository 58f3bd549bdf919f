import pytest

from tradehouse import home as homes
from tradehouse.errors import UsageError


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
