"""Faults of the newswire's archive: records that a sound archive never has, or never on one day.

Belongs here: one function per switch that edits `FINWIREyyyyQq` files of the history. Does not
belong here: the CRM's history (`crm_faults`), daily files (`row_faults`, `file_faults`) and when
anything happens (`steps`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from simulator.delivery import Delivery, Fault, Row

_PTS_FORM = "%Y%m%d-%H%M%S"
_DIVIDEND, _CHIEF = slice(148, 160), slice(347, 393)


def _archive(delivery: Delivery) -> list[str]:
    """Names of the archive's files in order of time."""
    return sorted(path.name for path in delivery.clean.glob("FINWIRE????Q?"))


def _records(rows: list[Row], kind: bytes) -> list[int]:
    """Places of the untouched records of a kind."""
    return [
        place for place, row in enumerate(rows) if row.fault is None and row.content[15:18] == kind
    ]


def identical_repeats(delivery: Delivery) -> None:
    """Newswire records that come twice, and a company's record that says again what is in force."""
    fault = Fault("identical_repeats", "absorbed", "repeats an earlier row", "identical_repeat")
    archive = _archive(delivery)
    rows = delivery.rows(archive[-10])
    for kind in (b"FIN", b"SEC", b"CMP"):
        place = _records(rows, kind)[0]
        rows.insert(place + 1, Row(rows[place].content, fault))
    earlier, later = delivery.rows(archive[-8]), delivery.rows(archive[-7])
    record = earlier[_records(earlier, b"CMP")[-1]].content
    again = later[0].content[:15] + record[15:]
    fault = Fault("identical_repeats", "absorbed", "announces again what is in force")
    later.insert(1, Row(again, fault))
    delivery.change_audit(archive[-7], "FW_CMP", 1)


def several_announcements(delivery: Delivery) -> None:
    """A company and a security are announced twice on one day; the last one is the clean one."""
    fault = Fault(
        "several_announcements", "absorbed", "superseded by a later record of the same day"
    )
    for kind, field, value in (
        (b"CMP", _CHIEF, b"Passing".ljust(46)),
        (b"SEC", _DIVIDEND, b"2.99".rjust(12)),
    ):
        name, place = next(
            (name, place)
            for name in _archive(delivery)[-20:]
            for place in _records(delivery.rows(name), kind)
            if _has_room(delivery.rows(name), place)
        )
        rows = delivery.rows(name)
        content = bytearray(rows[place].content)
        moment = datetime.strptime(content[:15].decode(), _PTS_FORM) - timedelta(seconds=1)
        content[:15] = moment.strftime(_PTS_FORM).encode()
        content[field] = value
        rows.insert(place, Row(bytes(content), fault))
        delivery.change_audit(name, f"FW_{kind.decode()}", 1)


def _has_room(rows: list[Row], place: int) -> bool:
    """Whether a record can be posted a second earlier on the same day, in order of time."""
    content = rows[place].content
    return content[9:15] != b"000000" and (
        place == 0 or rows[place - 1].content[:15] < content[:15]
    )


def unknown_records(delivery: Delivery) -> None:
    """A record of a kind that nobody knows, and one that breaks off."""
    rows = delivery.rows(_archive(delivery)[-2])
    posted = rows[0].content[:15]
    fault = Fault("unknown_records", "quarantined", "record type DIV", "unknown_record_type")
    rows.insert(1, Row(posted + b"DIV" + b"0.25".rjust(40), fault))
    fault = Fault("unknown_records", "quarantined", "a security record too short", "malformed_row")
    rows.insert(2, Row(posted + b"SEC" + b"Z" * 15 + b"COMMONACTV", fault))


NEWSWIRE_FAULTS: dict[str, Callable[[Delivery], None]] = {
    "unknown_records": unknown_records,
    "identical_repeats": identical_repeats,
    "several_announcements": several_announcements,
}
