{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        action_number as action_number_text,
        actiontype as actiontype_text,
        actionts as actionts_text,
        c_id as c_id_text,
        c_tax_id as c_tax_id_text,
        c_gndr as c_gndr_text,
        c_tier as c_tier_text,
        c_dob as c_dob_text,
        c_l_name as c_l_name_text,
        c_f_name as c_f_name_text,
        c_m_name as c_m_name_text,
        c_adline1 as c_adline1_text,
        c_adline2 as c_adline2_text,
        c_zipcode as c_zipcode_text,
        c_city as c_city_text,
        c_state_prov as c_state_prov_text,
        c_ctry as c_ctry_text,
        c_prim_email as c_prim_email_text,
        c_alt_email as c_alt_email_text,
        c_phone_1_ctry_code as c_phone_1_ctry_code_text,
        c_phone_1_area_code as c_phone_1_area_code_text,
        c_phone_1_local as c_phone_1_local_text,
        c_phone_1_ext as c_phone_1_ext_text,
        c_phone_2_ctry_code as c_phone_2_ctry_code_text,
        c_phone_2_area_code as c_phone_2_area_code_text,
        c_phone_2_local as c_phone_2_local_text,
        c_phone_2_ext as c_phone_2_ext_text,
        c_phone_3_ctry_code as c_phone_3_ctry_code_text,
        c_phone_3_area_code as c_phone_3_area_code_text,
        c_phone_3_local as c_phone_3_local_text,
        c_phone_3_ext as c_phone_3_ext_text,
        c_lcl_tx_id as c_lcl_tx_id_text,
        c_nat_tx_id as c_nat_tx_id_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'customer_mgmt_action') }}
    where {{ is_in_force('customer_mgmt_action') }}

),

