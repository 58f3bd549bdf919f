"""Faults of single rows: what is wrong in a file that is otherwise sound.

Belongs here: one function per switch that edits a daily delivery. Does not belong here: what is odd
in the history (`crm_faults`, `newswire_faults`) and when it happens (`steps`). Rows that must end
in quarantine are added, never made from good ones, and name keys that do not exist; rows that must
be absorbed do not change how a day ends. So the warehouse after all steps is that of the clean
brokerage; only late trades carry a later batch.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.delivery import Delivery, Fault, Row
from simulator.volumes import SimulationError

RowFault = Callable[[Delivery], None]
MISSING_SYMBOL = "ZZZZZZZZZZZZZZZ"
STRANGER = "888888888"


def insert(delivery: Delivery, name: str, share: float, content: bytes, fault: Fault) -> None:
    """Put a row in after a share of the file."""
    rows = delivery.rows(name)
    rows.insert(int(len(rows) * share), Row(content, fault))


def several_changes(delivery: Delivery) -> None:
    """A customer and two accounts change twice on one day; the last state is the clean one."""
    fault = Fault("several_changes", "absorbed", "superseded by a later change of the same day")
    _precede(delivery, "Customer.txt", "c_st_id", "U", "ACTV", fault, c_adline1="1 Passing Street")
    delivery.change_audit("Customer.txt", "C_UPDCUST", 1)
    delivery.change_audit("Customer.txt", "C_ID_HIST", 1)
    _precede(delivery, "Account.txt", "ca_st_id", "U", "ACTV", fault, ca_name="Passing Name")
    _precede(delivery, "Account.txt", "ca_st_id", "I", "ACTV", fault, ca_name="First Name")
    delivery.change_audit("Account.txt", "CA_UPDACCT", 2)
    delivery.change_audit("Account.txt", "CA_ID_HIST", 3)  # from -1, which means: not computed


def update_and_inactivation(delivery: Delivery) -> None:
    """A customer changes and becomes inactive on one day, an account changes and closes."""
    fault = Fault("update_and_inactivation", "absorbed", "superseded by the same day's end")
    active = {"c_st_id": "ACTV", "c_adline1": "2 Passing Street"}
    _precede(delivery, "Customer.txt", "c_st_id", "U", "INAC", fault, **active)
    delivery.change_audit("Customer.txt", "C_UPDCUST", 1)
    delivery.change_audit("Customer.txt", "C_ID_HIST", 1)
    active = {"ca_st_id": "ACTV", "ca_name": "Passing Name"}
    _precede(delivery, "Account.txt", "ca_st_id", "U", "INAC", fault, **active)
    delivery.change_audit("Account.txt", "CA_UPDACCT", 1)
    delivery.change_audit("Account.txt", "CA_ID_HIST", 2)


def _precede(
    delivery: Delivery,
    name: str,
    status: str,
    flag: str,
    wanted: str,
    fault: Fault,
    **values: str,
) -> None:
    """Put a passing state before a row's final one and renumber what follows."""
    rows = delivery.rows(name)
    place = next(
        place
        for place, row in enumerate(rows)
        if row.fault is None
        and delivery.value(name, row, "cdc_flag") == flag
        and delivery.value(name, row, status) == wanted
        and not _has_passed(delivery, name, rows, place)
    )
    final = rows[place]
    rows.insert(place, Row(delivery.with_values(name, final, **values), fault))
    final.content = delivery.with_values(name, final, cdc_flag="U")
    renumber(delivery, name, place + 1, 1)


def _has_passed(delivery: Delivery, name: str, rows: list[Row], place: int) -> bool:
    key = "c_id" if name == "Customer.txt" else "ca_id"
    before = rows[place - 1] if place else None
    return before is not None and (
        delivery.value(name, before, key) == delivery.value(name, rows[place], key)
    )


def renumber(delivery: Delivery, name: str, first: int, by: int) -> None:
    """Raise the sequence numbers of the rows from `first` on."""
    for row in delivery.rows(name)[first:]:
        number = int(delivery.value(name, row, "cdc_dsn")) + by
        row.content = delivery.with_values(name, row, cdc_dsn=str(number))


