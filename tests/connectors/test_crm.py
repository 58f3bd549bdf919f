"""The CRM document: three states of every field, several accounts, actions that are none."""

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.source_brokerage import crm
from tests.connectors.airbyte import configured, read
from tests.landing import customer_management, small_files, write_landing

ROOT_START = '<T:Actions xmlns:T="http://www.tpc.org/tpc-di">'


def _rows(tmp_path, document):
    path = tmp_path / "CustomerMgmt.xml"
    path.write_bytes(document if isinstance(document, bytes) else document.encode())
    assert crm.check_document(str(path)) is None
    reader = crm.Reader(str(path))
    actions, accounts = [], []
    for some_actions, some_accounts in reader.chunks():
        actions += some_actions
        accounts += some_accounts
    return actions, accounts, reader.ignored


def _given(row):
    """The row's fields that are there."""
    return {name: value for name, value in row.values.items() if value is not None}


def test_the_small_brokerage(tmp_path):
    actions, accounts, ignored = _rows(tmp_path, small_files()["Batch1/CustomerMgmt.xml"])
    assert ignored == set()
    assert [row.values["action_number"] for row in actions] == list(range(1, 15))
    assert [row.line for row in actions[:3]] == [3, 17, 31]
    assert _given(actions[1]) == {
        "action_number": 2,
        "actiontype": "NEW",
        "actionts": "2017-06-15T14:00:01",
        "c_id": "1",
        "c_tax_id": "900-10-0002",
        "c_dob": "1975-11-03",
        "c_l_name": "Okafor",
        "c_f_name": "Bram",
        "c_m_name": "",
        "c_adline1": "8 Harbour View",
        "c_adline2": "",
        "c_zipcode": "04101",
        "c_city": "Portland",
        "c_state_prov": "ME",
        "c_ctry": "United States of America",
        "c_prim_email": "Bram.Okafor@example.com",
        "c_alt_email": "",
        "c_lcl_tx_id": "ME1",
        "c_nat_tx_id": "US2",
    } | {
        f"c_phone_{n}_{part}": ""
        for n in (1, 2, 3)
        for part in ("ctry_code", "area_code", "local", "ext")
    }
    update = actions[4].values
    assert (update["c_adline2"], update["c_alt_email"]) == ("", "")
    assert (update["c_city"], update["c_tier"], update["c_prim_email"]) == (None, None, None)
    assert update["c_phone_3_ext"] == "77"
    assert actions[12].values["c_tier"] == ""
    assert actions[3].values["c_adline1"] == "3 King & Queen Street"
    assert actions[3].values["c_l_name"] == "Núñez"
    assert _given(actions[13]) == {
        "action_number": 14,
        "actiontype": "INACT",
        "actionts": "2019-05-31T15:15:15",
        "c_id": "3",
    }
    assert [(row.values["action_number"], row.values["ca_id"]) for row in accounts] == [
        (1, "0"), (2, "1"), (3, "2"), (4, "3"), (6, "0"), (7, "4"), (8, "1"), (9, "2"),
        (10, "5"), (11, "6"), (11, "7"),
    ]  # fmt: skip
    assert _given(accounts[10]) == {
        "action_number": 11,
        "account_number": 2,
        "actiontype": "ADDACCT",
        "actionts": "2019-01-10T18:00:00",
        "c_id": "4",
        "ca_id": "7",
        "ca_tax_st": "2",
        "ca_b_id": "1",
        "ca_name": "Third salary",
    }
    assert accounts[10].line == accounts[9].line + 1
    assert (accounts[4].values["ca_tax_st"], accounts[4].values["ca_name"]) == (None, "")


BAD_ACTIONS = {
    "unknown type": '<T:Action ActionType="MERGE" ActionTS="x"><Customer C_ID="1"/></T:Action>',
    "no type": '<T:Action ActionTS="x"><Customer C_ID="1"/></T:Action>',
    "no time": '<T:Action ActionType="INACT"><Customer C_ID="1"/></T:Action>',
    "empty time": '<T:Action ActionType="INACT" ActionTS=""><Customer C_ID="1"/></T:Action>',
    "no customer": '<T:Action ActionType="INACT" ActionTS="x"/>',
    "a > in a lone tag": '<T:Action ActionType="a>b" ActionTS="x" />',
    "no customer id": '<T:Action ActionType="INACT" ActionTS="x"><Customer/></T:Action>',
    "two customers": '<T:Action ActionType="INACT" ActionTS="x"><Customer C_ID="1"/>'
    '<Customer C_ID="2"/></T:Action>',
    "no account": '<T:Action ActionType="CLOSEACCT" ActionTS="x"><Customer C_ID="1"/></T:Action>',
    "no account id": '<T:Action ActionType="UPDACCT" ActionTS="x"><Customer C_ID="1">'
    '<Account CA_ID="1"/><Account CA_TAX_ST="1"/></Customer></T:Action>',
    "a field twice": '<T:Action ActionType="UPDCUST" ActionTS="x"><Customer C_ID="1"><Address>\n'
    "<C_CITY>a</C_CITY><C_CITY/></Address></Customer></T:Action  >",
}


