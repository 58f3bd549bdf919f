"""Installing connectors: shown as it goes, without a limit, gone on with where it stopped."""

import os
import stat
import sys
from pathlib import Path

import pytest

from ingestion import environments
from ingestion.errors import ConnectorError

UV = """#!{python}
import os, pathlib, sys
home = pathlib.Path(os.environ["HOME"])
with (home / "calls").open("a") as calls:
    calls.write(sys.argv[1] + "\\n")
if sys.argv[1] == "venv":
    (pathlib.Path(sys.argv[-1]) / "bin").mkdir(parents=True)
    sys.exit()
print("Downloading half of it", flush=True)
folder = pathlib.Path(sys.argv[sys.argv.index("--python") + 1]).parent
assert "OTHER_TOKEN" not in os.environ
if not (folder / "half").exists():
    (folder / "half").touch()
    sys.exit("the network went away")
(folder / "source-x").touch()
"""


def test_an_installation_is_shown_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    uv = tmp_path / "uv"
    uv.write_text(UV.format(python=sys.executable))
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OTHER_TOKEN", "sesame")

    def install() -> Path:
        return environments.executable(tmp_path, "x", "1", program="source-x")

    with pytest.raises(ConnectorError, match=r"(?s)the network went away.*run the command again"):
        install()
    assert "install  Downloading half of it" in capfd.readouterr().err
    assert not list(tmp_path.rglob(environments.READY))
    assert install().name == "source-x"
    assert install().name == "source-x"
    assert (tmp_path / "calls").read_text().split() == ["venv", "pip", "pip"]
    # What was cut off while it was made is made anew.
    [ready] = tmp_path.rglob(environments.READY)
    ready.unlink()
    (ready.parent / ".made").unlink()
    with pytest.raises(ConnectorError):
        install()
    assert (tmp_path / "calls").read_text().split()[-2:] == ["venv", "pip"]
