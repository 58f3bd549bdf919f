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