@pytest.mark.parametrize("bad", BAD_ACTIONS.values(), ids=BAD_ACTIONS)
def test_what_is_no_action_arrives_with_its_text(tmp_path, bad):
    good = '<T:Action ActionType="INACT" ActionTS="y"><Customer C_ID="7"/></T:Action>'
    actions, accounts, _ = _rows(
        tmp_path, f"{ROOT_START}\n{good}\n {bad} <!-- > -->{good}</T:Actions>"
    )
    assert [row.raw_text for row in actions] == [None, bad, None]
    assert [row.line for row in actions] == [2, 3, 3 + bad.count("\n")]
    assert _given(actions[1]) == {}
    assert [row.values["action_number"] for row in actions] == [1, None, 3]
    assert accounts == []


def test_unknown_elements_are_ignored_and_named_once(tmp_path):
    document = (
        f'{ROOT_START}<Extra><C_CITY>x</C_CITY></Extra><T:Action ActionType="UPDCUST" '
        'ActionTS="x" Colour="red"><Customer C_ID="1" C_HAT="2"><Hobbies><C_CITY>no</C_CITY>'
        "</Hobbies><Address><C_CITY>a<b>no</b>c</C_CITY></Address><C_CTRY>no</C_CTRY></Customer>"
        "</T:Action></T:Actions>"
    )
    actions, _, ignored = _rows(tmp_path, document)
    assert _given(actions[0])["c_city"] == "ac"
    assert actions[0].values["c_ctry"] is None
    assert ignored == {"Extra", "Hobbies", "b", "C_CTRY", "@C_HAT"}


def test_ignored_elements_are_logged_once_and_bad_actions_delivered(tmp_path):
    bad = BAD_ACTIONS["unknown type"].replace("T:", "TPCDI:")
    fine = '<TPCDI:Action ActionType="INACT" ActionTS="x"><Customer C_ID="1"><X/></Customer>'
    document = customer_management(
        "\n".join([bad, fine + "</TPCDI:Action>", fine + "</TPCDI:Action>"])
    )
    files = small_files(days=0) | {"Batch1/CustomerMgmt.xml": document}
    result = read(tmp_path, write_landing(tmp_path / "landing", files))
    assert result.code == 0
    assert result.logs == ["Batch1/CustomerMgmt.xml: unknown X is ignored."]
    rows = result.records["customer_mgmt_action"]
    assert [(row["_line"], row["_raw_text"]) for row in rows] == [(3, bad), (4, None), (5, None)]
    assert set(rows[0].values()) == {None, 1, 3, bad, "Batch1/CustomerMgmt.xml"}
    assert "customer_mgmt_account" not in result.records


def test_one_of_the_two_streams_alone(tmp_path, tiny_landing):
    result = read(tmp_path, tiny_landing, catalog=configured("customer_mgmt_account"))
    assert (result.code, set(result.records)) == (0, {"customer_mgmt_account"})
    assert len(result.records["customer_mgmt_account"]) == 11


@settings(max_examples=30, deadline=None)
@given(chunk=st.integers(1, 40))
def test_chunks_may_end_anywhere(tmp_path_factory, chunk):
    folder = tmp_path_factory.mktemp("crm")
    document = small_files(days=0)["Batch1/CustomerMgmt.xml"]
    whole = _rows(folder, document)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crm, "CHUNK_BYTES", chunk * 7)
        assert _rows(folder, document) == whole


TEXT = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"
    ),
    max_size=12,
)
STATE = st.none() | TEXT
LEAVES = {"C_ADLINE1": "c_adline1", "C_ADLINE2": "c_adline2", "C_CTRY": "c_ctry"}


@settings(max_examples=60, deadline=None)
@given(
    attributes=st.fixed_dictionaries({"C_GNDR": STATE, "C_TIER": STATE}),
    leaves=st.fixed_dictionaries(dict.fromkeys(LEAVES, STATE)),
    phone=STATE,
    accounts=st.lists(st.tuples(STATE, STATE), min_size=1, max_size=3),
)
def test_three_states_survive(tmp_path_factory, attributes, leaves, phone, accounts):
    def element(name, value):
        if value is None:
            return ""
        return f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>"

    given_attributes = "".join(
        f" {n}={quoteattr(v)}" for n, v in attributes.items() if v is not None
    )
    account_elements = "".join(
        f'<Account CA_ID="{number}"{"" if tax is None else f" CA_TAX_ST={quoteattr(tax)}"}>'
        f"{element('CA_NAME', name)}</Account>"
        for number, (tax, name) in enumerate(accounts)
    )
    document = (
        f'{ROOT_START}<T:Action ActionType="NEW" ActionTS="x"><Customer C_ID="1"{given_attributes}>'
        f"<Address>{''.join(element(n, v) for n, v in leaves.items())}</Address><ContactInfo>"
        f"<C_PHONE_2>{element('C_LOCAL', phone)}</C_PHONE_2></ContactInfo>{account_elements}"
        "</Customer></T:Action></T:Actions>"
    )
    rows, account_rows, ignored = _rows(tmp_path_factory.mktemp("crm"), document)
    expected = {LEAVES[name]: value for name, value in leaves.items()}
    expected |= {name.lower(): value for name, value in attributes.items()}
    expected["c_phone_2_local"] = phone
    assert {name: rows[0].values[name] for name in expected} == expected
    others = set(_given(rows[0])) - set(expected)
    assert others == {"action_number", "actiontype", "actionts", "c_id"}
    assert [(r.values["ca_tax_st"], r.values["ca_name"]) for r in account_rows] == accounts
    assert ignored == set()
