{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cdc_flag as cdc_flag_text,
        cdc_dsn as cdc_dsn_text,
        w_c_id as w_c_id_text,
        w_s_symb as w_s_symb_text,
        w_dts as w_dts_text,
        w_action as w_action_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'watch_history') }}
    where {{ is_in_force('watch_history') }}

),

typed as (

    select
        *,
        {{ typed_value('cdc_flag_text', 'code:I') }} as cdc_flag,
        {{ typed_value('cdc_dsn_text', 'integer:12') }} as cdc_dsn,
        {{ typed_value('w_c_id_text', 'integer:11') }} as w_c_id,
        {{ typed_value('w_s_symb_text', 'text:15') }} as w_s_symb,
        {{ typed_value('w_dts_text', 'timestamp') }} as w_dts,
        {{ typed_value('w_action_text', 'code:ACTV/CNCL') }} as w_action
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        cdc_flag,
        cdc_dsn,
        w_c_id,
        w_s_symb,
        w_dts,
        w_action,
        source_file,
        source_line,
        is_split
        and (cdc_flag is not null or cdc_flag_text is null)
        and (cdc_dsn is not null or cdc_dsn_text is null)
        and w_c_id is not null
        and w_s_symb is not null
        and w_dts is not null
        and w_action is not null as is_valid
    from typed

)
{{ first_of_each_key(['w_c_id', 'w_s_symb', 'w_dts', 'w_action'], unique_in='source') }}
