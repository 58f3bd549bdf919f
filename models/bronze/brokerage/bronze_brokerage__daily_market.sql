{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cdc_flag as cdc_flag_text,
        cdc_dsn as cdc_dsn_text,
        dm_date as dm_date_text,
        dm_s_symb as dm_s_symb_text,
        dm_close as dm_close_text,
        dm_high as dm_high_text,
        dm_low as dm_low_text,
        dm_vol as dm_vol_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'daily_market') }}
    where {{ is_in_force('daily_market') }}

),

typed as (

    select
        *,
        {{ typed_value('cdc_flag_text', 'code:I') }} as cdc_flag,
        {{ typed_value('cdc_dsn_text', 'integer:12') }} as cdc_dsn,
        {{ typed_value('dm_date_text', 'date') }} as dm_date,
        {{ typed_value('dm_s_symb_text', 'text:15') }} as dm_s_symb,
        {{ typed_value('dm_close_text', 'decimal:8,2') }} as dm_close,
        {{ typed_value('dm_high_text', 'decimal:8,2') }} as dm_high,
        {{ typed_value('dm_low_text', 'decimal:8,2') }} as dm_low,
        {{ typed_value('dm_vol_text', 'integer:12') }} as dm_vol
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        cdc_flag,
        cdc_dsn,
        dm_date,
        dm_s_symb,
        dm_close,
        dm_high,
        dm_low,
        dm_vol,
        source_file,
        source_line,
        is_split
        and (cdc_flag is not null or cdc_flag_text is null)
        and (cdc_dsn is not null or cdc_dsn_text is null)
        and dm_date is not null
        and dm_s_symb is not null
        and dm_close is not null
        and dm_high is not null
        and dm_low is not null
        and dm_vol is not null as is_valid
    from typed

)
{{ first_of_each_key(['dm_s_symb', 'dm_date'], unique_in='source') }}
