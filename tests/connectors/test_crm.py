"""The CRM document: three states of every field, several accounts, actions that are none."""

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.source_brokerage import crm
from connectors.source_brokerage.document import check_document
from tests.connectors.airbyte import configured, read
from tests.landing import customer_management, small_files, write_landing

ROOT_START = '<T:Actions xmlns:T="http://www.tpc.org/tpc-di">'


def _rows(tmp_path, document):
    path = tmp_path / "CustomerMgmt.xml"
    path.write_bytes(document if isinstance(document, bytes) else document.encode())
    with path.open("rb") as stream:
        check_document(stream)
        stream.seek(0)
        reader = crm.Reader(stream)
        actions, accounts = [], []
        for some_actions, some_accounts in reader.chunks():
            actions += some_actions
            accounts += some_accounts
    return actions, accounts, dict(reader.unknown)


def _given(row):
    """The row's fields that are there."""
    return {name: value for name, value in row.values.items() if value is not None}


def test_the_small_brokerage(tmp_path):
    actions, accounts, unknown = _rows(tmp_path, small_files()["Batch1/CustomerMgmt.xml"])
    assert unknown == {}
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
    assert accounts[10].line == accounts[9].line  # Two accounts on one line.
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


FINE = '<T:Action ActionType="INACT" ActionTS="x"><Customer C_ID="1"/></T:Action>'


def _update(inside="", *, action="", customer=""):
    return (
        f'<T:Action ActionType="UPDCUST" ActionTS="x"{action}><Customer C_ID="1"{customer}>'
        f"{inside}</Customer></T:Action>"
    )


NOT_UNDERSTOOD = {
    "element in the place of an action": (f"<Extra><C_CITY>x</C_CITY>{FINE}</Extra>", "Extra"),
    "misspelt wrapper": (f"<T:Actions2>{FINE}\n{FINE}</T:Actions2>", "tpc-di:Actions2"),
    "wrapper of the right name": (f"<T:Actions>{FINE}</T:Actions>", "tpc-di:Actions"),
    "action of another namespace": ('<o:Action xmlns:o="urn:o"/>', "urn:o:Action"),
    "element without content": ("<Extra/>", "Extra"),
    "attribute of an action": (_update(action=' Colour="red"'), "attribute Colour"),
    "attribute of a customer": (_update(customer=' C_HAT="2"'), "attribute C_HAT"),
    "attribute of a group": (_update('<Name k="1"/>'), "attribute k"),
    "attribute of a field": (_update("<Name><C_L_NAME k='1'>a</C_L_NAME></Name>"), "attribute k"),
    "attribute of an account": (
        '<T:Action ActionType="NEW" ActionTS="x"><Customer C_ID="1"><Account CA_ID="1" K="1"/>'
        "</Customer></T:Action>",
        "attribute K",
    ),
    "element in a customer": (_update("<Hobbies><C_CITY>no</C_CITY></Hobbies>"), "Hobbies"),
    "element in a field": (_update("<Address><C_CITY>a<b>n</b>c</C_CITY></Address>"), "element b"),
    "field in the wrong place": (_update("<C_CTRY>no</C_CTRY>"), "element C_CTRY"),
    "action in an action": (_update(FINE), "tpc-di:Action"),
    "customers in a namespace": (
        '<T:Action xmlns="urn:o" ActionType="INACT" ActionTS="x"><Customer C_ID="1"/></T:Action>',
        "urn:o:Customer",
    ),
    "text in a customer": (_update("<Name/>lost"), "text between elements"),
    "text in a group": (_update("<Name><![CDATA[lost]]></Name>"), "text between elements"),
    "text between actions": ("lost", "text between elements"),
    "text in CDATA between actions": ("<![CDATA[lost]]>", "text between elements"),
}


