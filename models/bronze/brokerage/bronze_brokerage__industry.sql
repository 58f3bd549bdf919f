{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        in_id as in_id_text,
        in_name as in_name_text,
        in_sc_id as in_sc_id_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'industry') }}
    where {{ is_in_force('industry') }}

),

typed as (

    select
        *,
        {{ typed_value('in_id_text', 'text:2') }} as in_id,
        {{ typed_value('in_name_text', 'text:50') }} as in_name,
        {{ typed_value('in_sc_id_text', 'text:4') }} as in_sc_id
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        in_id,
        in_name,
        in_sc_id,
        source_file,
        source_line,
        is_split
        and in_id is not null
        and in_name is not null
        and in_sc_id is not null as is_valid
    from typed

)
{{ first_of_each_key(['in_id'], unique_in='source') }}
