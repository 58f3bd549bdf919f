{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cdc_flag as cdc_flag_text,
        cdc_dsn as cdc_dsn_text,
        c_id as c_id_text,
        c_tax_id as c_tax_id_text,
        c_st_id as c_st_id_text,
        c_l_name as c_l_name_text,
        c_f_name as c_f_name_text,
        c_m_name as c_m_name_text,
        c_gndr as c_gndr_text,
        c_tier as c_tier_text,
        c_dob as c_dob_text,
        c_adline1 as c_adline1_text,
        c_adline2 as c_adline2_text,
        c_zipcode as c_zipcode_text,
        c_city as c_city_text,
        c_state_prov as c_state_prov_text,
        c_ctry as c_ctry_text,
        c_ctry_1 as c_ctry_1_text,
        c_area_1 as c_area_1_text,
        c_local_1 as c_local_1_text,
        c_ext_1 as c_ext_1_text,
        c_ctry_2 as c_ctry_2_text,
        c_area_2 as c_area_2_text,
        c_local_2 as c_local_2_text,
        c_ext_2 as c_ext_2_text,
        c_ctry_3 as c_ctry_3_text,
        c_area_3 as c_area_3_text,
        c_local_3 as c_local_3_text,
        c_ext_3 as c_ext_3_text,
        c_email_1 as c_email_1_text,
        c_email_2 as c_email_2_text,
        c_lcl_tx_id as c_lcl_tx_id_text,
        c_nat_tx_id as c_nat_tx_id_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'customer') }}
    where {{ is_in_force('customer') }}

),

typed as (

    select
        *,
        {{ typed_value('cdc_flag_text', 'code:I/U') }} as cdc_flag,
        {{ typed_value('cdc_dsn_text', 'integer:12') }} as cdc_dsn,
        {{ typed_value('c_id_text', 'integer:11') }} as c_id,
        {{ typed_value('c_tax_id_text', 'text:20') }} as c_tax_id,
        {{ typed_value('c_st_id_text', 'code:ACTV/INAC') }} as c_st_id,
        {{ typed_value('c_l_name_text', 'text:25') }} as c_l_name,
        {{ typed_value('c_f_name_text', 'text:20') }} as c_f_name,
        {{ typed_value('c_m_name_text', 'text:1') }} as c_m_name,
        {{ typed_value('c_gndr_text', 'text:1') }} as c_gndr,
        {{ typed_value('c_tier_text', 'integer:1') }} as c_tier,
        {{ typed_value('c_dob_text', 'date:1800-01-01') }} as c_dob,
        {{ typed_value('c_adline1_text', 'text:80') }} as c_adline1,
        {{ typed_value('c_adline2_text', 'text:80') }} as c_adline2,
        {{ typed_value('c_zipcode_text', 'text:12') }} as c_zipcode,
        {{ typed_value('c_city_text', 'text:25') }} as c_city,
        {{ typed_value('c_state_prov_text', 'text:20') }} as c_state_prov,
        {{ typed_value('c_ctry_text', 'text:24') }} as c_ctry,
        {{ typed_value('c_ctry_1_text', 'text:3') }} as c_ctry_1,
        {{ typed_value('c_area_1_text', 'text:3') }} as c_area_1,
        {{ typed_value('c_local_1_text', 'text:10') }} as c_local_1,
        {{ typed_value('c_ext_1_text', 'text:5') }} as c_ext_1,
        {{ typed_value('c_ctry_2_text', 'text:3') }} as c_ctry_2,
        {{ typed_value('c_area_2_text', 'text:3') }} as c_area_2,
        {{ typed_value('c_local_2_text', 'text:10') }} as c_local_2,
        {{ typed_value('c_ext_2_text', 'text:5') }} as c_ext_2,
        {{ typed_value('c_ctry_3_text', 'text:3') }} as c_ctry_3,
        {{ typed_value('c_area_3_text', 'text:3') }} as c_area_3,
        {{ typed_value('c_local_3_text', 'text:10') }} as c_local_3,
        {{ typed_value('c_ext_3_text', 'text:5') }} as c_ext_3,
        {{ typed_value('c_email_1_text', 'text:50') }} as c_email_1,
        {{ typed_value('c_email_2_text', 'text:50') }} as c_email_2,
        {{ typed_value('c_lcl_tx_id_text', 'text:4') }} as c_lcl_tx_id,
        {{ typed_value('c_nat_tx_id_text', 'text:4') }} as c_nat_tx_id
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        cdc_flag,
        cdc_dsn,
        c_id,
        c_tax_id,
        c_st_id,
        c_l_name,
        c_f_name,
        c_m_name,
        c_gndr,
        c_tier,
        c_dob,
        c_adline1,
        c_adline2,
        c_zipcode,
        c_city,
        c_state_prov,
        c_ctry,
        c_ctry_1,
        c_area_1,
        c_local_1,
        c_ext_1,
        c_ctry_2,
        c_area_2,
        c_local_2,
        c_ext_2,
        c_ctry_3,
        c_area_3,
        c_local_3,
        c_ext_3,
        c_email_1,
        c_email_2,
        c_lcl_tx_id,
        c_nat_tx_id,
        source_file,
        source_line,
        is_split
        and (cdc_flag is not null or cdc_flag_text is null)
        and (cdc_dsn is not null or cdc_dsn_text is null)
        and c_id is not null
        and c_tax_id is not null
        and c_st_id is not null
        and c_l_name is not null
        and c_f_name is not null
        and (c_m_name is not null or c_m_name_text is null)
        and (c_gndr is not null or c_gndr_text is null)
        and (c_tier is not null or c_tier_text is null)
        and c_dob is not null
        and c_adline1 is not null
        and (c_adline2 is not null or c_adline2_text is null)
        and c_zipcode is not null
        and c_city is not null
        and c_state_prov is not null
        and (c_ctry is not null or c_ctry_text is null)
        and (c_ctry_1 is not null or c_ctry_1_text is null)
        and (c_area_1 is not null or c_area_1_text is null)
        and (c_local_1 is not null or c_local_1_text is null)
        and (c_ext_1 is not null or c_ext_1_text is null)
        and (c_ctry_2 is not null or c_ctry_2_text is null)
        and (c_area_2 is not null or c_area_2_text is null)
        and (c_local_2 is not null or c_local_2_text is null)
        and (c_ext_2 is not null or c_ext_2_text is null)
        and (c_ctry_3 is not null or c_ctry_3_text is null)
        and (c_area_3 is not null or c_area_3_text is null)
        and (c_local_3 is not null or c_local_3_text is null)
        and (c_ext_3 is not null or c_ext_3_text is null)
        and (c_email_1 is not null or c_email_1_text is null)
        and (c_email_2 is not null or c_email_2_text is null)
        and c_lcl_tx_id is not null
        and c_nat_tx_id is not null as is_valid
    from typed

)
{{ first_of_each_key(['cdc_dsn'], unique_in='source') }}
