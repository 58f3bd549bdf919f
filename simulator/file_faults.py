"""Faults of whole files: the platform holds such a batch until a corrected delivery comes.

Belongs here: one function per switch that spoils a delivery. Does not belong here: when it happens
and what follows (`steps`).
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.delivery import LINE_END, Delivery, Fault, Row

FileFault = Callable[[Delivery], None]


def missing_file(delivery: Delivery) -> None:
    """A required file does not come."""
    delivery.replace("Account.txt", None, Fault("missing_file", "held", "the file is missing"))


def truncated_file(delivery: Delivery) -> None:
    """A file breaks off inside a line."""
    content = delivery.content("Trade.txt")
    cut = content.rindex(LINE_END, 0, len(content) * 3 // 4) + 20
    fault = Fault("truncated_file", "held", "the last line has no line end")
    delivery.replace("Trade.txt", content[:cut], fault)


def zero_rows(delivery: Delivery) -> None:
    """A source that always delivered rows delivers an empty file."""
    fault = Fault("zero_rows", "held", "no rows where every earlier batch had some")
    delivery.replace("HoldingHistory.txt", b"", fault)


def new_column(delivery: Delivery) -> None:
    """Every row of a file has one more column."""
    rows = delivery.rows("DailyMarket.txt")
    fault = Fault("new_column", "held", "every row has a field too many", "malformed_row")
    _rewrite(delivery, "DailyMarket.txt", [row.content + b"|USD" for row in rows], fault)


def removed_column(delivery: Delivery) -> None:
    """Every row of a file lacks its last column."""
    rows = delivery.rows("Prospect.csv")
    fault = Fault("removed_column", "held", "every row has a field too few", "malformed_row")
    shortened = [row.content[: row.content.rindex(b",")] for row in rows]
    _rewrite(delivery, "Prospect.csv", shortened, fault)


def swapped_columns(delivery: Delivery) -> None:
    """Two columns of different types changed places."""
    fault = Fault("swapped_columns", "held", "w_s_symb and w_dts changed places", "too_long")
    first = delivery.column("WatchHistory.txt", "w_s_symb")
    second = delivery.column("WatchHistory.txt", "w_dts")
    swapped = []
    for row in delivery.rows("WatchHistory.txt"):
        fields = row.fields()
        fields[first], fields[second] = fields[second], fields[first]
        swapped.append(b"|".join(fields))
    _rewrite(delivery, "WatchHistory.txt", swapped, fault)


def broken_xml(delivery: Delivery) -> None:
    """The CRM's document is not well-formed."""
    content = delivery.content("CustomerMgmt.xml")
    place = content.index(b"</Customer>", len(content) // 2)
    broken = content[:place] + b"</Custmer>" + content[place + len(b"</Customer>") :]
    fault = Fault("broken_xml", "held", "an end tag is misspelt")
    delivery.replace("CustomerMgmt.xml", broken, fault)


def changed_content(delivery: Delivery) -> None:
    """A batch that was loaded comes again with another price."""
    name = "DailyMarket.txt"
    rows = [Row(row.content) for row in delivery.rows(name)]
    rows[0].content = delivery.with_values(name, rows[0], dm_vol="777")
    fault = Fault("delivered_changed", "refused", "delivered again with another volume in line 1")
    _rewrite(delivery, name, [row.content for row in rows], fault)


def _rewrite(delivery: Delivery, name: str, lines: list[bytes], fault: Fault) -> None:
    delivery.replace(name, b"".join(line + LINE_END for line in lines), fault)


FILE_FAULTS: dict[str, FileFault] = {
    "missing_file": missing_file,
    "truncated_file": truncated_file,
    "zero_rows": zero_rows,
    "new_column": new_column,
    "removed_column": removed_column,
    "swapped_columns": swapped_columns,
}
