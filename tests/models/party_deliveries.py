"""Random deliveries of customers, accounts, brokers and prospects, small and crowded on purpose.

The pools are tiny, so that prospects share a customer's key or each other's, events fall on one
day, rows of one key repeat within a batch, and unknown brokers and owners occur. What a delivery
means is said in `party_replay`, not here.
"""

import datetime as dt
import random
from dataclasses import dataclass, field

Record = dict[str, str | int | None]
FIRST_DAY = dt.date(2020, 1, 10)
KINDS = ("NEW", "NEW", "UPDCUST", "UPDCUST", "INACT", "ADDACCT", "UPDACCT", "UPDACCT", "CLOSEACCT")
UNKNOWN_BROKER = 99
UNKNOWN_CUSTOMER = 999
PHONE_PARTS = {"ctry_code": ("1", ""), "area_code": ("802", ""), "local": ("555-0100", "")}
DEMOGRAPHICS = {
    "income": ("49999", "50000", "200001", None),
    "numbercars": ("3", "4", None),
    "numberchildren": ("3", "4", None),
    "age": ("24", "45", "46", None),
    "creditrating": ("599", "600", None),
    "numbercreditcards": ("5", "6", "8", None),
    "networth": ("99999", "100000", "1000001", None),
}


def batch_date(batch: int) -> dt.date:
    """The day of a batch."""
    return FIRST_DAY + dt.timedelta(days=batch - 1)


