"""Faults of the CRM's history: actions that a sound document never has, or never on one day.

Belongs here: one function per switch that edits `CustomerMgmt.xml`. Does not belong here: the
newswire's archive (`newswire_faults`), daily files (`row_faults`, `file_faults`) and when anything
happens (`steps`). What must be absorbed does not change how a day ends: a passing state comes with
another action of the same moment that restores the clean values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from simulator.delivery import Delivery, Fault, Row
from simulator.volumes import SimulationError

DOCUMENT = "CustomerMgmt.xml"
_STRANGER = b"888888888"
_HEAD = re.compile(rb'\t<TPCDI:Action ActionType="(\w+)" ActionTS="([^"]+)">')
_ID = re.compile(rb'<(?:Customer C|Account CA)_ID="(\d+)"')
_STREET, _NAME = b"C_ADLINE1", b"CA_NAME"


@dataclass(frozen=True)
class _Action:
    """One action: its rows `first..last` of the document and what it is about.

    `elements` are the lines that carry a customer's street or an account's name, by the tag and the
    number of the customer or account.
    """

    first: int
    last: int
    kind: bytes
    moment: bytes
    customer: bytes
    accounts: tuple[bytes, ...]
    elements: dict[tuple[bytes, bytes], bytes]
    is_faulty: bool


def _actions(rows: list[Row]) -> list[_Action]:
    """The actions of the document in order."""
    actions = []
    for place, row in enumerate(rows):
        if (head := _HEAD.match(row.content)) is None:
            continue
        accounts: list[bytes] = []
        elements: dict[tuple[bytes, bytes], bytes] = {}
        customer, line = b"", place + 1
        while not rows[line].content.startswith(b"\t</"):
            content = rows[line].content
            if found := _ID.search(content):
                if b"<Account" in content:
                    accounts.append(found[1])
                else:
                    customer = found[1]
            for tag, owner in ((_STREET, customer), (_NAME, accounts[-1] if accounts else b"")):
                if content.lstrip().startswith(b"<" + tag):
                    elements[tag, owner] = content
            line += 1
        faulty = row.fault is not None
        actions.append(
            _Action(place, line, head[1], head[2], customer, tuple(accounts), elements, faulty)
        )
    return actions


def _chosen(actions: list[_Action], wanted: Callable[[_Action], bool], what: str) -> _Action:
    """The first action of the document's second half that will do, of an untouched customer."""
    touched = {action.customer for action in actions if action.is_faulty}
    for action in actions[len(actions) // 2 :]:
        if action.customer not in touched and wanted(action):
            return action
    raise SimulationError(
        f"The customer history has no {what}; choose another seed or a larger scale."
    )


def _element(depth: int, tag: bytes, value: bytes) -> bytes:
    return b"\t" * depth + b"<" + tag + b">" + value + b"</" + tag + b">"


def _in_force(actions: list[_Action], before: int, tag: bytes, owner: bytes) -> bytes:
    """The line that last set a customer's street or an account's name before a row."""
    return next(
        action.elements[tag, owner]
        for action in reversed(actions)
        if action.first < before and (tag, owner) in action.elements
    )


def _insert_action(
    delivery: Delivery, before: _Action, kind: bytes, body: list[bytes], fault: Fault
) -> None:
    """Put an action before another one, at the same moment: then document order decides."""
    rows = delivery.rows(DOCUMENT)
    head = b'\t<TPCDI:Action ActionType="' + kind + b'" ActionTS="' + before.moment + b'">'
    customer = b'\t\t<Customer C_ID="' + before.customer + b'">'
    lines = [customer, *body, b"\t\t</Customer>", b"\t</TPCDI:Action>"]
    rows[before.first : before.first] = [Row(head, fault), *(Row(line) for line in lines)]
    kinds = {b"UPDCUST": "C_UPDCUST", b"UPDACCT": "CA_UPDACCT"}
    if kind in kinds:
        delivery.change_audit(DOCUMENT, kinds[kind], 1)


def _account_lines(accounts: list[tuple[bytes, bytes]]) -> list[bytes]:
    """Account elements, each with the line of its name."""
    lines: list[bytes] = []
    for account, name in accounts:
        lines += [b'\t\t\t<Account CA_ID="' + account + b'">', name, b"\t\t\t</Account>"]
    return lines


def _address_lines(street: bytes) -> list[bytes]:
    return [b"\t\t\t<Address>", street, b"\t\t\t</Address>"]


def several_changes(delivery: Delivery) -> None:
    """A customer and an account change twice at one moment; the last change is the clean one."""
    fault = Fault("several_changes", "absorbed", "superseded by a later change of the same day")
    for kind, tag, value in (
        (b"UPDCUST", _STREET, b"1 Passing Street"),
        (b"UPDACCT", _NAME, b"Passing Name"),
    ):
        rows = delivery.rows(DOCUMENT)

        def carries(action: _Action, kind: bytes = kind, tag: bytes = tag) -> bool:
            return action.kind == kind and any(key[0] == tag for key in action.elements)

        action = _chosen(_actions(rows), carries, f"{kind.decode()} that carries a {tag.decode()}")
        lines = [row.content for row in rows[action.first + 2 : action.last - 1]]
        depth = 4
        replaced = [
            _element(depth, tag, value) if line.lstrip().startswith(b"<" + tag) else line
            for line in lines
        ]
        _insert_action(delivery, action, kind, replaced, fault)


def update_and_inactivation(delivery: Delivery) -> None:
    """A customer moves, moves back and becomes inactive in one day; likewise an account's name."""
    for kind, ending, tag, value in (
        (b"UPDCUST", b"INACT", _STREET, b"2 Passing Street"),
        (b"UPDACCT", b"CLOSEACCT", _NAME, b"Passing Name"),
    ):
        actions = _actions(delivery.rows(DOCUMENT))

        def ends(action: _Action, ending: bytes = ending) -> bool:
            return action.kind == ending

        action = _chosen(actions, ends, f"{ending.decode()} of a customer without another fault")
        owner = action.customer if kind == b"UPDCUST" else action.accounts[0]
        restored = _in_force(actions, action.first, tag, owner)
        # Each is put before the one that was put in last, so the passing state comes first.
        for line, detail in (
            (restored, "restores what was in force, before the end of the same day"),
            (_element(4, tag, value), "superseded by the same day's end"),
        ):
            fault = Fault("update_and_inactivation", "absorbed", detail)
            body = _address_lines(line) if kind == b"UPDCUST" else _account_lines([(owner, line)])
            _insert_action(delivery, action, kind, body, fault)


def several_accounts(delivery: Delivery) -> None:
    """Actions that carry two accounts each, on a day on which their customer changes anyway."""
    actions = _actions(delivery.rows(DOCUMENT))
    opened: dict[bytes, list[tuple[int, bytes]]] = {}
    closed: dict[bytes, int] = {}
    for action in actions:
        for account in action.accounts:
            if action.kind in (b"NEW", b"ADDACCT"):
                opened.setdefault(action.customer, []).append((action.first, account))
            elif action.kind == b"CLOSEACCT":
                closed[account] = action.first

    def open_accounts(action: _Action) -> list[bytes]:
        return [
            account
            for first, account in opened.get(action.customer, [])
            if first < action.first < closed.get(account, len(delivery.rows(DOCUMENT)))
        ]

    def suits(action: _Action) -> bool:
        return action.kind in (b"INACT", b"UPDCUST") and len(open_accounts(action)) >= 2

    chosen = _chosen(actions, suits, "change of a customer with two open accounts")
    accounts = open_accounts(chosen)[:2]
    restored = [(account, _in_force(actions, chosen.first, _NAME, account)) for account in accounts]
    passing = [
        (account, _element(4, _NAME, b"Passing Name " + str(number).encode()))
        for number, account in enumerate(accounts, start=1)
    ]
    for named, detail in (
        (restored, "two accounts in one action, restored to what was in force"),
        (passing, "two accounts in one action, superseded on the same day"),
    ):
        fault = Fault("several_accounts", "absorbed", detail)
        _insert_action(delivery, chosen, b"UPDACCT", _account_lines(named), fault)


def unknown_actions(delivery: Delivery) -> None:
    """An action of a kind that nobody knows."""
    fault = Fault("unknown_records", "quarantined", "action type MERGE", "malformed_row")
    actions = _actions(delivery.rows(DOCUMENT))
    inact = next(action for action in actions if action.kind == b"INACT")
    stranger = _Action(inact.first, 0, b"", inact.moment, _STRANGER, (), {}, False)
    _insert_action(delivery, stranger, b"MERGE", [], fault)


CRM_FAULTS: dict[str, Callable[[Delivery], None]] = {
    "unknown_records": unknown_actions,
    "several_changes": several_changes,
    "update_and_inactivation": update_and_inactivation,
    "several_accounts": several_accounts,
}
