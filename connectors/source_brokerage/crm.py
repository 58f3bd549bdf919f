"""The CRM's history: a streaming reader of CustomerMgmt.xml.

Every field keeps its three states: absent is None, present but empty is "", else the value. What is
not understood, wherever it is, becomes a row with its text. Memory does not grow with the document.
`document.py` decides which documents are accepted, `emit.py` which rows become messages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from connectors.source_brokerage.document import NAMESPACE, SEPARATOR, make_parser
from connectors.source_brokerage.streams import BY_NAME

CHUNK_BYTES = 1 << 18
ACTION = f"{NAMESPACE}{SEPARATOR}Action"
ACCOUNT_ACTIONS = frozenset({"NEW", "ADDACCT", "UPDACCT", "CLOSEACCT"})
ACTIONS = ACCOUNT_ACTIONS | {"UPDCUST", "INACT"}

# Element -> its children; a text is a leaf: the column that takes the element's content.
Node = dict[str, Any]


def _tree(paths: Mapping[str, str]) -> tuple[Node, dict[str, dict[str, str]]]:
    """The elements that the paths of columns name, and the attributes by their element's path."""
    tree: Node = {}
    attributes: dict[str, dict[str, str]] = {}
    for column, path in paths.items():
        above, _, name = path.rpartition("/")
        if name.startswith("@"):
            attributes.setdefault(above, {})[name[1:]] = column
            continue
        node = tree
        for part in above.split("/"):
            node = node.setdefault(part, {})
        node[name] = column
    return tree, attributes


_ACTION, _attributes = _tree(BY_NAME["customer_mgmt_action"].paths)
_accounts, _account_attributes = _tree(BY_NAME["customer_mgmt_account"].paths)
_CUSTOMER: Node = _ACTION["Customer"]
_ACCOUNT: Node = _accounts["Customer"]["Account"]
_CUSTOMER["Account"] = _ACCOUNT
_ACTION_ATTRIBUTES = _attributes[""]
_CUSTOMER_ATTRIBUTES = _attributes["Customer"]
_ACCOUNT_ATTRIBUTES = _account_attributes["Customer/Account"]
CRM_ACTION_COLUMNS = BY_NAME["customer_mgmt_action"].columns
CRM_ACCOUNT_COLUMNS = BY_NAME["customer_mgmt_account"].columns
_META = ("http://www.w3.org/XML/1998/namespace ", "http://www.w3.org/2001/XMLSchema-instance ")
_TAG = re.compile(r"<(?:\"[^\"]*\"|'[^']*'|[^>\"'])*>")
_LONGEST_TAG = 1 << 16
_LONGEST_TEXT = 1 << 20


@dataclass
class Row:
    """A row of one of the two streams; `raw_text` is set when the action could not be taken."""

    values: dict[str, Any]
    line: int
    raw_text: str | None = None


@dataclass
class Action:
    """A child of the root while it is read, with what makes it unusable, if anything does."""

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


