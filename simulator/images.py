"""Daily customer and account files: full images of what was created or changed.

Belongs here: layouts of `Customer.txt` and `Account.txt`, and the running images that full-image
updates need. Does not belong here: values (`customers`) and the sequence of actions (`crm`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import text
from simulator.crm import ADDACCT, CLOSEACCT, INACT, NEW, UPDACCT, UPDCUST, Actions, Crm
from simulator.customers import (
    ACCOUNT_FIELDS,
    CUSTOMER_FIELDS,
    PHONE_PARTS,
    Accounts,
    Customers,
    is_empty,
)
from simulator.randomness import Integers
from simulator.text import Text
from simulator.volumes import date_of, day_number

_ADDRESS_FIELDS = ("address_line1", "address_line2", "postal_code", "city", "state", "country")
_MAIL_FIELDS = ("email1", "email2")


class Images:
    """The current value of every field of every customer and account, as update numbers."""

    def __init__(self, customers: Customers, accounts: Accounts, crm: Crm) -> None:
        self._customers, self._accounts, self._crm = customers, accounts, crm
        people, books = crm.customers_after[-1], len(crm.owner)
        self._last = {name: np.full(people, -1, dtype=np.int64) for name in CUSTOMER_FIELDS}
        self._last |= {"phones": np.full(people, -1, dtype=np.int64)}
        self._last_account = {name: np.full(books, -1, dtype=np.int64) for name in ACCOUNT_FIELDS}
        self._customer_dsn = len(crm.history.of(NEW, UPDCUST, INACT))
        self._account_dsn = len(crm.history.of(NEW, ADDACCT, UPDACCT, CLOSEACCT))
        self.apply(crm.history)

    def apply(self, actions: Actions) -> None:
        """Let actions change the images."""
        people, books = actions.of(UPDCUST), actions.of(UPDACCT)
        for name, last in self._last.items():
            carried = (
                np.ones(len(people), dtype=bool)
                if name == "phones"
                else self._customers.carries(name, people.update)
            )
            np.maximum.at(last, people.customer[carried], people.update[carried])
        for name, last in self._last_account.items():
            carried = self._accounts.carries(name, books.update)
            np.maximum.at(last, books.account[carried], books.update[carried])

    def skip(self, actions: Actions) -> None:
        """Apply a day that needs no files."""
        self.apply(actions)
        self._customer_dsn += len(actions.of(NEW, UPDCUST, INACT))
        self._account_dsn += len(actions.of(NEW, ADDACCT, UPDACCT, CLOSEACCT))

    def day(self, actions: Actions, day: int) -> tuple[Text, Text, dict[str, int]]:
        """Lines of `Customer.txt` and `Account.txt` after a day's actions, and audit counts."""
        self.apply(actions)
        customers, accounts = (
            actions.of(NEW, UPDCUST, INACT),
            actions.of(NEW, ADDACCT, UPDACCT, CLOSEACCT),
        )
        rows, counts = self._customer_rows(customers, day)
        account_rows = self._account_rows(accounts)
        self._customer_dsn += len(customers)
        self._account_dsn += len(accounts)
        return rows, account_rows, counts

    def _customer_rows(self, actions: Actions, day: int) -> tuple[Text, dict[str, int]]:
        ids, who = actions.customer, self._customers
        inserted, inactive = actions.kind == NEW, actions.kind == INACT
        values = {name: self._value(name, ids) for name in CUSTOMER_FIELDS}
        local = who.mail_name(ids)
        mails = [
            text.blanked(is_empty(values[name]), text.join(local, values[name]))
            for name in _MAIL_FIELDS
        ]
        birth = who.birth_days(ids)
        tax_codes = who.tax_codes(ids)
        rows = text.lines(
            text.where(inserted, "I", "U"),
            text.numbers(self._customer_dsn + np.arange(len(ids))),
            text.numbers(ids),
            who.tax_id(ids),
            text.where(inactive, "INAC", "ACTV"),
            who.family_name(ids),
            who.given_name(ids),
            who.initial_letter(ids),
            who.gender(ids),
            values["tier"],
            text.dates(birth),
            *(values[name] for name in _ADDRESS_FIELDS),
            *self._phones(ids),
            *mails,
            *tax_codes,
        )
        return rows, age_and_tier_counts(birth, values["tier"], day)

    def _phones(self, ids: Integers) -> list[Text]:
        last, who = self._last["phones"][ids], self._customers
        columns = []
        for number in (1, 2, 3):
            created = who.phone(who.created, ids, number)
            changed = who.phone(who.changed, last, number)
            columns += [text.where(last < 0, created[part], changed[part]) for part in PHONE_PARTS]
        return columns

    def _value(self, name: str, ids: Integers) -> Text:
        last = self._last[name][ids]
        return text.where(
            last < 0, self._customers.initial(name, ids), self._customers.updated(name, last)
        )

    def _account_rows(self, actions: Actions) -> Text:
        ids, books = actions.account, self._accounts
        values = {
            name: text.where(
                self._last_account[name][ids] < 0,
                books.initial(name, ids),
                books.updated(name, self._last_account[name][ids]),
            )
            for name in ACCOUNT_FIELDS
        }
        return text.lines(
            text.where(np.isin(actions.kind, (NEW, ADDACCT)), "I", "U"),
            text.numbers(self._account_dsn + np.arange(len(ids))),
            text.numbers(ids),
            values["broker"],
            text.numbers(self._crm.owner[ids]),
            values["name"],
            values["tax_status"],
            text.where(actions.kind == CLOSEACCT, "INAC", "ACTV"),
        )


def age_and_tier_counts(birth: Integers, tiers: Text, day: int) -> dict[str, int]:
    """Audit counts of impossible birth dates and tiers on a batch's day."""
    today = date_of(day)
    leap = today.month == 2 and today.day == 29
    century = day_number(today.replace(year=today.year - 100, day=28 if leap else today.day))
    legal = pc.is_in(tiers, value_set=pa.array(["1", "2", "3"]))
    invalid = ~np.asarray(legal.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return {
        "C_DOB_TO": int((birth < century).sum()),
        "C_DOB_TY": int((birth > day).sum()),
        "C_TIER_INV": int(invalid.sum()),
    }
