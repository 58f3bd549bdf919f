"""Modules that are not installed and are asked for all the time.

DuckDB looks for pandas whenever a statement has parameters, and searching every folder of the path
in vain three thousand times costs a run half a second. Which is no reason to install pandas.
"""

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

ASKED_FOR = "pandas"


class _Finder:
    """Says at once that a module is not there, as the import system does after a search."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        if name == ASKED_FOR:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def remember() -> None:
    """Look for them once, for as long as this process lives."""
    if _Finder not in sys.meta_path and importlib.util.find_spec(ASKED_FOR) is None:
        sys.meta_path.insert(0, _Finder)
