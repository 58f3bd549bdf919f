"""The records of a small brokerage that does not exist: data for `tests/landing.py`, no code.

Seven customers, ten accounts, five companies, ten trades. The history ends on
2019-06-29; the two days after it cross the end of a quarter, so that the second day brings a new
newswire file. Pipe files are text as delivered; newswire records are tuples in field order.
What is odd on purpose is said beside it.
"""

# ruff: noqa: E501

from typing import Any

Content = str | list[tuple[Any, ...]]

INDUSTRIES = """
SW|Application Software|TC
FD|Packaged Foods|CC
RR|Railroads|TR
GL|Gold Mining|BM
"""

STATUS_TYPES = """
ACTV|Active
CMPT|Completed
CNCL|Canceled
PNDG|Pending
SBMT|Submitted
INAC|Inactive
"""

TAX_RATES = """
US1|U.S. income tax, first bracket|0.10000
US2|U.S. income tax, second bracket|0.25000
CN1|Canadian income tax, first bracket|0.15000
VT1|Vermont state tax|0.03350
ME1|Maine state tax|0.05800
ON1|Ontario provincial tax|0.05050
"""

TRADE_TYPES = """
TMB|Market Buy|0|1
TMS|Market Sell|1|1
TSL|Stop Loss|1|1
TLS|Limit Sell|1|0
TLB|Limit Buy|0|0
"""

# Brokers have job code 314. "Nan" is a name, not a missing value; "Gale " ends with a blank.
EMPLOYEES = """
0|1|Iris|Holt||658|Head Office of Maple and Main|OFFICE1000|(802) 555-0100
1|1|Peter|Nan|T|314|Branch on the Green|OFFICE1001|(802) 555-0101
2|1|Grace|Gale |A|314|Branch on the Green|OFFICE1002|(802) 555-0102
3|1|Tom|Reyes||266||OFFICE1003|(802) 555-0103
4|1|Yuki|Sand|B|314|Branch by the Old Harbour|OFFICE1004|
5|1|Lars|Brandt|||Branch by the Old Harbour||(207) 555-0105
6|1|Oona|Keller||314|Branch by the Old Harbour|OFFICE1006|(207) 555-0106
7|1|Sam|Drury|C|314||OFFICE1007|(207) 555-0107
""".replace("|", ",")

# A later full list: employee 4 has a new office and a phone, 7 is absent, 8 is new.
EMPLOYEES_LATER = """
0|1|Iris|Holt||658|Head Office of Maple and Main|OFFICE1000|(802) 555-0100
1|1|Peter|Nan|T|314|Branch on the Green|OFFICE1001|(802) 555-0101
2|1|Grace|Gale |A|314|Branch on the Green|OFFICE1002|(802) 555-0102
3|1|Tom|Reyes||266||OFFICE1003|(802) 555-0103
4|1|Yuki|Sand|B|314|Branch on the Green|OFFICE1044|(802) 555-0104
5|1|Lars|Brandt|||Branch by the Old Harbour||(207) 555-0105
6|1|Oona|Keller||314|Branch by the Old Harbour|OFFICE1006|(207) 555-0106
8|1|Vera|Lindh||314|Branch by the Old Harbour|OFFICE1008|(207) 555-0108
""".replace("|", ",")

ALDER = (
    "SW",
    "AA+ ",
    "19870412",
    "14 Larch Street",
    "Floor 3",
    "05401",
    "Burlington",
    "VT",
    "United States of America",
    "Okonjo",
    "Writes the programs that small shops keep their books with",
)
BIRCH = (
    "FD",
    "B-  ",
    "19510901",
    "200 Mill Road",
    "",
    "04101",
    "Portland",
    "ME",
    "United States of America",
    "Haugen",
    "Oat biscuits and other things that keep",
)
CEDAR = (
    "RR",
    "XQ  ",
    "",
    "1 Station Square",
    "",
    "K1A 0B1",
    "Ottawa",
    "Ontario",
    "Canada",
    "Tremblay",
    "Carries freight between the lakes",
)
DOGWOOD = (
    "GL",
    "C   ",
    "20030115",
    "77 Shaft Lane",
    "",
    "05701",
    "Rutland",
    "VT",
    "",
    "Vance",
    " Looks for gold where there is none",
)

# Newswire: record type, then the record's fields. Cedar's rating does not exist; Birch changes
# its industry; Dogwood is deactivated with its security; Cedar is named or numbered in turn.
FINWIRE_2017Q4 = [
    ("CMP", "20171218-090000", "Alder Software Works", 1, "ACTV", *ALDER),
    ("CMP", "20171218-091500", "Birch Provisions Company", 2, "ACTV", *BIRCH),
    ("CMP", "20171219-100000", "Cedar Lakes Railway", 3, "ACTV", *CEDAR),
    ("CMP", "20171219-103000", "Dogwood Mining Ventures", 4, "ACTV", *DOGWOOD),
    (
        "SEC",
        "20171228-080000",
        "ALDR",
        "COMMON",
        "ACTV",
        "Alder common stock",
        "NYSE",
        1000000,
        "20180102",
        "20180102",
        "0.50",
        1,
    ),
    (
        "SEC",
        "20171228-081500",
        "BRCH",
        "COMMON",
        "ACTV",
        "Birch common stock",
        "NASDAQ",
        500000,
        "20180102",
        "20180103",
        "1.20",
        "Birch Provisions Company",
    ),
    (
        "SEC",
        "20171228-083000",
        "CEDR",
        "PREF_A",
        "ACTV",
        " Cedar preferred A",
        "AMEX",
        250000,
        "20180102",
        "20180102",
        "3.00",
        3,
    ),
    (
        "SEC",
        "20171228-084500",
        "DOGW",
        "COMMON",
        "ACTV",
        "Dogwood common stock",
        "PCX",
        900000,
        "20180102",
        "20180102",
        "0.00",
        "Dogwood Mining Ventures",
    ),
]