def identical_repeats(delivery: Delivery) -> None:
    """Rows that occur twice, to the letter."""
    fault = Fault("identical_repeats", "absorbed", "repeats an earlier row", "identical_repeat")
    for name in ("DailyMarket.txt", "Trade.txt", "WatchHistory.txt", "Prospect.csv", "Account.txt"):
        rows = delivery.rows(name)
        original = rows[len(rows) // 3]
        rows.insert(2 * len(rows) // 3 + 1, Row(original.content, fault))


def duplicated_keys(delivery: Delivery) -> None:
    """Rows with the key of an earlier row of the file and other content: the first one stays."""
    fault = Fault(
        "duplicated_keys", "quarantined", "has an earlier row's key, other values", "duplicate_key"
    )
    rows = delivery.rows("DailyMarket.txt")
    changed = delivery.with_values("DailyMarket.txt", rows[5], dm_vol="12345")
    rows.insert(len(rows) // 2, Row(changed, fault))
    rows = delivery.rows("Prospect.csv")
    plain = next(place for place, row in enumerate(rows) if b'"' not in row.content)
    changed = delivery.with_values("Prospect.csv", rows[plain], net_worth="424242", income="4242")
    rows.insert(len(rows) // 2, Row(changed, fault))


def truncated_lines(delivery: Delivery) -> None:
    """Lines that break off, their line end in place."""
    fault = Fault("truncated_lines", "quarantined", "breaks off", "malformed_row")
    for name in ("WatchHistory.txt", "DailyMarket.txt"):
        row = _stranger(delivery, name, "900000001")
        insert(delivery, name, 0.4, row[: row.rindex(b"|") - 3], fault)


def wrong_field_count(delivery: Delivery) -> None:
    """Rows with a field too many or too few."""
    fault = Fault("wrong_field_count", "quarantined", "one field too many", "malformed_row")
    row = _stranger(delivery, "DailyMarket.txt", "900000002")
    insert(delivery, "DailyMarket.txt", 0.2, row + b"|17", fault)
    insert(delivery, "Prospect.csv", 0.7, _prospect(delivery, "ZZZ1") + b",17", fault)
    fewer = Fault("wrong_field_count", "quarantined", "one field too few", "malformed_row")
    row = _stranger(delivery, "WatchHistory.txt", "900000003")
    insert(delivery, "WatchHistory.txt", 0.6, row[: row.rindex(b"|")], fewer)


def bad_numbers(delivery: Delivery) -> None:
    """Numbers that are none."""
    name = "DailyMarket.txt"
    for dsn, column, value in (
        ("900000004", "dm_close", "12,50"),
        ("900000005", "dm_vol", "1e6"),
        ("900000006", "dm_high", "9.999"),
    ):
        fault = Fault("bad_numbers", "quarantined", f"{column} is {value}", "not_a_number")
        row = Row(_stranger(delivery, name, dsn))
        insert(delivery, name, 0.5, delivery.with_values(name, row, **{column: value}), fault)
    fault = Fault("bad_numbers", "quarantined", "income is unknown", "not_a_number")
    row = Row(_prospect(delivery, "ZZZ2"))
    content = delivery.with_values("Prospect.csv", row, income="unknown")
    insert(delivery, "Prospect.csv", 0.3, content, fault)


def bad_dates(delivery: Delivery) -> None:
    """Dates and times that are on no calendar or in another form."""
    for name, dsn, column, value, reason in (
        ("DailyMarket.txt", "900000007", "dm_date", "2017-02-30", "not_a_date"),
        ("DailyMarket.txt", "900000008", "dm_date", "07/08/2017", "not_a_date"),
        ("WatchHistory.txt", "900000009", "w_dts", "2017-07-08 24:61:00", "not_a_timestamp"),
    ):
        fault = Fault("bad_dates", "quarantined", f"{column} is {value}", reason)
        row = Row(_stranger(delivery, name, dsn))
        insert(delivery, name, 0.8, delivery.with_values(name, row, **{column: value}), fault)


def bad_encoding(delivery: Delivery) -> None:
    """Bytes that are no UTF-8."""
    fault = Fault("bad_encoding", "quarantined", "a byte that is no UTF-8", "malformed_row")
    row = _prospect(delivery, "ZZZ3").replace(b"STRANGER", b"Stra\xdfenbauer", 1)
    insert(delivery, "Prospect.csv", 0.5, row, fault)
    row = _stranger(delivery, "WatchHistory.txt", "900000010")
    insert(delivery, "WatchHistory.txt", 0.5, row.replace(b"ZZZZ", b"ZZ\xff\xfe", 1), fault)


def unknown_codes(delivery: Delivery) -> None:
    """Codes that are on no list."""
    for name, dsn, column, value in (
        ("DailyMarket.txt", "900000011", "cdc_flag", "X"),
        ("WatchHistory.txt", "900000012", "w_action", "STOP"),
    ):
        fault = Fault("unknown_codes", "quarantined", f"{column} is {value}", "unknown_code")
        row = Row(_stranger(delivery, name, dsn))
        insert(delivery, name, 0.9, delivery.with_values(name, row, **{column: value}), fault)


def _stranger(delivery: Delivery, name: str, dsn: str) -> bytes:
    """A copy of a good row under a sequence number and keys that nothing else has."""
    rows = delivery.rows(name)
    sound = next(row for row in rows if row.fault is None)
    keys = {
        "DailyMarket.txt": {"dm_s_symb": MISSING_SYMBOL},
        "WatchHistory.txt": {"w_s_symb": MISSING_SYMBOL, "w_c_id": STRANGER},
    }[name]
    return delivery.with_values(name, sound, cdc_dsn=dsn, **keys)


def _prospect(delivery: Delivery, agency: str) -> bytes:
    rows = delivery.rows("Prospect.csv")
    sound = next(row for row in reversed(rows) if row.fault is None and b'"' not in row.content)
    return delivery.with_values(
        "Prospect.csv", sound, agency_id=f"{agency}{STRANGER}", last_name="STRANGER",
        first_name="NOBODY", income="1000",
    )  # fmt: skip


ROW_FAULTS: dict[str, RowFault] = {
    "several_changes": several_changes,
    "identical_repeats": identical_repeats,
    "update_and_inactivation": update_and_inactivation,
    "truncated_lines": truncated_lines,
    "wrong_field_count": wrong_field_count,
    "bad_numbers": bad_numbers,
    "bad_dates": bad_dates,
    "bad_encoding": bad_encoding,
    "unknown_codes": unknown_codes,
    "duplicated_keys": duplicated_keys,
}


def take_pending_trades(delivery: Delivery, following: Delivery) -> list[Row]:
    """Remove the day's last pending orders that the next day does not touch, to come late."""
    rows, numbers = delivery.rows("Trade.txt"), delivery.column("Trade.txt", "t_id")
    touched = [row.fields()[numbers] for row in (*rows, *following.rows("Trade.txt"))]
    late = [
        row
        for row in rows
        if delivery.value("Trade.txt", row, "cdc_flag") == "I"
        and delivery.value("Trade.txt", row, "t_st_id") == "PNDG"
        and touched.count(row.fields()[numbers]) == 1
    ][-2:]
    if not late:
        raise SimulationError(
            f"Batch {delivery.batch} has no pending order that could come late; "
            "choose another seed, more days or a larger scale."
        )
    rows[:] = [row for row in rows if row not in late]
    for attribute in ("T_Records", "T_NEW"):
        delivery.change_audit("Trade.txt", attribute, -len(late))
    return late


def bring_late_trades(delivery: Delivery, late: list[Row]) -> None:
    """Put late orders into a later day's file, in order of their sequence numbers."""
    fault = Fault("late_trades", "absorbed", "an order of the day before")
    rows = delivery.rows("Trade.txt")
    rows[:0] = [Row(row.content, fault) for row in late]
    for attribute in ("T_Records", "T_NEW"):
        delivery.change_audit("Trade.txt", attribute, len(late))
