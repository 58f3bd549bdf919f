"""Modules that are not installed and are asked for all the time.

DuckDB looks for pandas whenever a statement has parameters, and searching every folder of the path
in vain three thousand times costs a run half a second. Which is no reason to install pandas.
"""

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

ASKED_FOR = "pandas"
IMPORTING = "_find_and_load_unlocked"
"""The function of importlib that looks for a module because of an import statement."""


class _Finder:
    """Ends an import at once, as the import system does after a search; other questions go on."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        # `importlib.util.find_spec` asks as well, and has to be told None, not an error.
        if name == ASKED_FOR and sys._getframe(2).f_code.co_name == IMPORTING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def remember() -> None:
    """Look for them once, for as long as this process lives."""
    if _Finder not in sys.meta_path and importlib.util.find_spec(ASKED_FOR) is None:
        sys.meta_path.insert(0, _Finder)
