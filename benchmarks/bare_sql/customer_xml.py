"""``CustomerMgmt.xml`` as two tables, read as a stream: one row per action, one per account.

A field that is absent is NULL, one that is present but empty is an empty string: an update
clears with the one and keeps with the other.
"""

from pathlib import Path
from xml.parsers import expat

import pyarrow as pa

_PHONES = {f"C_PHONE_{number}": f"c_phone_{number}_" for number in (1, 2, 3)}
_PHONE_PARTS = {
    "C_CTRY_CODE": "ctry_code",
    "C_AREA_CODE": "area_code",
    "C_LOCAL": "local",
    "C_EXT": "ext",
}
ACTION_FIELDS = (
    *("c_id", "c_tax_id", "c_gndr", "c_tier", "c_dob", "c_l_name", "c_f_name", "c_m_name"),
    *("c_adline1", "c_adline2", "c_zipcode", "c_city", "c_state_prov", "c_ctry"),
    *("c_prim_email", "c_alt_email"),
    *(phone + part for phone in _PHONES.values() for part in _PHONE_PARTS.values()),
    *("c_lcl_tx_id", "c_nat_tx_id"),
)
ACCOUNT_FIELDS = ("ca_id", "ca_tax_st", "ca_b_id", "ca_name")

_ACTION_COLUMNS = ("actiontype", "actionts", *ACTION_FIELDS)
_ACCOUNT_COLUMNS = ("actiontype", "actionts", "c_id", *ACCOUNT_FIELDS)
_TEXT_ELEMENTS = {
    name.upper(): name for name in (*ACTION_FIELDS, *ACCOUNT_FIELDS) if "phone" not in name
}


class _Reader:
    """Collects the rows while the parser walks through the document."""

    def __init__(self) -> None:
        self.actions: list[dict[str, object]] = []
        self.accounts: list[dict[str, object]] = []
        self._row: dict[str, object] = {}
        self._account_number = 0
        self._phone = ""
        self._field: str | None = None
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _PHONE_PARTS:
            self._field = self._phone + _PHONE_PARTS[tag]
            self._text = []
        elif tag in _TEXT_ELEMENTS:
            self._field = _TEXT_ELEMENTS[tag]
            self._text = []
        elif tag in _PHONES:
            self._phone = _PHONES[tag]
        elif tag == "Customer":
            self._row.update((name.lower(), value) for name, value in attributes.items())
        elif tag == "Account":
            self._account_number += 1
            action = self.actions[-1]
            self._row = {
                "action_number": action["action_number"],
                "account_number": self._account_number,
                "actiontype": action["actiontype"],
                "actionts": action["actionts"],
                "c_id": action.get("c_id"),
            }
            self._row.update((name.lower(), value) for name, value in attributes.items())
            self.accounts.append(self._row)
        elif tag == "TPCDI:Action":
            self._account_number = 0
            self._row = {
                "action_number": len(self.actions) + 1,
                "actiontype": attributes.get("ActionType"),
                "actionts": attributes.get("ActionTS"),
            }
            self.actions.append(self._row)

    def text(self, text: str) -> None:
        if self._field is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        if self._field is not None:
            self._row[self._field] = "".join(self._text)
            self._field = None
        elif tag == "Account":
            self._row = self.actions[-1]


def read_accounts_and_actions(path: Path) -> tuple[pa.Table, pa.Table]:
    """Read the document; raises ``xml.parsers.expat.ExpatError`` if it is not well-formed.

    Returns the actions (``action_number`` is the position in the document, from 1) and the
    accounts inside them (``account_number`` counts within the action, from 1); all other
    columns are text.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.text
    parser.EndElementHandler = reader.end
    with path.open("rb") as document:
        parser.ParseFile(document)
    return (
        _table(reader.actions, ("action_number",), _ACTION_COLUMNS),
        _table(reader.accounts, ("action_number", "account_number"), _ACCOUNT_COLUMNS),
    )


def _table(
    rows: list[dict[str, object]], numbers: tuple[str, ...], texts: tuple[str, ...]
) -> pa.Table:
    columns = {name: pa.array([row[name] for row in rows], pa.int64()) for name in numbers}
    columns |= {name: pa.array([row.get(name) for row in rows], pa.string()) for name in texts}
    return pa.table(columns)
