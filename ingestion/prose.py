"""A source's text as one line of prose: markup escaped, nothing invisible."""

import unicodedata

LENGTH = 500


def prose(text: str) -> str:
    """Return a text in one line, escaped, without invisible characters, cut at `LENGTH`."""
    line = " ".join(text.split())
    shown = "".join(one for one in line if unicodedata.category(one) not in ("Cc", "Cf", "Cs"))
    if len(shown) > LENGTH:
        shown = f"{shown[: LENGTH - 4].rstrip()} ..."
    for mark in "\\<[":
        shown = shown.replace(mark, f"\\{mark}")
    return shown
