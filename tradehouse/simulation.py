"""The brokerage an empty home gets when no landing directory is named."""

from pathlib import Path


def simulate(landing: Path, *, scale: float, seed: int, days: int, first_day: str) -> None:
    """Write the deliveries of a small brokerage into a landing directory."""
    from tests.landing import brokerage_files, write_landing

    write_landing(landing, brokerage_files())
