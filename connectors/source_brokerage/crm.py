"""The CRM's history: a streaming reader of CustomerMgmt.xml.

Every field keeps its three states: absent is None, present but empty is "", else the value. Memory
does not grow with the document. Which rows become messages is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from connectors.source_brokerage.streams import CRM_ACCOUNT_COLUMNS, CRM_ACTION_COLUMNS

CHUNK_BYTES = 1 << 18
_SEPARATOR = " "
_NAMESPACE = "http://www.tpc.org/tpc-di"
ROOT = f"{_NAMESPACE}{_SEPARATOR}Actions"
ACTION = f"{_NAMESPACE}{_SEPARATOR}Action"
ACCOUNT_ACTIONS = frozenset({"NEW", "ADDACCT", "UPDACCT", "CLOSEACCT"})
ACTIONS = ACCOUNT_ACTIONS | {"UPDCUST", "INACT"}

# Element -> its children; a text is a leaf: the column that takes the element's content.
Node = dict[str, Any]


def _leaves(names: str) -> Node:
    return {name: name.lower() for name in names.split()}


def _phone(number: int) -> Node:
    parts = ("CTRY_CODE", "AREA_CODE", "LOCAL", "EXT")
    return {f"C_{part}": f"c_phone_{number}_{part.lower()}" for part in parts}


_ACCOUNT: Node = _leaves("CA_B_ID CA_NAME")
_CUSTOMER: Node = {
    "Name": _leaves("C_L_NAME C_F_NAME C_M_NAME"),
    "Address": _leaves("C_ADLINE1 C_ADLINE2 C_ZIPCODE C_CITY C_STATE_PROV C_CTRY"),
    "ContactInfo": _leaves("C_PRIM_EMAIL C_ALT_EMAIL")
    | {f"C_PHONE_{number}": _phone(number) for number in (1, 2, 3)},
    "TaxInfo": _leaves("C_LCL_TX_ID C_NAT_TX_ID"),
    "Account": _ACCOUNT,
}
_ACTION: Node = {"Customer": _CUSTOMER}
_CUSTOMER_ATTRIBUTES = _leaves("C_ID C_TAX_ID C_GNDR C_TIER C_DOB")
_ACCOUNT_ATTRIBUTES = _leaves("CA_ID CA_TAX_ST")
_TAG = re.compile(rb"<(?:\"[^\"]*\"|'[^']*'|[^>\"'])*>")
_LONGEST_TAG = 1 << 16


@dataclass
class Row:
    """A row of one of the two streams; `raw_text` is set when the action could not be taken."""

    values: dict[str, Any]
    line: int
    raw_text: str | None = None


@dataclass
class Action:
    """An Action element while it is read, with what makes it unusable, if anything does."""

    number: int
    line: int
    start: int
    values: dict[str, Any]
    accounts: list[Row] = field(default_factory=list)
    customers: int = 0
    problem: str | None = None

    def find_problem(self) -> str | None:
        """Why the action cannot be taken as one, or None."""
        kind = self.values["actiontype"]
        if self.problem:
            return self.problem
        if kind not in ACTIONS:
            return f"unknown ActionType {kind!r}"
        if not self.values["actionts"]:
            return "no ActionTS"
        if self.customers != 1 or not self.values["c_id"]:
            return "no single Customer with C_ID"
        if kind in ACCOUNT_ACTIONS and not self.accounts:
            return "no Account"
        if not all(account.values["ca_id"] for account in self.accounts):
            return "an Account without CA_ID"
        return None


def _parser() -> Any:
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    return parser


def check_document(path: str) -> tuple[str, int, int] | None:
    """Whether the document is well-formed and is one of actions.

    Gives None, or (what is wrong, line, column) when the root is another element. Raises
    `ExpatError` when it is not well-formed and `OSError` when it cannot be read.
    """
    parser = _parser()
    roots: list[tuple[str, int, int]] = []

    def root(name: str, _attributes: dict[str, str]) -> None:
        parser.StartElementHandler = None
        roots.append((name, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1))

    parser.StartElementHandler = root
    with Path(path).open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    name, line, column = roots[0]
    if name == ROOT:
        return None
    return f"the root element is {name.replace(_SEPARATOR, ':')}, not {ROOT}", line, column


class Reader:
    """Reads the document in chunks; `actions` and `accounts` hold the rows of the last chunk.

    `ignored` names the elements that nothing is known of.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.actions: list[Row] = []
        self.accounts: list[Row] = []
        self.ignored: set[str] = set()
        self._parser = _parser()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._number = 0
        self._depth = 0
        self._skipped = 0
        self._action: Action | None = None
        self._nodes: list[Node] = []
        self._target: dict[str, Any] = {}
        self._leaf: str | None = None
        self._text: list[str] = []

    def chunks(self) -> Iterator[tuple[list[Row], list[Row]]]:
        """Rows of actions and of accounts, chunk by chunk, in document order."""
        with Path(self.path).open("rb") as stream:
            is_final = False
            while not is_final:
                chunk = stream.read(CHUNK_BYTES)
                is_final = not chunk
                self._parser.Parse(chunk, is_final)
                yield self.actions, self.accounts
                self.actions, self.accounts = [], []

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
            return
        if self._action is None:
            self._start_outside(name, attributes)
            return
        child = self._nodes[-1].get(name) if self._leaf is None else None
        if child is None:
            self._ignore(name)
        elif isinstance(child, str):
            self._leaf = child
            self._text = []
            self._parser.CharacterDataHandler = self._text.append
        else:
            self._nodes.append(child)
            if child is _CUSTOMER:
                self._action.customers += 1
                self._take(self._action.values, attributes, _CUSTOMER_ATTRIBUTES)
            elif child is _ACCOUNT:
                self._start_account(attributes)

    def _start_outside(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 0:
            self._depth = 1
        elif name == ACTION:
            self._number += 1
            values: dict[str, Any] = dict.fromkeys(CRM_ACTION_COLUMNS)
            values["action_number"] = self._number
            values["actiontype"] = attributes.get("ActionType")
            values["actionts"] = attributes.get("ActionTS")
            parser = self._parser
            line, start = parser.CurrentLineNumber, parser.CurrentByteIndex
            self._action = Action(self._number, line, start, values)
            self._target = values
            self._nodes = [_ACTION]
        else:
            self._ignore(name)

    def _start_account(self, attributes: dict[str, str]) -> None:
        action = self._action
        assert action is not None
        values: dict[str, Any] = dict.fromkeys(CRM_ACCOUNT_COLUMNS)
        values["account_number"] = len(action.accounts) + 1
        for name in ("action_number", "actiontype", "actionts", "c_id"):
            values[name] = action.values[name]
        self._take(values, attributes, _ACCOUNT_ATTRIBUTES)
        action.accounts.append(Row(values, self._parser.CurrentLineNumber))
        self._target = values

    def _take(self, values: dict[str, Any], attributes: dict[str, str], known: Node) -> None:
        for name, value in attributes.items():
            if column := known.get(name):
                values[column] = value
            else:
                self.ignored.add(f"@{name}")

    def _ignore(self, name: str) -> None:
        self.ignored.add(name.replace(_SEPARATOR, ":"))
        self._skipped = 1
        self._parser.CharacterDataHandler = None

    def _end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            if not self._skipped and self._leaf is not None:
                self._parser.CharacterDataHandler = self._text.append
        elif self._leaf is not None:
            self._parser.CharacterDataHandler = None
            if self._target[self._leaf] is not None and self._action is not None:
                self._action.problem = f"{name} occurs twice"
            self._target[self._leaf] = "".join(self._text)
            self._leaf = None
        elif self._action is not None:
            ended = self._nodes.pop()
            if ended is _ACCOUNT:
                self._target = self._action.values
            elif ended is _ACTION:
                self._end_action(self._action)

    def _end_action(self, action: Action) -> None:
        self._action = None
        if action.find_problem() is None:
            self.actions.append(Row(action.values, action.line))
            self.accounts += action.accounts
            return
        text = self._raw_text(action.start, self._parser.CurrentByteIndex)
        self.actions.append(Row(dict.fromkeys(CRM_ACTION_COLUMNS), action.line, text))

    def _raw_text(self, start: int, end_tag: int) -> str:
        """The element's text, to the end of the tag that begins at `end_tag` or of a lone tag."""
        with Path(self.path).open("rb") as stream:
            stream.seek(start)
            content = stream.read(end_tag - start + _LONGEST_TAG)
        tag = _TAG.match(content)
        if tag is None or not tag[0].endswith(b"/>"):
            tag = _TAG.match(content, end_tag - start)
        return content[: tag.end() if tag else None].decode("utf-8", "backslashreplace")
