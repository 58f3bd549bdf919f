{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        st_id as st_id_text,
        st_name as st_name_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'status_type') }}
    where {{ is_in_force('status_type') }}

),

typed as (

    select
        *,
        {{ typed_value('st_id_text', 'text:4') }} as st_id,
        {{ typed_value('st_name_text', 'text:10') }} as st_name
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        st_id,
        st_name,
        source_file,
        source_line,
        is_split
        and st_id is not null
        and st_name is not null as is_valid
    from typed

)
{{ first_of_each_key(['st_id'], unique_in='source') }}