FINWIRE_2018Q3 = [
    (
        "FIN",
        "20180705-120000",
        2018,
        3,
        "400000.00",
        "100000.00",
        "0.10",
        "0.09",
        "0.25",
        "1000.00",
        "900000.00",
        "300000.00",
        1000000,
        1100000,
        1,
    ),
    (
        "FIN",
        "20180706-120000",
        2018,
        3,
        "250000.00",
        "50000.00",
        "0.10",
        "0.10",
        "0.20",
        "70000.00",
        "600000.00",
        "200000.00",
        500000,
        500000,
        "Birch Provisions Company",
    ),
    (
        "FIN",
        "20180709-120000",
        2018,
        3,
        "100000.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "5000000.00",
        "4000000.00",
        250000,
        250000,
        3,
    ),
]
FINWIRE_2018Q4 = [
    (
        "FIN",
        "20181004-120000",
        2018,
        4,
        "440000.00",
        "120000.00",
        "0.12",
        "0.11",
        "0.27",
        "1000.00",
        "950000.00",
        "300000.00",
        1000000,
        1100000,
        "Alder Software Works",
    ),
    (
        "FIN",
        "20181005-120000",
        2018,
        4,
        "260000.00",
        "75000.00",
        "0.15",
        "0.15",
        "0.29",
        "70000.00",
        "620000.00",
        "200000.00",
        500000,
        500000,
        2,
    ),
    (
        "FIN",
        "20181008-120000",
        2018,
        4,
        "110000.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "5000000.00",
        "4000000.00",
        250000,
        250000,
        "Cedar Lakes Railway",
    ),
    ("CMP", "20181220-090000", "Dogwood Mining Ventures", 4, "INAC", *DOGWOOD),
    (
        "SEC",
        "20181221-084500",
        "DOGW",
        "COMMON",
        "INAC",
        "Dogwood common stock",
        "PCX",
        900000,
        "20180102",
        "20180102",
        "0.00",
        4,
    ),
]
FINWIRE_2019Q1 = [
    (
        "FIN",
        "20190104-120000",
        2019,
        1,
        "450000.00",
        "130000.00",
        "0.13",
        "0.12",
        "0.29",
        "1000.00",
        "960000.00",
        "310000.00",
        1000000,
        1100000,
        1,
    ),
    (
        "FIN",
        "20190107-120000",
        2019,
        1,
        "270000.00",
        "60000.00",
        "0.12",
        "0.12",
        "0.22",
        "72000.00",
        "630000.00",
        "210000.00",
        500000,
        500000,
        2,
    ),
    (
        "FIN",
        "20190108-120000",
        2019,
        1,
        "120000.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "5000000.00",
        "4000000.00",
        250000,
        250000,
        3,
    ),
    ("CMP", "20190322-090000", "Birch Provisions Company", 2, "ACTV", "RR", *BIRCH[1:]),
]
FINWIRE_2019Q2 = [
    (
        "FIN",
        "20190404-120000",
        2019,
        2,
        "460000.00",
        "150000.00",
        "0.15",
        "0.14",
        "0.33",
        "1000.00",
        "970000.00",
        "310000.00",
        1000000,
        1100000,
        1,
    ),
    (
        "FIN",
        "20190405-120000",
        2019,
        2,
        "280000.00",
        "65000.00",
        "0.13",
        "0.13",
        "0.23",
        "73000.00",
        "640000.00",
        "210000.00",
        500000,
        500000,
        "Birch Provisions Company",
    ),
    (
        "FIN",
        "20190408-120000",
        2019,
        2,
        "130000.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "0.00",
        "5000000.00",
        "4000000.00",
        250000,
        250000,
        3,
    ),
]
# The first day's newswire: Alder's security changes its name and its dividend.
FINWIRE_2019Q2_LATER = [
    (
        "SEC",
        "20190630-083000",
        "ALDR",
        "COMMON",
        "ACTV",
        "Alder common stock, series two",
        "NYSE",
        1200000,
        "20180102",
        "20180102",
        "0.75",
        "Alder Software Works",
    ),
]
# The second day's, in the new quarter: a new company and its security, and Alder's result.
FINWIRE_2019Q3 = [
    (
        "CMP",
        "20190701-070000",
        "Elm Street Lighting",
        5,
        "ACTV",
        "SW",
        "BBB ",
        "20110606",
        "5 Elm Street",
        "",
        "05402",
        "Burlington",
        "VT",
        "United States of America",
        "Osei",
        "Lamps that switch themselves off",
    ),
    (
        "SEC",
        "20190701-071500",
        "ELMS",
        "COMMON",
        "ACTV",
        "Elm common stock",
        "NASDAQ",
        300000,
        "20190701",
        "20190701",
        "0.10",
        5,
    ),
    (
        "FIN",
        "20190701-120000",
        2019,
        3,
        "470000.00",
        "160000.00",
        "0.13",
        "0.12",
        "0.34",
        "1000.00",
        "980000.00",
        "310000.00",
        1200000,
        1300000,
        1,
    ),
]

