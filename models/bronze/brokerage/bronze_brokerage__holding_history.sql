{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cdc_flag as cdc_flag_text,
        cdc_dsn as cdc_dsn_text,
        hh_h_t_id as hh_h_t_id_text,
        hh_t_id as hh_t_id_text,
        hh_before_qty as hh_before_qty_text,
        hh_after_qty as hh_after_qty_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'holding_history') }}
    where {{ is_in_force('holding_history') }}

),

typed as (

    select
        *,
        {{ typed_value('cdc_flag_text', 'code:I') }} as cdc_flag,
        {{ typed_value('cdc_dsn_text', 'integer:12') }} as cdc_dsn,
        {{ typed_value('hh_h_t_id_text', 'integer:15') }} as hh_h_t_id,
        {{ typed_value('hh_t_id_text', 'integer:15') }} as hh_t_id,
        {{ typed_value('hh_before_qty_text', 'integer:6') }} as hh_before_qty,
        {{ typed_value('hh_after_qty_text', 'integer:6') }} as hh_after_qty
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        cdc_flag,
        cdc_dsn,
        hh_h_t_id,
        hh_t_id,
        hh_before_qty,
        hh_after_qty,
        source_file,
        source_line,
        is_split
        and (cdc_flag is not null or cdc_flag_text is null)
        and (cdc_dsn is not null or cdc_dsn_text is null)
        and hh_h_t_id is not null
        and hh_t_id is not null
        and hh_before_qty is not null
        and hh_after_qty is not null as is_valid
    from typed

)
{{ first_of_each_key(['hh_t_id', 'hh_h_t_id'], unique_in='source') }}