@pytest.mark.parametrize(("odd", "name"), NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_whatever_is_not_understood_arrives_with_its_text(tmp_path, odd, name):
    actions, accounts, unknown = _rows(tmp_path, f"{ROOT_START}{FINE}\n{odd}\n{FINE}</T:Actions>")
    text = "lost" if odd.startswith("<![CDATA") else odd
    assert [row.raw_text for row in actions] == [None, text, None]
    assert actions[2].values["c_id"] == "1"
    assert accounts == []
    assert name in next(iter(unknown))
    assert sum(unknown.values()) == 1


def test_an_unknown_attribute_of_the_root_is_a_row_and_a_schema_is_none(tmp_path):
    start = ROOT_START.replace(">", ' Version="2">')
    actions, _, unknown = _rows(tmp_path, f"{start}{FINE}</T:Actions>")
    assert [row.raw_text for row in actions] == [start, None]
    assert unknown == {"attribute Version": 1}
    schema = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">'
    actions, _, unknown = _rows(tmp_path, f"{ROOT_START[:-1]}{schema}{FINE}</T:Actions>")
    assert ([row.raw_text for row in actions], unknown) == ([None], {})


def test_a_long_element_is_cut_and_says_so(tmp_path):
    odd = f"<Extra>{'x' * 3_000_000}</Extra>"
    actions, _, _ = _rows(tmp_path, f"{ROOT_START}{odd}{FINE}</T:Actions>")
    assert actions[0].raw_text.endswith(f"xxx ... ({len(odd) - len('</Extra>')} bytes in all)")
    assert actions[1].raw_text is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-15", "cp1252"])
def test_text_of_every_encoding_that_is_read_is_right(tmp_path, encoding):
    odd = _update("<Name>Núñez</Name>")
    good = _update("<Name><C_L_NAME>Núñez \N{EURO SIGN}</C_L_NAME></Name>")
    document = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{ROOT_START}'
    document = f"{document}{good}{odd}</T:Actions>".encode(encoding)
    actions, _, _ = _rows(tmp_path, document)
    assert actions[0].values["c_l_name"] == "Núñez \N{EURO SIGN}"
    assert actions[1].raw_text == odd


def test_a_mark_decides_against_a_wrong_declaration(tmp_path):
    good = _update("<Name><C_L_NAME>Núñez</C_L_NAME></Name>")
    text = f'<?xml version="1.0" encoding="iso-8859-1"?>{ROOT_START}{good}</T:Actions>'
    actions, _, _ = _rows(tmp_path, text.encode("utf-8-sig"))
    assert actions[0].values["c_l_name"] == "Núñez"
    assert _rows(tmp_path, text.encode("utf-16-le"))[0] == actions


def test_what_says_nothing_is_counted_and_what_does_not_fit_delivered(tmp_path):
    bad = BAD_ACTIONS["unknown type"].replace("T:", "TPCDI:")
    odd = '<TPCDI:Action ActionType="INACT" ActionTS="x"><Customer C_ID="1"><X/></Customer>'
    odd += "</TPCDI:Action>"
    document = customer_management("\n".join([bad, odd, "<!-- a --><?go now?><!-- b -->", odd]))
    files = small_files(days=0) | {"Batch1/CustomerMgmt.xml": document}
    result = read(tmp_path, write_landing(tmp_path / "landing", files))
    assert result.code == 0
    assert result.logs == [
        "Batch1/CustomerMgmt.xml: element X is not known (2 in quarantine).",
        "Batch1/CustomerMgmt.xml: 2 comments left out.",
        "Batch1/CustomerMgmt.xml: 1 processing instructions go left out.",
    ]
    rows = result.records["customer_mgmt_action"]
    assert [(row["_line"], row["_raw_text"]) for row in rows] == [(3, bad), (4, odd), (6, odd)]
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
    rows, account_rows, unknown = _rows(tmp_path_factory.mktemp("crm"), document)
    expected = {LEAVES[name]: value for name, value in leaves.items()}
    expected |= {name.lower(): value for name, value in attributes.items()}
    expected["c_phone_2_local"] = phone
    assert {name: rows[0].values[name] for name in expected} == expected
    others = set(_given(rows[0])) - set(expected)
    assert others == {"action_number", "actiontype", "actionts", "c_id"}
    assert [(r.values["ca_tax_st"], r.values["ca_name"]) for r in account_rows] == accounts
    assert unknown == {}