@dataclass
class Deliveries:
    """A source that hands over one batch after the other, and remembers what exists.

    ``batch(n)`` returns the records of batch n by stream, as the raw tables have them.
    """

    seed: int
    customers: int = 0
    accounts: int = 0
    changes: int = 0
    prospects: dict[str, Record] = field(default_factory=dict)
    brokers: dict[int, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def batch(self, number: int) -> dict[str, list[Record]]:
        """The records of a batch: history, then full images."""
        records: dict[str, list[Record]] = {"batch_date": [{"batch_date": str(batch_date(number))}]}
        if number == 1 or self.random.random() < 0.6:
            records["hr"] = self._employees()
        if number == 1:
            records |= self._history()
        else:
            records["customer"] = [self._customer_image() for _ in range(8)]
            records["account"] = [self._account_image() for _ in range(8)]
        records["prospect"] = self._list()
        return records

    def _employees(self) -> list[Record]:
        pick = self.random.choice
        for number in self.random.sample(range(1, 9), 4):
            self.brokers[number] = {
                "employeeid": str(number),
                "managerid": pick(["1", None]),
                "employeefirstname": pick(["Iris", "Peter"]),
                "employeelastname": "Nan",
                "employeejobcode": pick(["314", "314", "314", "658", None]),
                "employeebranch": pick(["Old Harbour ", None]),
            }
        return [record for record in self.brokers.values() if self.random.random() < 0.9]

    def _person(self) -> Record:
        pick = self.random.choice
        return {
            "f_name": pick(["Ann", "ANN", "Bo"]),
            "l_name": pick(["Lee", "lee", "Ray"]),
            "adline1": pick(["1 Elm Street", "1 ELM Street", "2 Oak Lane"]),
            "adline2": pick([None, None, "Apt 1"]),
            "zipcode": pick(["05401", "K1A 0B1"]),
            "city": pick(["Burlington", "Ottawa"]),
            "state_prov": pick(["VT", "Ontario"]),
            "ctry": pick(["Canada", None]),
        }

    def _list(self) -> list[Record]:
        for number in range(len(self.prospects), len(self.prospects) + 5):
            self.prospects[f"Lee{number}"] = {}
        for agency, record in self.prospects.items():
            if not record or self.random.random() < 0.15:
                person = self._person()
                record |= {
                    "agencyid": agency,
                    "lastname": person["l_name"],
                    "firstname": person["f_name"],
                    "addressline1": person["adline1"],
                    "addressline2": person["adline2"],
                    "postalcode": person["zipcode"],
                    "city": person["city"],
                    "state": person["state_prov"],
                }
            if "age" not in record or self.random.random() < 0.2:
                record |= {k: self.random.choice(v) for k, v in DEMOGRAPHICS.items()}
        return [dict(record) for record in self.prospects.values() if self.random.random() < 0.85]

    def _history(self) -> dict[str, list[Record]]:
        actions: list[Record] = []
        accounts: list[Record] = []
        moment = dt.datetime.combine(FIRST_DAY - dt.timedelta(days=8), dt.time())
        for number in range(1, 81):
            moment += dt.timedelta(minutes=self.random.choice([0, 30, 200, 300]))
            kind = "NEW" if number < 6 else self.random.choice(KINDS)
            is_new = kind == "NEW"
            self.customers += is_new
            customer = self.customers if is_new else self.random.randint(1, self.customers)
            if kind in ("UPDCUST", "INACT", "UPDACCT") and self.random.random() < 0.05:
                customer = UNKNOWN_CUSTOMER
            action: Record = {
                "action_number": number,
                "actiontype": kind,
                "actionts": moment.isoformat(),
                "c_id": str(customer),
            }
            actions.append(action | self._action_attributes(kind))
            if kind.endswith("ACCT") or is_new:
                accounts.append(action | self._action_account(kind))
        return {"customer_mgmt_action": actions, "customer_mgmt_account": accounts}

    def _action_attributes(self, kind: str) -> Record:
        if kind not in ("NEW", "UPDCUST"):
            return {}
        pick = self.random.choice
        filled: Record = {f"c_{name}": value for name, value in self._person().items()}
        filled["c_tax_id"] = "111-22-3333"
        filled["c_dob"] = pick(["1919-12-31", "1920-01-10", "1980-05-05", "2020-01-11"])
        optional: dict[str, list[str]] = {
            "c_adline2": ["", "Apt 1"],
            "c_ctry": ["", "Canada"],
            "c_gndr": ["m", "F", "x", ""],
            "c_tier": ["1", "3", "5", ""],
            "c_m_name": ["", "Q"],
            "c_alt_email": ["", "a@b.example"],
            "c_nat_tx_id": ["US1", "ON1"],
            "c_lcl_tx_id": ["VT1"],
        }
        for n in (1, 2, 3):
            optional |= {f"c_phone_{n}_{k}": list(v) for k, v in PHONE_PARTS.items()}
            optional[f"c_phone_{n}_ext"] = ["", "777"]
        filled |= {name: pick([None, *values]) for name, values in optional.items()}
        if kind == "UPDCUST":
            filled = {name: pick([value, None]) for name, value in filled.items()}
        return filled

    def _action_account(self, kind: str) -> Record:
        pick = self.random.choice
        opens = kind in ("NEW", "ADDACCT")
        self.accounts += opens
        record: Record = {
            "account_number": 1,
            "ca_id": str(self.accounts if opens else self.random.randint(1, self.accounts)),
        }
        if kind == "CLOSEACCT":
            return record
        record |= {"ca_tax_st": pick(["0", "2", None]), "ca_name": pick(["Savings", "", None])}
        record["ca_b_id"] = str(self._broker()) if opens else pick([None, str(self._broker())])
        return record

    def _broker(self) -> int:
        return int(self.random.choice([*range(1, 9), UNKNOWN_BROKER]))

    def _owner(self) -> int:
        is_known = self.random.random() < 0.9
        return self.random.randint(1, self.customers) if is_known else UNKNOWN_CUSTOMER

    def _customer_image(self) -> Record:
        pick = self.random.choice
        is_new = self.random.random() < 0.4
        self.customers += is_new
        self.changes += 1
        return {
            "cdc_flag": "I" if is_new else "U",
            "cdc_dsn": str(self.changes),
            "c_id": str(self.customers if is_new else self.random.randint(1, self.customers)),
            "c_st_id": pick(["ACTV", "ACTV", "INAC"]),
            "c_tax_id": "111-22-3333",
            **{f"c_{name}": value for name, value in self._person().items()},
            "c_gndr": pick(["m", "F", None]),
            "c_tier": pick(["1", "9", None]),
            "c_dob": pick(["1920-01-10", "1980-05-05", "2020-01-12"]),
            "c_local_1": pick(["555-0100", None]),
            "c_area_1": pick(["802", None]),
            "c_ctry_1": "1",
            "c_email_2": pick(["a@b.example", None]),
            "c_lcl_tx_id": "VT1",
            "c_nat_tx_id": pick(["US1", "ZZZ"]),
        }

    def _account_image(self) -> Record:
        pick = self.random.choice
        is_new = self.random.random() < 0.4
        self.accounts += is_new
        self.changes += 1
        return {
            "cdc_flag": "I" if is_new else "U",
            "cdc_dsn": str(self.changes),
            "ca_id": str(self.accounts if is_new else self.random.randint(1, self.accounts)),
            "ca_b_id": str(self._broker()),
            "ca_c_id": str(self._owner()),
            "ca_name": pick(["Pension", None]),
            "ca_tax_st": pick(["1", None]),
            "ca_st_id": pick(["ACTV", "ACTV", "INAC"]),
        }
