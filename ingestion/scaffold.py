"""A contract for a source, written once from the discovered catalogue, and what it generates.

The contract then belongs to whoever edits it and is never overwritten; dbt's files are made from it
(`contracts`).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ingestion import bronze
from ingestion.contracts import model, record_contracts, record_files
from ingestion.declarations import Declaration
from ingestion.errors import DeclarationError
from ingestion.tables import Table

PROJECT_FOLDERS = ("models", "macros", "seeds", "snapshots", "tests/data")
MODEL_FILES = ("models/**/*.sql", "models/**/*.py", "snapshots/**/*.sql", "seeds/**/*.csv")


def scaffold(declaration: Declaration, tables: list[Table], project: Path) -> list[Path]:
    """Write `contracts/<source>.yml` for the tables and what it makes; returns the files.

    dbt reads the project together with them first, in a copy. Raises DeclarationError when one of
    the files exists already, or when dbt cannot read them; then nothing is written.
    """
    directory = project / "models" / "bronze" / declaration.name
    others = (path for pattern in MODEL_FILES for path in project.glob(pattern))
    taken = {path.stem.lower() for path in others if path.parent != directory}
    names = bronze.stream_names(tables, taken | {record_files.quarantine(declaration.name)})
    path = project / "contracts" / f"{declaration.name}.yml"
    text = record_contracts.content(declaration, tables, names)
    with tempfile.TemporaryDirectory(prefix="tradehouse-contract-") as folder:
        _write(Path(folder) / path.name, text)
        contract = model.read(declaration.name, Path(folder))
    files = {path: text, **record_files.files(contract, declaration, project)}
    present = sorted(str(path) for path in files if path.exists())
    if present:
        raise DeclarationError(
            f"These files exist already and are not overwritten: {', '.join(present)}. Move them "
            f"away to have them written anew. A contract that is there takes a new column as a "
            f"line (docs/contracts.md)."
        )
    if (project / "dbt_project.yml").exists():
        _require_readable(project, files)
    for path, text in files.items():
        _write(path, text)
    return list(files)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _require_readable(project: Path, files: Mapping[Path, str]) -> None:
    """Have dbt parse a copy of the project with the files. Raises DeclarationError."""
    with tempfile.TemporaryDirectory(prefix="tradehouse-scaffold-") as name:
        copy = Path(name)
        for folder in PROJECT_FOLDERS:
            if (project / folder).is_dir():
                shutil.copytree(project / folder, copy / folder)
        for settings in ("dbt_project.yml", "profiles.yml"):
            shutil.copy(project / settings, copy / settings)
        for path, text in files.items():
            _write(copy / path.relative_to(project), text)
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--no-use-colors"),
                *("parse", "--no-partial-parse", "--project-dir", name, "--profiles-dir", name),
                *("--log-path", str(copy / "logs"), "--target-path", str(copy / "target")),
            ],
            cwd=copy,
            env={**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        said = " ".join(line.partition("  ")[2].strip() for line in done.stdout.splitlines()[1:])
        raise DeclarationError(
            f"dbt cannot read the project together with what was generated, so nothing was "
            f"written: {said or done.stderr.strip()}"
        )
