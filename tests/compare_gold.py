"""Two gold schemas compared row by row: the platform's three ways of building, or two programs.

Every table is compared over all its columns, surrogate keys included, as a bag of rows. Only the
time stamps of messages may differ: they say when a message was written, not what was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

GOLD_TABLES = (
    "audit",
    "di_messages",
    "dim_account",
    "dim_broker",
    "dim_company",
    "dim_customer",
    "dim_date",
    "dim_security",
    "dim_time",
    "dim_trade",
    "fact_cash_balances",
    "fact_holdings",
    "fact_market_history",
    "fact_watches",
    "financial",
    "industry",
    "prospect",
    "status_type",
    "tax_rate",
    "trade_type",
)
# What the platform publishes beside the tables that bare SQL has too. What is left out are views of
# these in a release, with a row for every day: `mart_positions` and `mart_customer_days`.
MARTS = (
    "mart_branch_monthly_targets",
    "mart_broker_monthly_trading",
    "mart_customer_monthly_trading",
    "mart_customers",
    "mart_days",
    "mart_money_flows",
    "mart_position_periods",
    "mart_security_performance",
    "mart_trades",
)
TIME_STAMPS = frozenset({("di_messages", "message_date_and_time")})
SAMPLE_ROWS = 3


@dataclass(frozen=True)
class Difference:
    """What one table has in one database alone.

    ``only_in_a`` and ``only_in_b`` count rows (with repetition); ``samples`` are a few of them,
    each as text that begins with ``a`` or ``b``. A table that cannot be compared has a
    ``problem`` instead.
    """

    table: str
    only_in_a: int = 0
    only_in_b: int = 0
    samples: tuple[str, ...] = ()
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.table}: {self.problem}"
        counts = f"{self.only_in_a} rows only in a, {self.only_in_b} only in b"
        return "\n  ".join((f"{self.table}: {counts}", *self.samples))


def compare(
    connection_a: duckdb.DuckDBPyConnection,
    connection_b: duckdb.DuckDBPyConnection,
    tables: Sequence[str] = GOLD_TABLES,
    schema: str = "gold",
) -> list[Difference]:
    """Compare ``tables`` of ``schema`` in two databases; an empty list means equal.

    The rows of the second database travel through Arrow into temporary tables of the first one,
    so that two connections of any kind can be compared, one file opened twice included.
    """
    differences = (_compare_table(connection_a, connection_b, schema, t) for t in tables)
    return [difference for difference in differences if difference is not None]


def compare_files(
    path_a: Path, path_b: Path, tables: Sequence[str] = GOLD_TABLES
) -> list[Difference]:
    """Compare the gold schemas of two database files, opened read-only."""
    with (
        duckdb.connect(str(path_a), read_only=True) as connection_a,
        duckdb.connect(str(path_b), read_only=True) as connection_b,
    ):
        return compare(connection_a, connection_b, tables)


def _compare_table(
    connection_a: duckdb.DuckDBPyConnection,
    connection_b: duckdb.DuckDBPyConnection,
    schema: str,
    table: str,
) -> Difference | None:
    columns_a = _columns(connection_a, schema, table)
    columns_b = _columns(connection_b, schema, table)
    problem = _problem(columns_a, columns_b)
    if problem:
        return Difference(table, problem=problem)
    listed = ", ".join(
        f'"{column}"' for column in sorted(columns_a) if (table, column) not in TIME_STAMPS
    )
    rows_b = connection_b.execute(f'select {listed} from "{schema}"."{table}"').to_arrow_table()
    cursor = connection_a.cursor()
    cursor.register("rows_b", rows_b)
    rows_a = f'select {listed} from "{schema}"."{table}"'
    only_in_a, samples_a = _except(cursor, rows_a, f"select {listed} from rows_b")
    only_in_b, samples_b = _except(cursor, f"select {listed} from rows_b", rows_a)
    cursor.close()
    if not only_in_a and not only_in_b:
        return None
    samples = (*(f"a {row}" for row in samples_a), *(f"b {row}" for row in samples_b))
    return Difference(table, only_in_a, only_in_b, samples)


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_catalog = current_database() and table_schema = ? and table_name = ?",
            [schema, table],
        ).fetchall()
    )


def _problem(columns_a: dict[str, str], columns_b: dict[str, str]) -> str:
    if not columns_a or not columns_b:
        return f"missing in {'a' if not columns_a else 'b'}"
    if columns_a.keys() != columns_b.keys():
        return (
            f"columns only in a: {sorted(columns_a.keys() - columns_b.keys())},"
            f" only in b: {sorted(columns_b.keys() - columns_a.keys())}"
        )
    floating = sorted(
        name
        for name in columns_a
        if {columns_a[name], columns_b[name]} & {"DOUBLE", "FLOAT", "REAL"}
    )
    return f"floating-point columns cannot be equal: {floating}" if floating else ""


def _except(
    cursor: duckdb.DuckDBPyConnection, rows: str, other_rows: str
) -> tuple[int, list[dict[str, object]]]:
    """How many ``rows`` the other ones lack, and the first of them in order."""
    missing = f"({rows} except all {other_rows})"
    count = (cursor.execute(f"select count(*) from {missing}").fetchone() or (0,))[0]
    if not count:
        return 0, []
    found = cursor.execute(f"select * from {missing} order by all limit {SAMPLE_ROWS}")
    names = [column[0] for column in found.description]
    return count, [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def main(path_a: str, path_b: str) -> int:
    """Compare two files from the command line; returns 1 if they differ."""
    differences = compare_files(Path(path_a), Path(path_b))
    print("\n".join(str(difference) for difference in differences) or "equal")
    return int(bool(differences))


if __name__ == "__main__":
    import sys

    sys.exit(main(*sys.argv[1:3]))