# The CRM's history. Absent, empty and filled fields differ: customer 1 has no gender and no
# tier; action 5 blanks the second address line and the alternate e-mail of customer 0, and says
# nothing of city and tier; action 8 carries nothing at all; action 11 opens two accounts;
# actions 10 to 12 fall on one day; customer 3's tier and birth date are impossible.
CUSTOMER_MANAGEMENT = """
	<TPCDI:Action ActionType="NEW" ActionTS="2017-03-01T09:30:00">
		<Customer C_ID="0" C_TAX_ID="900-10-0001" C_GNDR="F" C_TIER="1" C_DOB="1980-02-29">
			<Name><C_L_NAME>Quill</C_L_NAME><C_F_NAME>Ada</C_F_NAME><C_M_NAME>M</C_M_NAME></Name>
			<Address><C_ADLINE1>12 Larch Street</C_ADLINE1><C_ADLINE2>Apt. 4</C_ADLINE2><C_ZIPCODE>05401</C_ZIPCODE><C_CITY>Burlington</C_CITY><C_STATE_PROV>VT</C_STATE_PROV><C_CTRY>United States of America</C_CTRY></Address>
			<ContactInfo>
				<C_PRIM_EMAIL>Ada.M.Quill@example.com</C_PRIM_EMAIL><C_ALT_EMAIL>Ada.M.Quill@example.org</C_ALT_EMAIL>
				<C_PHONE_1><C_CTRY_CODE>1</C_CTRY_CODE><C_AREA_CODE>802</C_AREA_CODE><C_LOCAL>555-0110</C_LOCAL><C_EXT>12345</C_EXT></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE>802</C_AREA_CODE><C_LOCAL>555-0111</C_LOCAL><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL>555-0112</C_LOCAL><C_EXT/></C_PHONE_3>
			</ContactInfo>
			<TaxInfo><C_LCL_TX_ID>VT1</C_LCL_TX_ID><C_NAT_TX_ID>US1</C_NAT_TX_ID></TaxInfo>
			<Account CA_ID="0" CA_TAX_ST="1"><CA_B_ID>1</CA_B_ID><CA_NAME>Rainy days and Sundays, kept apart</CA_NAME></Account>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="NEW" ActionTS="2017-06-15T14:00:01">
		<Customer C_ID="1" C_TAX_ID="900-10-0002" C_DOB="1975-11-03">
			<Name><C_L_NAME>Okafor</C_L_NAME><C_F_NAME>Bram</C_F_NAME><C_M_NAME/></Name>
			<Address><C_ADLINE1>8 Harbour View</C_ADLINE1><C_ADLINE2/><C_ZIPCODE>04101</C_ZIPCODE><C_CITY>Portland</C_CITY><C_STATE_PROV>ME</C_STATE_PROV><C_CTRY>United States of America</C_CTRY></Address>
			<ContactInfo>
				<C_PRIM_EMAIL>Bram.Okafor@example.com</C_PRIM_EMAIL><C_ALT_EMAIL/>
				<C_PHONE_1><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_3>
			</ContactInfo>
			<TaxInfo><C_LCL_TX_ID>ME1</C_LCL_TX_ID><C_NAT_TX_ID>US2</C_NAT_TX_ID></TaxInfo>
			<Account CA_ID="1" CA_TAX_ST="0"><CA_B_ID>2</CA_B_ID><CA_NAME>Boat, someday</CA_NAME></Account>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="ADDACCT" ActionTS="2017-09-01T11:00:00">
		<Customer C_ID="0" >
			<Account CA_ID="2" CA_TAX_ST="2"><CA_B_ID>2</CA_B_ID><CA_NAME/></Account>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="NEW" ActionTS="2018-01-02T08:00:00">
		<Customer C_ID="2" C_TAX_ID="900-10-0003" C_GNDR="m" C_TIER="2" C_DOB="1990-07-21">
			<Name><C_L_NAME>N\u00fa\u00f1ez</C_L_NAME><C_F_NAME>Teo</C_F_NAME><C_M_NAME>R</C_M_NAME></Name>
			<Address><C_ADLINE1>3 King &amp; Queen Street</C_ADLINE1><C_ADLINE2/><C_ZIPCODE>K1A 0B1</C_ZIPCODE><C_CITY>Ottawa</C_CITY><C_STATE_PROV>Ontario</C_STATE_PROV><C_CTRY>Canada</C_CTRY></Address>
			<ContactInfo>
				<C_PRIM_EMAIL>Teo.R.Nunez@example.com</C_PRIM_EMAIL><C_ALT_EMAIL/>
				<C_PHONE_1><C_CTRY_CODE>1</C_CTRY_CODE><C_AREA_CODE>613</C_AREA_CODE><C_LOCAL>555-0120</C_LOCAL><C_EXT/></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_3>
			</ContactInfo>
			<TaxInfo><C_LCL_TX_ID>ON1</C_LCL_TX_ID><C_NAT_TX_ID>CN1</C_NAT_TX_ID></TaxInfo>
			<Account CA_ID="3" CA_TAX_ST="1"><CA_B_ID>4</CA_B_ID><CA_NAME>Sabbatical</CA_NAME></Account>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="UPDCUST" ActionTS="2018-02-11T16:45:10">
		<Customer C_ID="0">
			<Address><C_ADLINE1>90 Orchard Lane</C_ADLINE1><C_ADLINE2/><C_ZIPCODE>05402</C_ZIPCODE></Address>
			<ContactInfo>
				<C_ALT_EMAIL/>
				<C_PHONE_1><C_CTRY_CODE>1</C_CTRY_CODE><C_AREA_CODE>802</C_AREA_CODE><C_LOCAL>555-0113</C_LOCAL><C_EXT/></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL>555-0112</C_LOCAL><C_EXT>77</C_EXT></C_PHONE_3>
			</ContactInfo>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="UPDACCT" ActionTS="2018-03-03T10:00:00">
		<Customer C_ID="0" >
			<Account CA_ID="0"><CA_B_ID>4</CA_B_ID><CA_NAME/></Account>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="NEW" ActionTS="2018-05-20T12:00:00">
		<Customer C_ID="3" C_TAX_ID="900-10-0004" C_GNDR="x" C_TIER="9" C_DOB="2071-01-01">
			<Name><C_L_NAME>Van Atten</C_L_NAME><C_F_NAME>Jo</C_F_NAME><C_M_NAME/></Name>
			<Address><C_ADLINE1>41 Quarry Road</C_ADLINE1><C_ADLINE2>Suite 9</C_ADLINE2><C_ZIPCODE>05701</C_ZIPCODE><C_CITY>Rutland</C_CITY><C_STATE_PROV>VT</C_STATE_PROV><C_CTRY>United States of America</C_CTRY></Address>
			<ContactInfo>
				<C_PRIM_EMAIL>Jo.Van Atten@example.com</C_PRIM_EMAIL><C_ALT_EMAIL/>
				<C_PHONE_1><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL>555-0130</C_LOCAL><C_EXT/></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_3>
			</ContactInfo>
			<TaxInfo><C_LCL_TX_ID>VT1</C_LCL_TX_ID><C_NAT_TX_ID>US2</C_NAT_TX_ID></TaxInfo>
			<Account CA_ID="4" CA_TAX_ST="2"><CA_B_ID>6</CA_B_ID><CA_NAME>Quarry savings</CA_NAME></Account>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="UPDACCT" ActionTS="2018-06-01T09:00:00">
		<Customer C_ID="1" >
			<Account CA_ID="1" />
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="CLOSEACCT" ActionTS="2018-07-04T09:00:00">
		<Customer C_ID="0">
			<Account CA_ID="2" />
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="NEW" ActionTS="2019-01-10T17:20:30">
		<Customer C_ID="4" C_TAX_ID="900-10-0005" C_GNDR="F" C_TIER="3" C_DOB="2001-12-31">
			<Name><C_L_NAME>Imre</C_L_NAME><C_F_NAME>Lil</C_F_NAME><C_M_NAME/></Name>
			<Address><C_ADLINE1>6 Mill Road</C_ADLINE1><C_ADLINE2/><C_ZIPCODE>04101</C_ZIPCODE><C_CITY>Portland</C_CITY><C_STATE_PROV>ME</C_STATE_PROV><C_CTRY>United States of America</C_CTRY></Address>
			<ContactInfo>
				<C_PRIM_EMAIL>Lil.Imre@example.com</C_PRIM_EMAIL><C_ALT_EMAIL>Lil.Imre@example.net</C_ALT_EMAIL>
				<C_PHONE_1><C_CTRY_CODE/><C_AREA_CODE>207</C_AREA_CODE><C_LOCAL>555-0140</C_LOCAL><C_EXT/></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_3>
			</ContactInfo>
			<TaxInfo><C_LCL_TX_ID>ME1</C_LCL_TX_ID><C_NAT_TX_ID>US1</C_NAT_TX_ID></TaxInfo>
			<Account CA_ID="5" CA_TAX_ST="1"><CA_B_ID>6</CA_B_ID><CA_NAME>First salary</CA_NAME></Account>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="ADDACCT" ActionTS="2019-01-10T18:00:00">
		<Customer C_ID="4" >
			<Account CA_ID="6" CA_TAX_ST="0"><CA_B_ID>6</CA_B_ID><CA_NAME>Second salary</CA_NAME></Account><Account CA_ID="7" CA_TAX_ST="2"><CA_B_ID>1</CA_B_ID><CA_NAME>Third salary</CA_NAME></Account>

		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="UPDCUST" ActionTS="2019-01-10T19:00:00">
		<Customer C_ID="4" C_TIER="2">
			<Address><C_CITY>South Portland</C_CITY><C_CTRY/></Address>
			<ContactInfo>
				<C_PHONE_1><C_CTRY_CODE/><C_AREA_CODE>207</C_AREA_CODE><C_LOCAL>555-0140</C_LOCAL><C_EXT/></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_3>
			</ContactInfo>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="UPDCUST" ActionTS="2019-02-02T08:08:08">
		<Customer C_ID="1" C_TIER="">
			<ContactInfo>
				<C_PRIM_EMAIL>Bram@example.com</C_PRIM_EMAIL>
				<C_PHONE_1><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL>555-0121</C_LOCAL><C_EXT/></C_PHONE_1>
				<C_PHONE_2><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_2>
				<C_PHONE_3><C_CTRY_CODE/><C_AREA_CODE/><C_LOCAL/><C_EXT/></C_PHONE_3>
			</ContactInfo>
		</Customer>
	</TPCDI:Action>
	<TPCDI:Action ActionType="INACT" ActionTS="2019-05-31T15:15:15">
		<Customer C_ID="3">
		</Customer>
	</TPCDI:Action>
"""

