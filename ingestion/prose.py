"""Texts of a source as prose of the project's: what they say, and no more."""

import unicodedata

LENGTH = 500


def prose(text: str) -> str:
    """A source's text in a line: no markup, nothing that is not shown, as long as is read."""
    line = " ".join(text.split())
    shown = "".join(one for one in line if unicodedata.category(one) not in ("Cc", "Cf", "Cs"))
    if len(shown) > LENGTH:
        shown = f"{shown[: LENGTH - 4].rstrip()} ..."
    for mark in "\\<[":
        shown = shown.replace(mark, f"\\{mark}")
    return shown
