"""The CRM's history as an XML document: `CustomerMgmt.xml`.

Belongs here: elements and their order. Does not belong here: values (`customers`) and the sequence
of actions (`crm`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import text
from simulator.crm import ACTION_NAMES, CLOSEACCT, INACT, NEW, UPDACCT, UPDCUST, Actions, Crm
from simulator.customers import ACCOUNT_FIELDS, PHONE_PARTS, Accounts, Customers, is_empty
from simulator.text import LINE_END, Text

XML_HEAD = (
    f'<?xml version="1.0" encoding="UTF-8"?>{LINE_END}'
    f'<TPCDI:Actions xmlns:TPCDI="http://www.tpc.org/tpc-di">{LINE_END}'
)
XML_TAIL = "</TPCDI:Actions>"
_ADDRESS_TAGS = {
    "address_line1": "C_ADLINE1",
    "address_line2": "C_ADLINE2",
    "postal_code": "C_ZIPCODE",
    "city": "C_CITY",
    "state": "C_STATE_PROV",
    "country": "C_CTRY",
}
_MAIL_TAGS = {"email1": "C_PRIM_EMAIL", "email2": "C_ALT_EMAIL"}
_PHONE_TAGS = dict(
    zip(PHONE_PARTS, ("C_CTRY_CODE", "C_AREA_CODE", "C_LOCAL", "C_EXT"), strict=True)
)


class CrmXml:
    """Renders historical actions as XML fragments."""

    def __init__(self, crm: Crm, customers: Customers, accounts: Accounts) -> None:
        self._crm, self._customers, self._accounts = crm, customers, accounts
        self._moments = crm.timestamps()

    def chunks(self, size: int) -> Iterator[Text]:
        """The actions in document order, `size` a chunk, one text each."""
        for first in range(0, len(self._crm.history), size):
            yield self._render(slice(first, first + size))

    def _render(self, window: slice) -> Text:
        history = self._crm.history
        actions = Actions(
            history.kind[window],
            history.customer[window],
            history.account[window],
            history.update[window],
        )
        stamps = pc.replace_substring(text.timestamps(self._moments[window]), " ", "T")
        kinds = text.choose(ACTION_NAMES, actions.kind)
        head = text.join(
            '\t<TPCDI:Action ActionType="', kinds, '" ActionTS="', stamps, f'">{LINE_END}'
        )
        bodies, places = [], []
        for kind in range(len(ACTION_NAMES)):
            chosen = np.flatnonzero(actions.kind == kind)
            if len(chosen):
                bodies.append(self._body(kind, actions.of(kind)))
                places.append(chosen)
        order = np.argsort(np.concatenate(places))
        body = pa.concat_arrays(bodies).take(pa.array(order))
        return text.join(head, body, f"\t</TPCDI:Action>{LINE_END}")

    def _body(self, kind: int, actions: Actions) -> Text:
        ids = text.numbers(actions.customer)
        close = f"\t\t</Customer>{LINE_END}"
        if kind == NEW:
            return text.join(self._new_customer(actions), self._account(kind, actions), close)
        if kind == UPDCUST:
            head = text.join('\t\t<Customer C_ID="', ids, '"', self._tier(actions), f">{LINE_END}")
            return text.join(head, self._details(actions, updating=True), close)
        if kind == INACT:
            return text.join('\t\t<Customer C_ID="', ids, f'">{LINE_END}', close)
        blank = "" if kind == CLOSEACCT else " "
        head = text.join('\t\t<Customer C_ID="', ids, f'"{blank}>{LINE_END}')
        return text.join(head, self._account(kind, actions), close)

    def _tier(self, actions: Actions) -> Text:
        values = self._customers.updated("tier", actions.update)
        carried = self._customers.carries("tier", actions.update)
        return text.blanked(~carried, text.join(' C_TIER="', values, '"'))

    def _new_customer(self, actions: Actions) -> Text:
        ids, customers = actions.customer, self._customers
        tiers = customers.initial("tier", ids)
        genders = customers.gender(ids)
        head = text.join(
            text.join('\t\t<Customer C_ID="', text.numbers(ids), '" C_TAX_ID="'),
            text.join(customers.tax_id(ids), '"'),
            text.blanked(is_empty(genders), text.join(' C_GNDR="', genders, '"')),
            text.blanked(is_empty(tiers), text.join(' C_TIER="', tiers, '"')),
            text.join(' C_DOB="', text.dates(customers.birth_days(ids)), f'">{LINE_END}'),
        )
        name = _container(
            3,
            "Name",
            _element(4, "C_L_NAME", customers.family_name(ids)),
            _element(4, "C_F_NAME", customers.given_name(ids)),
            _element(4, "C_M_NAME", customers.initial_letter(ids)),
        )
        local, national = customers.tax_codes(ids)
        taxes = _container(
            3, "TaxInfo", _element(4, "C_LCL_TX_ID", local), _element(4, "C_NAT_TX_ID", national)
        )
        return text.join(head, name, self._details(actions, updating=False), taxes)

    def _details(self, actions: Actions, updating: bool) -> Text:
        """Address and contact elements; an update carries each but the phones with chance 0.8."""
        ids = actions.update if updating else actions.customer
        stream = self._customers.changed if updating else self._customers.created
        addresses = [
            self._field(tag, name, actions, updating) for name, tag in _ADDRESS_TAGS.items()
        ]
        mails = [self._field(tag, name, actions, updating) for name, tag in _MAIL_TAGS.items()]
        phones = []
        for number in (1, 2, 3):
            parts = self._customers.phone(stream, ids, number)
            elements = [_element(5, _PHONE_TAGS[part], parts[part]) for part in PHONE_PARTS]
            phones.append(_container(4, f"C_PHONE_{number}", *elements))
        address = text.join(*addresses)
        held = _container(3, "Address", address)
        return text.join(
            text.blanked(is_empty(address), held), _container(3, "ContactInfo", *mails, *phones)
        )

    def _field(self, tag: str, name: str, actions: Actions, updating: bool) -> Text:
        customers = self._customers
        if not updating:
            values = customers.initial(name, actions.customer)
        else:
            values = customers.updated(name, actions.update)
        if name in _MAIL_TAGS:
            local = customers.mail_name(actions.customer)
            values = text.blanked(is_empty(values), text.join(local, values))
        element = _element(4, tag, values)
        if not updating:
            return element
        return text.blanked(~customers.carries(name, actions.update), element)

    def _account(self, kind: int, actions: Actions) -> Text:
        ids = text.numbers(actions.account)
        if kind == CLOSEACCT:
            return text.join('\t\t\t<Account CA_ID="', ids, f'" />{LINE_END}')
        updating = kind == UPDACCT
        values, carried = {}, {}
        for name in ACCOUNT_FIELDS:
            if updating:
                values[name] = self._accounts.updated(name, actions.update)
                carried[name] = self._accounts.carries(name, actions.update)
            else:
                values[name] = self._accounts.initial(name, actions.account)
                carried[name] = np.ones(len(actions), dtype=bool)
        status = text.join(' CA_TAX_ST="', values["tax_status"], '"')
        broker = text.blanked(~carried["broker"], _element(4, "CA_B_ID", values["broker"]))
        label = text.blanked(~carried["name"], _element(4, "CA_NAME", values["name"]))
        opening = text.join('\t\t\t<Account CA_ID="', ids, '"')
        return text.join(
            opening,
            text.blanked(~carried["tax_status"], status),
            f">{LINE_END}",
            broker,
            label,
            f"\t\t\t</Account>{LINE_END}",
        )


def _element(depth: int, tag: str, values: Text) -> Text:
    indent = "\t" * depth
    full = text.join(f"{indent}<{tag}>", values, f"</{tag}>{LINE_END}")
    return text.where(is_empty(values), f"{indent}<{tag}/>{LINE_END}", full)


def _container(depth: int, tag: str, *inner: Text) -> Text:
    indent = "\t" * depth
    return text.join(f"{indent}<{tag}>{LINE_END}", *inner, f"{indent}</{tag}>{LINE_END}")