# The first five look like customers apart from letter case; the list holds one quoted employer.
PROSPECTS = [
    (
        "Qui0",
        "Quill",
        "ADA",
        "m",
        "F",
        "12 LARCH STREET",
        "APT. 4",
        "05401",
        "Burlington",
        "VT",
        "United States of America",
        "1-802-555-0110",
        "120000",
        "1",
        "0",
        "S",
        "39",
        "720",
        "O",
        'The "Best" Bakery',
        "2",
        "1500000",
    ),
    (
        "OKA1",
        "OKAFOR",
        "Bram",
        "",
        "",
        "8 harbour view",
        "",
        "04101",
        "Portland",
        "ME",
        "United States of America",
        "",
        "30000",
        "2",
        "3",
        "M",
        "43",
        "590",
        "R",
        "Ferry Line",
        "1",
        "40000",
    ),
    (
        "Nu2",
        "N\u00fa\u00f1ez",
        "teo",
        "R",
        "M",
        "3 king & queen street",
        "",
        "K1A 0B1",
        "Ottawa",
        "Ontario",
        "Canada",
        "1-613-555-0120",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ),
    (
        "van3",
        "van atten",
        "jo",
        "",
        "",
        "41 QUARRY ROAD",
        "SUITE 9",
        "05701",
        "Rutland",
        "VT",
        "",
        "1-802-555-0130",
        "15000",
        "0",
        "5",
        "D",
        "16",
        "480",
        "U",
        "Dogwood",
        "7",
        "0",
    ),
    (
        "Imr4",
        "Imre",
        "Lil",
        "",
        "f",
        "6 mill road",
        "",
        "04101",
        "Portland",
        "ME",
        "United States of America",
        "1-207-555-0140",
        "45000",
        "1",
        "4",
        "M",
        "30",
        "800",
        "O",
        "Ferry Line",
        "3",
        "250000",
    ),
    (
        "Zzy5",
        "ZZyqplo",
        "kLmr",
        "Q",
        " ",
        "",
        "",
        "",
        "Portland",
        "ME",
        "Canada",
        "1-207-555-0199",
        "250000",
        "4",
        "1",
        "W",
        "71",
        "300",
        "O",
        "",
        "8",
        "3000000",
    ),
]
# First day: one changed (income, net worth), one gone, one new that looks like customer 5.
PROSPECTS_FIRST_DAY = [
    PROSPECTS[0],
    (*PROSPECTS[1][:12], "31000", *PROSPECTS[1][13:21], "41000"),
    *PROSPECTS[2:5],
    (
        "Sve6",
        "Svensson",
        "Maj",
        "",
        "F",
        "2 lighthouse road",
        "",
        "04102",
        "Portland",
        "ME",
        "United States of America",
        "1-207-555-0150",
        "88000",
        "1",
        "2",
        "M",
        "41",
        "690",
        "O",
        "Ferry Line",
        "2",
        "700000",
    ),
]
PROSPECTS_SECOND_DAY = [*PROSPECTS_FIRST_DAY[:4], PROSPECTS_FIRST_DAY[5]]

