{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cdc_flag as cdc_flag_text,
        cdc_dsn as cdc_dsn_text,
        ct_ca_id as ct_ca_id_text,
        ct_dts as ct_dts_text,
        ct_amt as ct_amt_text,
        ct_name as ct_name_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'cash_transaction') }}
    where {{ is_in_force('cash_transaction') }}

),

typed as (

    select
        *,
        {{ typed_value('cdc_flag_text', 'code:I') }} as cdc_flag,
        {{ typed_value('cdc_dsn_text', 'integer:12') }} as cdc_dsn,
        {{ typed_value('ct_ca_id_text', 'integer:11') }} as ct_ca_id,
        {{ typed_value('ct_dts_text', 'timestamp') }} as ct_dts,
        {{ typed_value('ct_amt_text', 'decimal:10,2') }} as ct_amt,
        {{ typed_value('ct_name_text', 'text:100') }} as ct_name
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        cdc_flag,
        cdc_dsn,
        ct_ca_id,
        ct_dts,
        ct_amt,
        ct_name,
        source_file,
        source_line,
        is_split
        and (cdc_flag is not null or cdc_flag_text is null)
        and (cdc_dsn is not null or cdc_dsn_text is null)
        and ct_ca_id is not null
        and ct_dts is not null
        and ct_amt is not null
        and ct_name is not null as is_valid
    from typed

)
{{ first_of_each_key(['ct_ca_id', 'ct_dts', 'ct_amt', 'ct_name'], unique_in='source') }}