class Reader:
    """Reads the document in chunks; `actions` and `accounts` hold the rows of the last chunk.

    `unknown` counts what was not understood, by name, and `ignored` what says nothing (comments,
    processing instructions).
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.actions: list[Row] = []
        self.accounts: list[Row] = []
        self.unknown: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self._stream = stream
        self._parser, self._encoding = make_parser(stream)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CommentHandler = lambda _text: self.ignored.update(["comments"])
        self._parser.ProcessingInstructionHandler = self._instruction
        self._number = 0
        self._depth = 0
        self._skipped = 0
        self._action: Action | None = None
        self._nodes: list[Node] = []
        self._target: dict[str, Any] = {}
        self._leaf: str | None = None
        self._text: list[str] = []
        self._stray: list[str] = []  # text where only blanks belong
        self._parser.CharacterDataHandler = self._stray.append

    def chunks(self) -> Iterator[tuple[list[Row], list[Row]]]:
        """Rows of actions and of accounts, chunk by chunk, in document order."""
        is_final = False
        while not is_final:
            chunk = self._stream.read(CHUNK_BYTES)
            is_final = not chunk
            self._parser.Parse(chunk, is_final)
            yield self.actions, self.accounts
            self.actions, self.accounts = [], []

    def _instruction(self, target: str, _data: str) -> None:
        self.ignored[f"processing instructions {target}"] += 1

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._skipped:
            self._skipped += 1
        elif self._action is None:
            self._start_outside(name, attributes)
        elif self._leaf is not None or (child := self._nodes[-1].get(name)) is None:
            self._skip(self._action, name)
        elif isinstance(child, str):
            self._leaf = child
            self._text = []
            self._parser.CharacterDataHandler = self._text.append
            if attributes:
                self._take({}, attributes, {})
        else:
            self._nodes.append(child)
            if child is _CUSTOMER:
                self._action.customers += 1
                self._take(self._action.values, attributes, _CUSTOMER_ATTRIBUTES)
            elif child is _ACCOUNT:
                self._start_account(attributes)
            elif attributes:
                self._take({}, attributes, {})

    def _start_outside(self, name: str, attributes: dict[str, str]) -> None:
        """The root, an action, or in the place of an action something else."""
        self._take_stray_text()
        line, start = self._parser.CurrentLineNumber, self._parser.CurrentByteIndex
        values: dict[str, Any] = dict.fromkeys(CRM_ACTION_COLUMNS)
        self._action = Action(self._number + 1, line, start, values)
        self._target = values
        if self._depth == 0:
            self._depth = 1
            self._take({}, {n: v for n, v in attributes.items() if not n.startswith(_META)}, {})
            if self._action.problem:
                self._refuse(self._action, start, 0)
            self._action = None
        elif name == ACTION:
            self._number += 1
            self._nodes = [_ACTION]
            values["action_number"] = self._number
            self._take(values, attributes, _ACTION_ATTRIBUTES)
        else:
            self._nodes = []
            self._skip(self._action, name)

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
                self._note(f"attribute {name.replace(SEPARATOR, ':')}")

    def _note(self, unknown: str) -> None:
        assert self._action is not None
        self.unknown[unknown] += 1
        self._action.problem = f"unknown {unknown}"

    def _skip(self, action: Action, name: str) -> None:
        """Leave an element out; what holds it becomes a row with its text."""
        self._note(f"element {name.replace(SEPARATOR, ':')}")
        self._skipped = 1

    def _end(self, name: str) -> None:
        if self._skipped:
            self._skipped -= 1
            if not self._skipped and not self._nodes and self._action is not None:
                self._end_action(self._action)
        elif self._leaf is not None:
            self._parser.CharacterDataHandler = self._stray.append
            if self._target[self._leaf] is not None and self._action is not None:
                self._action.problem = f"{name} occurs twice"
            self._target[self._leaf] = "".join(self._text)
            self._leaf = None
        elif self._action is not None:
            if self._nodes.pop() is _ACCOUNT:
                self._target = self._action.values
            if not self._nodes:
                self._end_action(self._action)
        else:
            self._take_stray_text()

    def _end_action(self, action: Action) -> None:
        if self._pop_stray_text() and not action.problem:
            self._note("text between elements")
        self._action, self._leaf = None, None
        self._parser.CharacterDataHandler = self._stray.append
        if action.find_problem() is None:
            self.actions.append(Row(action.values, action.line))
            self.accounts += action.accounts
        else:
            self._refuse(action, action.start, self._parser.CurrentByteIndex - action.start)

    def _refuse(self, action: Action, start: int, size: int) -> None:
        text = self._raw_text(start, size)
        self.actions.append(Row(dict.fromkeys(CRM_ACTION_COLUMNS), action.line, text))

    def _pop_stray_text(self) -> str:
        text = "".join(self._stray).strip()
        self._stray.clear()
        return text

    def _take_stray_text(self) -> None:
        """Text between actions is a row of its own."""
        if text := self._pop_stray_text():
            self.unknown["text between elements"] += 1
            line = self._parser.CurrentLineNumber
            self.actions.append(Row(dict.fromkeys(CRM_ACTION_COLUMNS), line, text[:_LONGEST_TEXT]))

    def _raw_text(self, start: int, size: int) -> str:
        """The element's text, to the end of the tag that begins `size` bytes on or of a lone tag.

        At most a mebibyte of it, and how much there is.
        """
        position = self._stream.tell()
        self._stream.seek(start)
        content = self._stream.read(min(size, _LONGEST_TEXT) + _LONGEST_TAG)
        self._stream.seek(position)
        text = content.decode(self._encoding, "backslashreplace")
        if size > _LONGEST_TEXT:
            return f"{text[:_LONGEST_TEXT]} ... ({size} bytes in all)"
        tag = _TAG.match(text)
        if size and (tag is None or not tag[0].endswith("/>")):
            end = len(content[:size].decode(self._encoding, "backslashreplace"))
            tag = _TAG.match(text, end)
        return text[: tag.end() if tag else None]