# Days from 2018-06-28 on: the 52 weeks before the batch begin inside the file.
DAILY_MARKET = """
2018-06-28|ALDR|10.00|15.00|8.00|1000
2018-06-28|BRCH|50.00|51.00|49.00|2000
2018-06-28|CEDR|100.00|110.00|90.00|3000
2018-06-28|DOGW|1.00|1.10|0.50|4000
2018-12-31|ALDR|11.00|12.00|9.50|1100
2018-12-31|BRCH|52.00|60.00|40.00|2100
2018-12-31|CEDR|101.00|111.00|91.00|3100
2018-12-31|DOGW|0.60|0.70|0.50|4100
2019-06-27|ALDR|12.00|14.00|11.00|1200
2019-06-27|BRCH|51.00|60.00|45.00|2200
2019-06-27|CEDR|102.00|105.00|91.00|3200
2019-06-28|ALDR|12.50|13.00|12.00|1300
2019-06-28|BRCH|53.00|54.00|40.00|2300
2019-06-28|CEDR|103.00|111.00|99.00|3300
"""

# Trade 4's commission is more than the trade is worth; 5 and 6 are still open.
TRADES = """
0|2018-03-05 10:00:30|CMPT|TMB|0|ALDR|100|9.50|0|1|9.60|1.00|2.00|150.00
1|2019-03-06 11:05:00|CMPT|TLB|1|BRCH|50|49.00|1|2|48.90|1.50|2.50|400.00
2|2019-04-01 15:30:00|CNCL|TLB|0|CEDR|20|95.00|3|4||||
3|2019-05-02 12:00:45|CMPT|TLS|0|ALDR|100|12.00|0|4|12.10|1.10|2.10|200.00
4|2019-06-20 09:31:10|CMPT|TMB|0|CEDR|10|1.01|3|6|1.02|0.05|20.00|1.50
5|2019-06-25 13:00:00|PNDG|TLB|0|BRCH|30|50.00|5|6||||
6|2019-06-29 23:59:59|SBMT|TMB|0|ALDR|40|12.40|6|1||||
"""
TRADE_HISTORY = """
0|2018-03-05 10:00:00|SBMT
0|2018-03-05 10:00:30|CMPT
1|2019-03-05 09:00:00|PNDG
1|2019-03-06 11:00:00|SBMT
1|2019-03-06 11:05:00|CMPT
2|2019-03-20 14:00:00|PNDG
2|2019-04-01 15:30:00|CNCL
3|2019-04-30 10:00:00|PNDG
3|2019-05-02 12:00:00|SBMT
3|2019-05-02 12:00:45|CMPT
4|2019-06-20 09:31:00|SBMT
4|2019-06-20 09:31:10|CMPT
5|2019-06-25 13:00:00|PNDG
6|2019-06-29 23:59:59|SBMT
"""
# Account 0 has two movements on 2019-05-03; trade 4 settles on the first day.
CASH_TRANSACTIONS = """
0|2018-03-06 10:00:00|-960.00|For the bakery shares
1|2019-03-07 10:00:00|-2445.00| Oats, not biscuits
0|2019-05-03 09:00:00|1210.00|Sold again
0|2019-05-03 17:00:00|-10.50|Paper and ink
"""
HOLDING_HISTORY = """
0|0|0|100
1|1|0|50
0|3|100|0
4|4|0|10
"""
WATCH_HISTORY = """
0|ALDR|2018-01-05 10:00:00|ACTV
0|BRCH|2018-01-05 10:01:00|ACTV
1|ALDR|2018-02-01 09:00:00|ACTV
2|DOGW|2018-03-01 09:00:00|ACTV
1|ALDR|2018-02-01 16:00:00|CNCL
0|BRCH|2019-06-01 12:00:00|CNCL
4|CEDR|2019-06-29 23:00:00|ACTV
"""

