{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cdc_flag as cdc_flag_text,
        cdc_dsn as cdc_dsn_text,
        ca_id as ca_id_text,
        ca_b_id as ca_b_id_text,
        ca_c_id as ca_c_id_text,
        ca_name as ca_name_text,
        ca_tax_st as ca_tax_st_text,
        ca_st_id as ca_st_id_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'account') }}
    where {{ is_in_force('account') }}

),

typed as (

    select
        *,
        {{ typed_value('cdc_flag_text', 'code:I/U') }} as cdc_flag,
        {{ typed_value('cdc_dsn_text', 'integer:12') }} as cdc_dsn,
        {{ typed_value('ca_id_text', 'integer:11') }} as ca_id,
        {{ typed_value('ca_b_id_text', 'integer:11') }} as ca_b_id,
        {{ typed_value('ca_c_id_text', 'integer:11') }} as ca_c_id,
        {{ typed_value('ca_name_text', 'text:50') }} as ca_name,
        {{ typed_value('ca_tax_st_text', 'integer:1') }} as ca_tax_st,
        {{ typed_value('ca_st_id_text', 'code:ACTV/INAC') }} as ca_st_id
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        cdc_flag,
        cdc_dsn,
        ca_id,
        ca_b_id,
        ca_c_id,
        ca_name,
        ca_tax_st,
        ca_st_id,
        source_file,
        source_line,
        is_split
        and (cdc_flag is not null or cdc_flag_text is null)
        and (cdc_dsn is not null or cdc_dsn_text is null)
        and ca_id is not null
        and ca_b_id is not null
        and ca_c_id is not null
        and (ca_name is not null or ca_name_text is null)
        and (ca_tax_st is not null or ca_tax_st_text is null)
        and ca_st_id is not null as is_valid
    from typed

)
{{ first_of_each_key(['cdc_dsn'], unique_in='source') }}
