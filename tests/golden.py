"""The check of a gold schema against the golden values of the real sample.

The values and their queries are in ``tests.golden_values``. A check knows its answer after batch
1, 2 and 3, so that the state after each daily batch can be checked as well as the last one.
"""

from dataclasses import dataclass
from decimal import Decimal

import duckdb

from tests.golden_values import LAST_BATCH, Row, golden_checks

# The reference divided binary fractions, which rounds some exact halves down (392.15 / 10.00 to
# 39.21): a cent on 163 of a million ratios. Dividing exactly and rounding half up is right, too.
RATIO_TOLERANCE = (Decimal("0.02"), Decimal("2e-7"))


@dataclass(frozen=True)
class GoldenResult:
    """What one check expected and found."""

    name: str
    expected: Row
    found: Row
    ok: bool

    def __str__(self) -> str:
        if self.ok:
            return f"OK    {self.name}"
        return f"WRONG {self.name}: expected {_plain(self.expected)}, found {_plain(self.found)}"


def check_golden(
    connection: duckdb.DuckDBPyConnection, schema: str = "gold", after_batch: int = LAST_BATCH
) -> list[GoldenResult]:
    """Ask ``schema`` every golden question that has an answer after batch ``after_batch``.

    A query that fails (a table or column is missing) is a wrong result, not an exception.
    """
    results = []
    for check in golden_checks():
        expected = check.expected.get(after_batch)
        if expected is None:
            continue
        try:
            found = connection.execute(check.query.format(schema=schema)).fetchone() or ()
        except duckdb.Error as error:
            results.append(GoldenResult(check.name, expected, (str(error),), ok=False))
            continue
        ok = len(found) == len(expected) and all(
            _equal(a, b, is_ratio=check.is_ratio) for a, b in zip(expected, found, strict=True)
        )
        results.append(GoldenResult(check.name, expected, tuple(found), ok))
    return results


def _equal(expected: object, found: object, *, is_ratio: bool) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, int | Decimal) and isinstance(found, int | float | Decimal):
        golden = Decimal(expected)
        absolute, relative = RATIO_TOLERANCE if is_ratio else (Decimal(0), Decimal(0))
        return abs(Decimal(str(found)) - golden) <= absolute + relative * abs(golden)
    return expected == found


def _plain(row: Row) -> str:
    return ", ".join(str(value) for value in row)


def main(path: str) -> int:
    """Check a DuckDB file from the command line; returns 1 if a value is wrong."""
    with duckdb.connect(path, read_only=True) as connection:
        results = check_golden(connection)
    print("\n".join(str(result) for result in results))
    wrong = sum(not result.ok for result in results)
    print(f"{len(results)} golden values, {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1]))
