{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        tx_id as tx_id_text,
        tx_name as tx_name_text,
        tx_rate as tx_rate_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'tax_rate') }}
    where {{ is_in_force('tax_rate') }}

),

typed as (

    select
        *,
        {{ typed_value('tx_id_text', 'text:4') }} as tx_id,
        {{ typed_value('tx_name_text', 'text:50') }} as tx_name,
        {{ typed_value('tx_rate_text', 'decimal:6,5') }} as tx_rate
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        tx_id,
        tx_name,
        tx_rate,
        source_file,
        source_line,
        is_split
        and tx_id is not null
        and tx_name is not null
        and tx_rate is not null as is_valid
    from typed

)
{{ first_of_each_key(['tx_id'], unique_in='source') }}