HISTORY: dict[str, Content] = {
    "BatchDate.txt": "2019-06-29",
    "HR.csv": EMPLOYEES,
    "FINWIRE2017Q4": FINWIRE_2017Q4,
    "FINWIRE2018Q3": FINWIRE_2018Q3,
    "FINWIRE2018Q4": FINWIRE_2018Q4,
    "FINWIRE2019Q1": FINWIRE_2019Q1,
    "FINWIRE2019Q2": FINWIRE_2019Q2,
    "CustomerMgmt.xml": CUSTOMER_MANAGEMENT,
    "Prospect.csv": PROSPECTS,
    "DailyMarket.txt": DAILY_MARKET,
    "Trade.txt": TRADES,
    "TradeHistory.txt": TRADE_HISTORY,
    "CashTransaction.txt": CASH_TRANSACTIONS,
    "HoldingHistory.txt": HOLDING_HISTORY,
    "WatchHistory.txt": WATCH_HISTORY,
}

# Customer 2 moves, customer 5 opens account 8, account 1 gets another broker; trades 5 and 6
# complete, 7 is bought and completed within the day, 8 stays pending.
FIRST_DAY: dict[str, Content] = {
    "BatchDate.txt": "2019-06-30",
    "FINWIRE2019Q2": FINWIRE_2019Q2_LATER,
    "Customer.txt": """
I|15|5|900-10-0006|ACTV|Svensson|Maj||F|2|1978-04-04|2 Lighthouse Road||04102|Portland|ME|United States of America|1|207|555-0150|||207|555-0151||||||Maj.Svensson@example.com||ME1|US1
U|16|2|900-10-0003|ACTV|N\u00fa\u00f1ez|Teo|R|m||1990-07-22|18 Canal Street||K1B 2C3|Ottawa|Ontario|Canada|1|613|555-0120||||||||||Teo.R.Nunez@example.com||ON1|CN1
""",
    "Account.txt": """
I|15|8|2|5|Lighthouse fund|1|ACTV
U|16|1|4|1||0|ACTV
""",
    "Prospect.csv": PROSPECTS_FIRST_DAY,
    "DailyMarket.txt": """
I|15|2019-06-29|ALDR|12.60|12.90|12.20|1400
I|16|2019-06-29|BRCH|53.50|61.00|53.00|2400
I|17|2019-06-29|CEDR|104.00|106.00|89.00|3400
""",
    "Trade.txt": """
U|21|5|2019-06-30 09:00:00|SBMT|TLB|0|BRCH|30|50.00|5|6||||
U|22|5|2019-06-30 09:04:00|CMPT|TLB|0|BRCH|30|50.00|5|6|49.50|1.20|2.40|300.00
U|26|6|2019-06-30 00:01:10|CMPT|TMB|0|ALDR|40|12.40|6|1|12.55|0.80|1.60|90.00
I|29|7|2019-06-30 10:00:00|SBMT|TMB|1|CEDR|5|100.00|8|2||||
U|30|7|2019-06-30 10:01:00|CMPT|TMB|1|CEDR|5|100.00|8|2|101.00|0.50|1.00|60.00
I|32|8|2019-06-30 16:30:00|PNDG|TLB|0|BRCH|15|48.00|8|2||||
""",
    "CashTransaction.txt": """
I|19|3|2019-06-30 08:00:00|-10.20|Late settlement
I|27|6|2019-06-30 18:00:00|-502.00|Bought at midnight
""",
    "HoldingHistory.txt": """
I|22|5|5|0|30
I|26|6|6|0|40
I|30|7|7|0|5
""",
    "WatchHistory.txt": """
I|7|5|CEDR|2019-06-30 08:30:00|ACTV
I|8|0|ALDR|2019-06-30 20:00:00|CNCL
""",
}

