"""Which companions this project's releases have: its stories, unless they are switched off."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tradehouse.home.paths import Home
from tradehouse.publish import companions

if TYPE_CHECKING:
    from tradehouse.publish.releases import Release

SWITCH = "TRADEHOUSE_STORIES"


def register() -> None:
    """Have them made with every release of this process; nothing is imported for it yet."""
    companions.register("stories", _make_stories)


def _make_stories(home: Home, folder: Path, release: "Release") -> str:
    if os.environ.get(SWITCH, "").strip().lower() == "off":
        return ""
    from exposition.stories import making

    return making.make(home, folder, release)