typed as (

    select
        *,
        {{ typed_value('action_number_text', 'plain') }} as action_number,
        {{ typed_value('actiontype_text', 'code:NEW/ADDACCT/UPDACCT/CLOSEACCT/UPDCUST/INACT') }} as actiontype,
        {{ typed_value('actionts_text', 'xml_timestamp') }} as actionts,
        {{ typed_value('c_id_text', 'integer:11') }} as c_id,
        {{ typed_value('c_tax_id_text', 'text:20') }} as c_tax_id,
        {{ typed_value('c_gndr_text', 'text:1') }} as c_gndr,
        {{ typed_value('c_tier_text', 'xml_integer:1') }} as c_tier,
        {{ typed_value('c_dob_text', 'xml_date:1800-01-01') }} as c_dob,
        {{ typed_value('c_l_name_text', 'text:25') }} as c_l_name,
        {{ typed_value('c_f_name_text', 'text:20') }} as c_f_name,
        {{ typed_value('c_m_name_text', 'text:1') }} as c_m_name,
        {{ typed_value('c_adline1_text', 'text:80') }} as c_adline1,
        {{ typed_value('c_adline2_text', 'text:80') }} as c_adline2,
        {{ typed_value('c_zipcode_text', 'text:12') }} as c_zipcode,
        {{ typed_value('c_city_text', 'text:25') }} as c_city,
        {{ typed_value('c_state_prov_text', 'text:20') }} as c_state_prov,
        {{ typed_value('c_ctry_text', 'text:24') }} as c_ctry,
        {{ typed_value('c_prim_email_text', 'text:50') }} as c_prim_email,
        {{ typed_value('c_alt_email_text', 'text:50') }} as c_alt_email,
        {{ typed_value('c_phone_1_ctry_code_text', 'text:3') }} as c_phone_1_ctry_code,
        {{ typed_value('c_phone_1_area_code_text', 'text:3') }} as c_phone_1_area_code,
        {{ typed_value('c_phone_1_local_text', 'text:10') }} as c_phone_1_local,
        {{ typed_value('c_phone_1_ext_text', 'text:5') }} as c_phone_1_ext,
        {{ typed_value('c_phone_2_ctry_code_text', 'text:3') }} as c_phone_2_ctry_code,
        {{ typed_value('c_phone_2_area_code_text', 'text:3') }} as c_phone_2_area_code,
        {{ typed_value('c_phone_2_local_text', 'text:10') }} as c_phone_2_local,
        {{ typed_value('c_phone_2_ext_text', 'text:5') }} as c_phone_2_ext,
        {{ typed_value('c_phone_3_ctry_code_text', 'text:3') }} as c_phone_3_ctry_code,
        {{ typed_value('c_phone_3_area_code_text', 'text:3') }} as c_phone_3_area_code,
        {{ typed_value('c_phone_3_local_text', 'text:10') }} as c_phone_3_local,
        {{ typed_value('c_phone_3_ext_text', 'text:5') }} as c_phone_3_ext,
        {{ typed_value('c_lcl_tx_id_text', 'text:4') }} as c_lcl_tx_id,
        {{ typed_value('c_nat_tx_id_text', 'text:4') }} as c_nat_tx_id
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        action_number,
        actiontype,
        actionts,
        c_id,
        c_tax_id,
        c_gndr,
        c_tier,
        c_dob,
        c_l_name,
        c_f_name,
        c_m_name,
        c_adline1,
        c_adline2,
        c_zipcode,
        c_city,
        c_state_prov,
        c_ctry,
        c_prim_email,
        c_alt_email,
        c_phone_1_ctry_code,
        c_phone_1_area_code,
        c_phone_1_local,
        c_phone_1_ext,
        c_phone_2_ctry_code,
        c_phone_2_area_code,
        c_phone_2_local,
        c_phone_2_ext,
        c_phone_3_ctry_code,
        c_phone_3_area_code,
        c_phone_3_local,
        c_phone_3_ext,
        c_lcl_tx_id,
        c_nat_tx_id,
        source_file,
        source_line,
        is_split
        and action_number is not null
        and actiontype is not null
        and actionts is not null
        and c_id is not null
        and (c_tax_id is not null or c_tax_id_text is null)
        and (c_gndr is not null or c_gndr_text is null)
        and (c_tier is not null or c_tier_text is null)
        and (c_dob is not null or c_dob_text is null)
        and (c_l_name is not null or c_l_name_text is null)
        and (c_f_name is not null or c_f_name_text is null)
        and (c_m_name is not null or c_m_name_text is null)
        and (c_adline1 is not null or c_adline1_text is null)
        and (c_adline2 is not null or c_adline2_text is null)
        and (c_zipcode is not null or c_zipcode_text is null)
        and (c_city is not null or c_city_text is null)
        and (c_state_prov is not null or c_state_prov_text is null)
        and (c_ctry is not null or c_ctry_text is null)
        and (c_prim_email is not null or c_prim_email_text is null)
        and (c_alt_email is not null or c_alt_email_text is null)
        and (c_phone_1_ctry_code is not null or c_phone_1_ctry_code_text is null)
        and (c_phone_1_area_code is not null or c_phone_1_area_code_text is null)
        and (c_phone_1_local is not null or c_phone_1_local_text is null)
        and (c_phone_1_ext is not null or c_phone_1_ext_text is null)
        and (c_phone_2_ctry_code is not null or c_phone_2_ctry_code_text is null)
        and (c_phone_2_area_code is not null or c_phone_2_area_code_text is null)
        and (c_phone_2_local is not null or c_phone_2_local_text is null)
        and (c_phone_2_ext is not null or c_phone_2_ext_text is null)
        and (c_phone_3_ctry_code is not null or c_phone_3_ctry_code_text is null)
        and (c_phone_3_area_code is not null or c_phone_3_area_code_text is null)
        and (c_phone_3_local is not null or c_phone_3_local_text is null)
        and (c_phone_3_ext is not null or c_phone_3_ext_text is null)
        and (c_lcl_tx_id is not null or c_lcl_tx_id_text is null)
        and (c_nat_tx_id is not null or c_nat_tx_id_text is null) as is_valid
    from typed

)
{{ first_of_each_key(['action_number'], unique_in='batch') }}