# Customer 1 is deactivated, customer 6 opens account 9, account 3 is closed; trade 8 is
# cancelled, 9 sells the lot of trade 1. A full HR list and the new quarter's newswire come too.
SECOND_DAY: dict[str, Content] = {
    "BatchDate.txt": "2019-07-01",
    "HR.csv": EMPLOYEES_LATER,
    "FINWIRE2019Q3": FINWIRE_2019Q3,
    "Customer.txt": """
U|17|1|900-10-0002|INAC|Okafor|Bram||||1975-11-05|8 Harbour View||04101|Portland|ME|United States of America|||555-0121||||||||||Bram@example.com||ME1|US2
I|18|6|900-10-0007|ACTV|Dupuis|Anouk|E|f|7|1915-05-05|4 Rue du Port||H2Y 1A1|Ottawa|Ontario|Canada|||||||||||||Anouk.E.Dupuis@example.com||ON1|CN1
""",
    "Account.txt": """
I|17|9|8|6||2|ACTV
U|18|3|4|2|Sabbatical|1|INAC
""",
    "Prospect.csv": PROSPECTS_SECOND_DAY,
    "DailyMarket.txt": """
I|18|2019-06-30|ALDR|12.70|13.10|7.90|1500
I|19|2019-06-30|BRCH|53.20|54.10|52.00|2500
I|20|2019-06-30|CEDR|105.00|111.00|100.00|3500
""",
    "Trade.txt": """
U|34|8|2019-07-01 11:00:00|CNCL|TLB|0|BRCH|15|48.00|8|2||||
I|37|9|2019-07-01 09:45:00|SBMT|TMS|0|BRCH|50|53.00|1|4||||
U|38|9|2019-07-01 09:46:30|CMPT|TMS|0|BRCH|50|53.00|1|4|53.10|1.30|2.60|500.00
""",
    "CashTransaction.txt": """
I|23|5|2019-07-01 07:00:00|-1485.00|Oats for the new house
I|31|8|2019-07-01 12:00:00|-505.00|Freight
""",
    "HoldingHistory.txt": """
I|38|1|9|50|0
""",
    "WatchHistory.txt": """
I|9|6|ELMS|2019-07-01 13:00:00|ACTV
""",
}

BATCHES = {1: HISTORY, 2: FIRST_DAY, 3: SECOND_DAY}

GENERATOR_AUDIT = [
    "Generator,1,,SF,,0.001",
    "Generator,1,2019-06-29,FirstBatchDate,,",
]

