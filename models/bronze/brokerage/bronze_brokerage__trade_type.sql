{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        tt_id as tt_id_text,
        tt_name as tt_name_text,
        tt_is_sell as tt_is_sell_text,
        tt_is_mrkt as tt_is_mrkt_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'trade_type') }}
    where {{ is_in_force('trade_type') }}

),

typed as (

    select
        *,
        {{ typed_value('tt_id_text', 'text:3') }} as tt_id,
        {{ typed_value('tt_name_text', 'text:12') }} as tt_name,
        {{ typed_value('tt_is_sell_text', 'code:0/1') }} as tt_is_sell,
        {{ typed_value('tt_is_mrkt_text', 'code:0/1') }} as tt_is_mrkt
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        tt_id,
        tt_name,
        tt_is_sell,
        tt_is_mrkt,
        source_file,
        source_line,
        is_split
        and tt_id is not null
        and tt_name is not null
        and tt_is_sell is not null
        and tt_is_mrkt is not null as is_valid
    from typed

)
{{ first_of_each_key(['tt_id'], unique_in='source') }}
