{#
    The contract of the brokerage's streams: the one place that says what a source column must look like.
    The bronze models (typed rows) and `quarantine` (the rest) are both made from it.

    stream: {
        raw:      table in raw.brokerage (default: the stream's name)
        where:    which of its rows belong to the stream (newswire only)
        line:     length a fixed-width line must have (newswire only)
        key:      columns that identify a row; a repeat of a key is dropped when identical, quarantined when not
        key_in:   'delivery' for full lists and archives, 'all' where a key may never come again in a later batch
        at_root:  true where files beside the batches' directories (batch 0) belong to the stream as well
        columns:  {name: [kind, required, expression if it is not the column itself]}
    }

    Kinds (see macro typed_value): text:n, integer:n digits, decimal:precision,scale, date, compact_date (with
    `:early` also before 1900), timestamp, xml_timestamp, compact_timestamp, time, word (true/false), bit (0/1), code:A/B/C.
    Required means: empty is a breach of contract.
#}
{% macro brokerage_streams() %}
{% set change = {'cdc_flag': ['code:I/U', false], 'cdc_dsn': ['integer:12', false]} %}
{% set insert = {'cdc_flag': ['code:I', false], 'cdc_dsn': ['integer:12', false]} %}
{{ return({
    'date': {'key': ['sk_dateid'], 'key_in': 'all', 'columns': {
        'sk_dateid': ['integer:11', true], 'datevalue': ['date', true], 'datedesc': ['text:20', true],
        'calendaryearid': ['integer:4', true], 'calendaryeardesc': ['text:20', true],
        'calendarqtrid': ['integer:5', true], 'calendarqtrdesc': ['text:20', true],
        'calendarmonthid': ['integer:6', true], 'calendarmonthdesc': ['text:20', true],
        'calendarweekid': ['integer:6', true], 'calendarweekdesc': ['text:20', true],
        'dayofweeknum': ['integer:1', true], 'dayofweekdesc': ['text:10', true],
        'fiscalyearid': ['integer:4', true], 'fiscalyeardesc': ['text:20', true],
        'fiscalqtrid': ['integer:5', true], 'fiscalqtrdesc': ['text:20', true],
        'holidayflag': ['word', false]}},
    'time': {'key': ['sk_timeid'], 'key_in': 'all', 'columns': {
        'sk_timeid': ['integer:11', true], 'timevalue': ['time', true],
        'hourid': ['integer:2', true], 'hourdesc': ['text:20', true],
        'minuteid': ['integer:2', true], 'minutedesc': ['text:20', true],
        'secondid': ['integer:2', true], 'seconddesc': ['text:20', true],
        'markethoursflag': ['word', false], 'officehoursflag': ['word', false]}},
    'industry': {'key': ['in_id'], 'key_in': 'all', 'columns': {
        'in_id': ['text:2', true], 'in_name': ['text:50', true], 'in_sc_id': ['text:4', true]}},
    'status_type': {'key': ['st_id'], 'key_in': 'all', 'columns': {
        'st_id': ['text:4', true], 'st_name': ['text:10', true]}},
    'tax_rate': {'key': ['tx_id'], 'key_in': 'all', 'columns': {
        'tx_id': ['text:4', true], 'tx_name': ['text:50', true], 'tx_rate': ['decimal:6,5', true]}},
    'trade_type': {'key': ['tt_id'], 'key_in': 'all', 'columns': {
        'tt_id': ['text:3', true], 'tt_name': ['text:12', true],
        'tt_is_sell': ['code:0/1', true], 'tt_is_mrkt': ['code:0/1', true]}},
    'hr': {'key': ['employeeid'], 'key_in': 'delivery', 'columns': {
        'employeeid': ['integer:11', true], 'managerid': ['integer:11', false],
        'employeefirstname': ['text:30', true], 'employeelastname': ['text:30', true],
        'employeemi': ['text:1', false], 'employeejobcode': ['integer:3', false],
        'employeebranch': ['text:30', false], 'employeeoffice': ['text:10', false],
        'employeephone': ['text:14', false]}},
    'finwire_cmp': {'raw': 'finwire', 'where': "substr(line, 16, 3) = 'CMP'", 'line': [543],
        'key': ['cik', 'pts'], 'key_in': 'delivery', 'columns': {
        'pts': ['compact_timestamp', true, field(1, 15)], 'companyname': ['text:60', true, field(19, 60)],
        'cik': ['integer:10', true, field(79, 10)], 'status': ['code:ACTV/INAC', true, field(89, 4)],
        'industryid': ['text:2', true, field(93, 2)], 'sprating': ['text:4', false, field(95, 4)],
        'foundingdate': ['compact_date:early', false, field(99, 8)], 'addrline1': ['text:80', false, field(107, 80)],
        'addrline2': ['text:80', false, field(187, 80)], 'postalcode': ['text:12', true, field(267, 12)],
        'city': ['text:25', true, field(279, 25)], 'stateprovince': ['text:20', true, field(304, 20)],
        'country': ['text:24', false, field(324, 24)], 'ceoname': ['text:46', true, field(348, 46)],
        'description': ['text:150', true, field(394, 150)]}},
    'finwire_sec': {'raw': 'finwire', 'where': "substr(line, 16, 3) = 'SEC'", 'line': [170, 220],
        'key': ['symbol', 'pts'], 'key_in': 'delivery', 'columns': {
        'pts': ['compact_timestamp', true, field(1, 15)], 'symbol': ['text:15', true, field(19, 15)],
        'issuetype': ['text:6', true, field(34, 6)], 'status': ['code:ACTV/INAC', true, field(40, 4)],
        'name': ['text:70', true, field(44, 70)], 'exid': ['text:6', true, field(114, 6)],
        'shout': ['integer:12', true, field(120, 13)], 'firsttradedate': ['compact_date:early', true, field(133, 8)],
        'firsttradeexchg': ['compact_date:early', true, field(141, 8)], 'dividend': ['decimal:10,2', true, field(149, 12)],
        'conameorcik': ['text:60', true, field(161, 60)]}},
    'finwire_fin': {'raw': 'finwire', 'where': "substr(line, 16, 3) = 'FIN'", 'line': [196, 246],
        'key': ['conameorcik', 'year', 'quarter'], 'key_in': 'delivery', 'columns': {
        'pts': ['compact_timestamp', true, field(1, 15)], 'year': ['integer:4', true, field(19, 4)],
        'quarter': ['code:1/2/3/4', true, field(23, 1)], 'qtrstartdate': ['compact_date', true, field(24, 8)],
        'postingdate': ['compact_date', true, field(32, 8)], 'revenue': ['decimal:15,2', true, field(40, 17)],
        'earnings': ['decimal:15,2', true, field(57, 17)], 'eps': ['decimal:10,2', true, field(74, 12)],
        'dilutedeps': ['decimal:10,2', true, field(86, 12)], 'margin': ['decimal:10,2', true, field(98, 12)],
        'inventory': ['decimal:15,2', true, field(110, 17)], 'assets': ['decimal:15,2', true, field(127, 17)],
        'liabilities': ['decimal:15,2', true, field(144, 17)], 'shout': ['integer:12', true, field(161, 13)],
        'dilutedshout': ['integer:12', true, field(174, 13)], 'conameorcik': ['text:60', true, field(187, 60)]}},
    'finwire_unknown': {'raw': 'finwire', 'key': none, 'columns': {},
        'where': "coalesce(substr(line, 16, 3) not in ('CMP', 'SEC', 'FIN'), true)"},
    'customer_mgmt_action': {'key': ['action_number'], 'key_in': 'delivery', 'columns': {
        'action_number': ['plain', true],
        'actiontype': ['code:NEW/ADDACCT/UPDACCT/CLOSEACCT/UPDCUST/INACT', true], 'actionts': ['xml_timestamp', true],
        'c_id': ['integer:11', true], 'c_tax_id': ['text:20', false], 'c_gndr': ['text:1', false],
        'c_tier': ['xml_integer:1', false], 'c_dob': ['xml_date:early', false],
        'c_l_name': ['text:25', false], 'c_f_name': ['text:20', false], 'c_m_name': ['text:1', false],
        'c_adline1': ['text:80', false], 'c_adline2': ['text:80', false], 'c_zipcode': ['text:12', false],
        'c_city': ['text:25', false], 'c_state_prov': ['text:20', false], 'c_ctry': ['text:24', false],
        'c_prim_email': ['text:50', false], 'c_alt_email': ['text:50', false],
        'c_phone_1_ctry_code': ['text:3', false], 'c_phone_1_area_code': ['text:3', false],
        'c_phone_1_local': ['text:10', false], 'c_phone_1_ext': ['text:5', false],
        'c_phone_2_ctry_code': ['text:3', false], 'c_phone_2_area_code': ['text:3', false],
        'c_phone_2_local': ['text:10', false], 'c_phone_2_ext': ['text:5', false],
        'c_phone_3_ctry_code': ['text:3', false], 'c_phone_3_area_code': ['text:3', false],
        'c_phone_3_local': ['text:10', false], 'c_phone_3_ext': ['text:5', false],
        'c_lcl_tx_id': ['text:4', false], 'c_nat_tx_id': ['text:4', false]}},
    'customer_mgmt_account': {'key': ['action_number', 'account_number'], 'key_in': 'delivery', 'columns': {
        'action_number': ['plain', true], 'account_number': ['plain', true],
        'actiontype': ['code:NEW/ADDACCT/UPDACCT/CLOSEACCT', true], 'actionts': ['xml_timestamp', true],
        'c_id': ['integer:11', true], 'ca_id': ['integer:11', true], 'ca_tax_st': ['xml_integer:1', false],
        'ca_b_id': ['xml_integer:11', false], 'ca_name': ['text:50', false]}},
    'customer': {'key': ['cdc_dsn'], 'key_in': 'all', 'columns': dict(change, **{
        'c_id': ['integer:11', true], 'c_tax_id': ['text:20', true], 'c_st_id': ['code:ACTV/INAC', true],
        'c_l_name': ['text:25', true], 'c_f_name': ['text:20', true], 'c_m_name': ['text:1', false],
        'c_gndr': ['text:1', false], 'c_tier': ['integer:1', false], 'c_dob': ['date:early', true],
        'c_adline1': ['text:80', true], 'c_adline2': ['text:80', false], 'c_zipcode': ['text:12', true],
        'c_city': ['text:25', true], 'c_state_prov': ['text:20', true], 'c_ctry': ['text:24', false],
        'c_ctry_1': ['text:3', false], 'c_area_1': ['text:3', false], 'c_local_1': ['text:10', false],
        'c_ext_1': ['text:5', false],
        'c_ctry_2': ['text:3', false], 'c_area_2': ['text:3', false], 'c_local_2': ['text:10', false],
        'c_ext_2': ['text:5', false],
        'c_ctry_3': ['text:3', false], 'c_area_3': ['text:3', false], 'c_local_3': ['text:10', false],
        'c_ext_3': ['text:5', false],
        'c_email_1': ['text:50', false], 'c_email_2': ['text:50', false],
        'c_lcl_tx_id': ['text:4', true], 'c_nat_tx_id': ['text:4', true]})},
    'account': {'key': ['cdc_dsn'], 'key_in': 'all', 'columns': dict(change, **{
        'ca_id': ['integer:11', true], 'ca_b_id': ['integer:11', true], 'ca_c_id': ['integer:11', true],
        'ca_name': ['text:50', false], 'ca_tax_st': ['integer:1', false], 'ca_st_id': ['code:ACTV/INAC', true]})},
    'prospect': {'key': ['agencyid'], 'key_in': 'delivery', 'columns': {
        'agencyid': ['text:30', true], 'lastname': ['text:30', true], 'firstname': ['text:30', true],
        'middleinitial': ['text:1', false], 'gender': ['text:1', false], 'addressline1': ['text:80', false],
        'addressline2': ['text:80', false], 'postalcode': ['text:12', false], 'city': ['text:25', true],
        'state': ['text:20', true], 'country': ['text:24', false], 'phone': ['text:30', false],
        'income': ['integer:9', false], 'numbercars': ['integer:2', false], 'numberchildren': ['integer:2', false],
        'maritalstatus': ['text:1', false], 'age': ['integer:3', false], 'creditrating': ['integer:4', false],
        'ownorrentflag': ['text:1', false], 'employer': ['text:30', false],
        'numbercreditcards': ['integer:2', false], 'networth': ['integer:12', false]}},
    'daily_market': {'key': ['dm_s_symb', 'dm_date'], 'key_in': 'all', 'columns': dict(insert, **{
        'dm_date': ['date', true], 'dm_s_symb': ['text:15', true], 'dm_close': ['decimal:8,2', true],
        'dm_high': ['decimal:8,2', true], 'dm_low': ['decimal:8,2', true], 'dm_vol': ['integer:12', true]})},
    'trade': {'key': ['t_id', 't_st_id'], 'key_in': 'all', 'columns': dict(change, **{
        't_id': ['integer:15', true], 't_dts': ['timestamp', true],
        't_st_id': ['code:PNDG/SBMT/CMPT/CNCL/ACTV', true], 't_tt_id': ['text:3', true], 't_is_cash': ['bit', true],
        't_s_symb': ['text:15', true], 't_qty': ['integer:6', true], 't_bid_price': ['decimal:8,2', true],
        't_ca_id': ['integer:11', true], 't_exec_name': ['text:49', true], 't_trade_price': ['decimal:8,2', false],
        't_chrg': ['decimal:10,2', false], 't_comm': ['decimal:10,2', false], 't_tax': ['decimal:10,2', false]})},
    'trade_history': {'key': ['th_t_id', 'th_st_id'], 'key_in': 'delivery', 'columns': {
        'th_t_id': ['integer:15', true], 'th_dts': ['timestamp', true],
        'th_st_id': ['code:PNDG/SBMT/CMPT/CNCL/ACTV', true]}},
    'cash_transaction': {'key': ['ct_ca_id', 'ct_dts', 'ct_amt', 'ct_name'], 'key_in': 'all', 'columns': dict(insert, **{
        'ct_ca_id': ['integer:11', true], 'ct_dts': ['timestamp', true], 'ct_amt': ['decimal:10,2', true],
        'ct_name': ['text:100', true]})},
    'holding_history': {'key': ['hh_t_id', 'hh_h_t_id'], 'key_in': 'all', 'columns': dict(insert, **{
        'hh_h_t_id': ['integer:15', true], 'hh_t_id': ['integer:15', true],
        'hh_before_qty': ['integer:6', true], 'hh_after_qty': ['integer:6', true]})},
    'watch_history': {'key': ['w_c_id', 'w_s_symb', 'w_dts', 'w_action'], 'key_in': 'all', 'columns': dict(insert, **{
        'w_c_id': ['integer:11', true], 'w_s_symb': ['text:15', true], 'w_dts': ['timestamp', true],
        'w_action': ['code:ACTV/CNCL', true]})},
    'audit': {'key': none, 'at_root': true, 'columns': {
        'dataset': ['text:20', true], 'batchid': ['integer:5', false], 'date': ['date', false],
        'attribute': ['text:50', true], 'value': ['integer:15', false], 'dvalue': ['decimal:20,5', false]}},
}) }}
{% endmacro %}


{# A field of a fixed-width line, by its 1-based start and its length: trimmed, blank is NULL. #}
{% macro field(start, length) %}
    {{ return("nullif(trim(substr(line, " ~ start ~ ", " ~ length ~ ")), '')") }}
{% endmacro %}