# Batch -> file -> rows (DataSet, BatchID, Date, Attribute, Value, DValue).
AUDIT: dict[int, dict[str, list[str]]] = {
    1: {
        "Batch": ["Batch,1,2016-01-01,FirstDay,,", "Batch,1,2019-06-29,LastDay,,"],
        "HR": ["DimBroker,1,,HR_BROKERS,5,"],
        "CustomerMgmt": [
            "DimAccount,1,,CA_ADDACCT,2,",
            "DimAccount,1,,CA_CLOSEACCT,1,",
            "DimAccount,1,,CA_UPDACCT,2,",
            "DimAccount,1,,CA_ID_HIST,-1,",
            "DimCustomer,1,,C_NEW,5,",
            "DimCustomer,1,,C_UPDCUST,3,",
            "DimCustomer,1,,C_INACT,1,",
            "DimCustomer,1,,C_ID_HIST,0,",
            "DimCustomer,1,,C_DOB_TO,0,",
            "DimCustomer,1,,C_DOB_TY,1,",
            "DimCustomer,1,,C_TIER_INV,2,",
        ],
        "FINWIRE2017Q4": ["DimCompany,1,,FW_CMP,4,", "DimSecurity,1,,FW_SEC,4,"],
        "FINWIRE2018Q3": ["Financial,1,,FW_FIN,3,"],
        "FINWIRE2018Q4": [
            "DimCompany,1,,FW_CMP,1,",
            "DimSecurity,1,,FW_SEC,1,",
            "Financial,1,,FW_FIN,3,",
        ],
        "FINWIRE2019Q1": ["DimCompany,1,,FW_CMP,1,", "Financial,1,,FW_FIN,3,"],
        "FINWIRE2019Q2": ["Financial,1,,FW_FIN,3,"],
        "Prospect": [
            "Prospect,1,,P_RECORDS,6,",
            "Prospect,1,,P_NEW,6,",
            "Prospect,1,,P_C_MATCHING,5,",
        ],
        "Trade": [
            "DimTrade,1,,T_Records,7,",
            "DimTrade,1,,T_NEW,7,",
            "DimTrade,1,,T_CanceledTrades,1,",
            "DimTrade,1,,T_InvalidCommision,1,",
            "DimTrade,1,,T_InvalidCharge,0,",
        ],
        "TradeHistory": ["DimTradeHistory,1,,TH_Records,14,"],
        "CashTransaction": ["DimTradeHistory,1,,CT_Records,4,"],
        "HoldingHistory": ["FactHoldings,1,,HH_RECORDS,4,"],
        "DailyMarket": ["FactMarketHistory,1,,DM_RECORDS,14,"],
        "WatchHistory": ["FactWatches,1,,WH_RECORDS,7,", "FactWatches,1,,WH_ACTIVE,5,"],
    },
    2: {
        "Batch": ["Batch,2,2019-06-30,FirstDay,,", "Batch,2,2019-06-30,LastDay,,"],
        "FINWIRE2019Q2": ["DimSecurity,2,,FW_SEC,1,"],
        "Account": [
            "DimAccount,2,,CA_ADDACCT,1,",
            "DimAccount,2,,CA_CLOSEACCT,0,",
            "DimAccount,2,,CA_UPDACCT,1,",
            "DimAccount,2,,CA_ID_HIST,-1,",
        ],
        "Customer": [
            "DimCustomer,2,,C_NEW,1,",
            "DimCustomer,2,,C_UPDCUST,1,",
            "DimCustomer,2,,C_INACT,0,",
            "DimCustomer,2,,C_ID_HIST,0,",
            "DimCustomer,2,,C_DOB_TO,0,",
            "DimCustomer,2,,C_DOB_TY,0,",
            "DimCustomer,2,,C_TIER_INV,1,",
        ],
        "Prospect": [
            "Prospect,2,,P_RECORDS,6,",
            "Prospect,2,,P_NEW,1,",
            "Prospect,2,,P_C_MATCHING,6,",
        ],
        "Trade": [
            "DimTrade,2,,T_Records,6,",
            "DimTrade,2,,T_NEW,2,",
            "DimTrade,2,,T_CanceledTrades,0,",
            "DimTrade,2,,T_InvalidCommision,0,",
            "DimTrade,2,,T_InvalidCharge,0,",
        ],
        "CashTransaction": ["DimTradeHistory,2,,CT_Records,2,"],
        "HoldingHistory": ["FactHoldings,2,,HH_RECORDS,3,"],
        "DailyMarket": ["FactMarketHistory,2,,DM_RECORDS,3,"],
        "WatchHistory": ["FactWatches,2,,WH_RECORDS,2,", "FactWatches,2,,WH_ACTIVE,1,"],
    },
    3: {
        "Batch": ["Batch,3,2019-07-01,FirstDay,,", "Batch,3,2019-07-01,LastDay,,"],
        "HR": ["DimBroker,3,,HR_BROKERS,5,"],
        "FINWIRE2019Q3": [
            "DimCompany,3,,FW_CMP,1,",
            "DimSecurity,3,,FW_SEC,1,",
            "Financial,3,,FW_FIN,1,",
        ],
        "Account": [
            "DimAccount,3,,CA_ADDACCT,1,",
            "DimAccount,3,,CA_CLOSEACCT,1,",
            "DimAccount,3,,CA_UPDACCT,0,",
            "DimAccount,3,,CA_ID_HIST,-1,",
        ],
        "Customer": [
            "DimCustomer,3,,C_NEW,1,",
            "DimCustomer,3,,C_UPDCUST,0,",
            "DimCustomer,3,,C_INACT,1,",
            "DimCustomer,3,,C_ID_HIST,0,",
            "DimCustomer,3,,C_DOB_TO,1,",
            "DimCustomer,3,,C_DOB_TY,0,",
            "DimCustomer,3,,C_TIER_INV,2,",
        ],
        "Prospect": [
            "Prospect,3,,P_RECORDS,5,",
            "Prospect,3,,P_NEW,0,",
            "Prospect,3,,P_C_MATCHING,5,",
        ],
        "Trade": [
            "DimTrade,3,,T_Records,3,",
            "DimTrade,3,,T_NEW,1,",
            "DimTrade,3,,T_CanceledTrades,1,",
            "DimTrade,3,,T_InvalidCommision,0,",
            "DimTrade,3,,T_InvalidCharge,0,",
        ],
        "CashTransaction": ["DimTradeHistory,3,,CT_Records,2,"],
        "HoldingHistory": ["FactHoldings,3,,HH_RECORDS,1,"],
        "DailyMarket": ["FactMarketHistory,3,,DM_RECORDS,3,"],
        "WatchHistory": ["FactWatches,3,,WH_RECORDS,1,", "FactWatches,3,,WH_ACTIVE,1,"],
    },
}
