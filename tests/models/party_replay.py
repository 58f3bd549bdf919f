"""What the party tables must hold, worked out event by event, as a clerk would follow the rules.

Written apart from the models, which work on all batches at once: here one event after the other
changes what is known. Rows come out as tuples under the names in ``CUSTOMER_COLUMNS`` and so on.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.models.party_deliveries import DEMOGRAPHICS, Record, batch_date

END_OF_TIME = dt.date(9999, 12, 31)
FIRST_CALENDAR_DAY = dt.date(1950, 1, 1)
STATUS = {"ACTV": "Active", "INAC": "Inactive"}
TAX_RATES = {"US1": "First bracket", "VT1": "Vermont", "ON1": "Ontario"}
MATCHED = ("agency_id", "credit_rating", "net_worth", "marketing_nameplate")

CUSTOMER_COLUMNS = (
    "customer_id, batch_id, effective_date, end_date, status, first_name, address_line2, country,"
    " gender, tier, dob, phone1, phone2, phone3, email2, national_tax_rate_desc,"
    " local_tax_rate_desc, " + ", ".join(MATCHED)
)
ACCOUNT_COLUMNS = (
    "account_id, batch_id, effective_date, end_date, status, account_desc, tax_status,"
    " customer_id, customer_effective_date, broker_id, broker_effective_date"
)
BROKER_COLUMNS = "broker_id, batch_id, effective_date, end_date, first_name, manager_id, branch"
PROSPECT_COLUMNS = (
    "agency_id, batch_id, sk_record_date_id, sk_update_date_id, is_customer, city, income,"
    " marketing_nameplate"
)


class History:
    """Versions of one key: at most one a day, each valid until the next begins."""

    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []

    def put(self, day: dt.date, batch: int, **state: Any) -> None:
        """Start a version, or replace the one that started on the same day."""
        version = {"effective_date": day, "end_date": END_OF_TIME, "batch_id": batch, **state}
        if self.versions and self.versions[-1]["effective_date"] == day:
            self.versions.pop()
        elif self.versions:
            self.versions[-1]["end_date"] = day
        self.versions.append(version)

    @property
    def last(self) -> dict[str, Any]:
        """The version that is valid now."""
        return self.versions[-1]

    def on(self, day: dt.date) -> dict[str, Any]:
        """The version that is valid on a day."""
        return next(v for v in self.versions if v["effective_date"] <= day < v["end_date"])

    def is_known(self, day: dt.date) -> bool:
        """Whether a version had begun by that day."""
        return bool(self.versions) and self.versions[0]["effective_date"] <= day


def _key(*parts: Any) -> tuple[str | None, ...]:
    return tuple(part and part.upper() for part in parts)


def _number(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def nameplate(record: Record) -> str | None:
    """The tags a prospect earns, joined; None without any."""
    value = {name: _number(record[name]) for name in DEMOGRAPHICS}

    def above(name: str, bound: int) -> bool:
        found = value.get(name)
        return found is not None and found > bound

    def below(name: str, bound: int) -> bool:
        found = value.get(name)
        return found is not None and found < bound

    is_rich = above("networth", 1_000_000)
    tags = {
        "HighValue": is_rich or above("income", 200_000),
        "Expenses": above("numberchildren", 3) or above("numbercreditcards", 5),
        "Boomer": above("age", 45),
        "MoneyAlert": below("income", 50_000) or below("creditrating", 600)
        or below("networth", 100_000),
        "Spender": above("numbercars", 3) or above("numbercreditcards", 7),
        "Inherited": below("age", 25) and is_rich,
    }  # fmt: skip
    return "+".join(tag for tag, earned in tags.items() if earned) or None


def phone(country: str | None, area: str | None, local: str | None, ext: str | None) -> str | None:
    """A telephone number as it is written out."""
    if not local:
        return None
    if not area:
        return local + (ext or "")
    return f"+{country} " * bool(country) + f"({area}) {local}" + (ext or "")


class Clerk:
    """Keeps the books of brokers, prospects, customers and accounts; see the module."""

    def __init__(self) -> None:
        self.brokers: dict[int, History] = {}
        self.customers: dict[int, History] = {}
        self.accounts: dict[int, History] = {}
        self.prospects: dict[str, dict[str, Any]] = {}
        self.alerts: Counter[tuple[int, str, str]] = Counter()
        self.counts: dict[int, tuple[int, int, int]] = {}

    def take(self, batch: int, records: dict[str, list[Record]]) -> None:
        """Enter one batch."""
        day = batch_date(batch)
        changed_brokers = self._take_employees(batch, day, records.get("hr", []))
        self._take_list(batch, records["prospect"])
        if batch == 1:
            self._take_actions(records)
            for history in self.customers.values():
                history.last.update(self._match(history.last))
        else:
            became = self._take_customers(batch, day, records["customer"])
            self._take_accounts(batch, day, records["account"], became, changed_brokers)
        active = {self._customer_key(h.last) for h in self.customers.values()
                  if h.last["status"] == "Active"}  # fmt: skip
        for prospect in self.prospects.values():
            prospect["is_customer"] = prospect["key"] in active

    def _take_employees(self, batch: int, day: dt.date, rows: Iterable[Record]) -> set[int]:
        changed = set()
        for row in rows:
            if row["employeejobcode"] != "314":
                continue
            broker = int(str(row["employeeid"]))
            history = self.brokers.setdefault(broker, History())
            state = {
                "first_name": row["employeefirstname"],
                "manager_id": _number(row["managerid"]),
                "branch": row["employeebranch"],
            }
            if history.versions and all(history.last[k] == v for k, v in state.items()):
                continue
            history.put(FIRST_CALENDAR_DAY if batch == 1 else day, batch, **state)
            changed.add(broker)
        return changed

    def _take_list(self, batch: int, rows: list[Record]) -> None:
        inserted = updated = 0
        for row in rows:
            stored = self.prospects.setdefault(str(row["agencyid"]), {})
            inserted += not stored
            updated += bool(stored) and stored["image"] != row
            if not stored or stored["image"] != row:
                stored |= {"image": row, "update_batch": batch}
            names = ("firstname", "lastname", "addressline1", "addressline2", "postalcode")
            key = _key(*(row[name] for name in names))
            stored |= {"record_batch": batch, "key": key, "nameplate": nameplate(row)}
        self.counts[batch] = (len(rows), inserted, updated)

    def _customer_key(self, state: dict[str, Any]) -> tuple[str | None, ...]:
        names = ("f_name", "l_name", "adline1", "adline2", "zipcode")
        return _key(*(state[f"c_{name}"] for name in names))

    def _match(self, state: dict[str, Any]) -> dict[str, Any]:
        key = self._customer_key(state)
        same = sorted(agency for agency, p in self.prospects.items() if p["key"] == key)
        if not same:
            return dict.fromkeys(MATCHED)
        found = self.prospects[same[0]]
        image = found["image"]
        values = (same[0], _number(image["creditrating"]), _number(image["networth"]))
        return dict(zip(MATCHED, (*values, found["nameplate"]), strict=True))

    def _alert(self, batch: int, customer: int, tier: Any, dob: str | None) -> None:
        day = batch_date(batch)
        if tier not in ("1", "2", "3"):
            data = f"C_ID = {customer}, C_TIER = {tier or ''}"
            self.alerts[batch, "Invalid customer tier", data] += 1
        born = dt.date.fromisoformat(dob) if dob else None
        if born and (born < day.replace(year=day.year - 100) or born > day):
            self.alerts[batch, "DOB out of range", f"C_ID = {customer}, C_DOB = {dob}"] += 1

    def _take_actions(self, records: dict[str, list[Record]]) -> None:
        accounts = {row["action_number"]: row for row in records["customer_mgmt_account"]}
        for action in records["customer_mgmt_action"]:
            kind, customer = action["actiontype"], int(str(action["c_id"]))
            day = dt.datetime.fromisoformat(str(action["actionts"])).date()
            if kind != "NEW" and customer not in self.customers:
                continue
            history = self.customers.setdefault(customer, History())
            given = {k: v for k, v in action.items() if k.startswith("c_") and v is not None}
            if kind == "NEW":
                names = {k: None for k in action if k.startswith("c_")}
                history.put(day, 1, **self._cleaned(names | given), status="Active")
                self._alert(1, customer, action["c_tier"], str(action["c_dob"] or ""))
            elif kind in ("UPDCUST", "INACT"):
                state = history.last | self._cleaned(given)
                if kind == "INACT":
                    state["status"] = "Inactive"
                history.put(day, 1, **self._without_dates(state))
                for account in self.accounts.values():
                    if account.last["customer_id"] == customer:
                        inactive = {"status": "Inactive"} if kind == "INACT" else {}
                        account.put(day, 1, **self._without_dates(account.last | inactive))
            if action["action_number"] in accounts:
                self._take_action_account(day, customer, accounts[action["action_number"]])

    def _take_action_account(self, day: dt.date, customer: int, row: Record) -> None:
        kind = row["actiontype"]
        opens = kind in ("NEW", "ADDACCT")
        number = int(str(row["ca_id"]))
        state: dict[str, Any] = {"broker_id": None, "desc": None, "tax": None, "status": "Active"}
        if not opens:
            if number not in self.accounts:
                return
            state = self._without_dates(self.accounts[number].last)
        fields = {"broker_id": "ca_b_id", "desc": "ca_name", "tax": "ca_tax_st"}
        state |= {k: row[f] or None for k, f in fields.items() if row.get(f) is not None}
        state |= {"customer_id": customer} | ({"status": "Inactive"} if kind == "CLOSEACCT" else {})
        if row.get("ca_b_id") is None or self._knows_broker(row["ca_b_id"], day):
            self.accounts.setdefault(number, History()).put(day, 1, **state)

    def _knows_broker(self, broker: Any, day: dt.date) -> bool:
        return self.brokers.get(int(broker), History()).is_known(day)

    def _take_customers(self, batch: int, day: dt.date, rows: list[Record]) -> set[int]:
        became = set()
        for row in {int(str(row["c_id"])): row for row in rows}.values():
            customer = int(str(row["c_id"]))
            history = self.customers.setdefault(customer, History())
            before = history.last["status"] if history.versions else None
            renamed = {"c_email_2": "c_alt_email", "c_local_1": "c_phone_1_local"}
            renamed |= {"c_area_1": "c_phone_1_area_code", "c_ctry_1": "c_phone_1_ctry_code"}
            image = {renamed.get(k, k): v for k, v in row.items() if k.startswith("c_")}
            state = self._cleaned(image)
            state["status"] = STATUS[str(row["c_st_id"])]
            history.put(day, batch, **state, **self._match(state))
            self._alert(batch, customer, row["c_tier"], str(row["c_dob"]))
            if state["status"] == "Inactive" and before != "Inactive":
                became.add(customer)
        for history in self.customers.values():
            match = self._match(history.last)
            if match != {name: history.last[name] for name in MATCHED}:
                history.put(day, batch, **self._without_dates(history.last | match))
        return became

    def _take_accounts(
        self, batch: int, day: dt.date, rows: list[Record], became: set[int], brokers: set[int]
    ) -> None:
        own = set()
        for row in rows:
            number, customer = int(str(row["ca_id"])), int(str(row["ca_c_id"]))
            is_known = self.customers.get(customer, History()).is_known(day)
            if not is_known or not self._knows_broker(row["ca_b_id"], day):
                continue
            state = {"broker_id": row["ca_b_id"], "desc": row["ca_name"], "tax": row["ca_tax_st"]}
            state |= {"customer_id": customer, "status": STATUS[str(row["ca_st_id"])]}
            self.accounts.setdefault(number, History()).put(day, batch, **state)
            own.add(number)
        for number, history in self.accounts.items():
            account = self._without_dates(history.last)
            owner = self.customers[account["customer_id"]].last
            has_new_owner = owner["effective_date"] == day
            is_taken_along = number not in own or account["customer_id"] in became
            if has_new_owner and owner["status"] == "Inactive" and is_taken_along:
                account["status"] = "Inactive"
            if has_new_owner or int(account["broker_id"]) in brokers:
                history.put(day, batch, **account)

    @staticmethod
    def _cleaned(values: dict[str, Any]) -> dict[str, Any]:
        return {name: value or None for name, value in values.items()}

    @staticmethod
    def _without_dates(state: dict[str, Any]) -> dict[str, Any]:
        dates = ("effective_date", "end_date", "batch_id")
        return {name: value for name, value in state.items() if name not in dates}
