{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
{{ config(materialized='table') }}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        dataset as dataset_text,
        batchid as batchid_text,
        date as date_text,
        attribute as attribute_text,
        value as value_text,
        dvalue as dvalue_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'audit') }}
    where {{ is_in_force('audit', at_root=true) }}

),

typed as (

    select
        *,
        {{ typed_value('dataset_text', 'text:20') }} as dataset,
        {{ typed_value('batchid_text', 'integer:5') }} as batchid,
        {{ typed_value('date_text', 'date') }} as date,
        {{ typed_value('attribute_text', 'text:50') }} as attribute,
        {{ typed_value('value_text', 'integer:15') }} as value,
        {{ typed_value('dvalue_text', 'decimal:20,5') }} as dvalue
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        dataset,
        batchid,
        date,
        attribute,
        value,
        dvalue,
        source_file,
        source_line,
        is_split
        and dataset is not null
        and (batchid is not null or batchid_text is null)
        and (date is not null or date_text is null)
        and attribute is not null
        and (value is not null or value_text is null)
        and (dvalue is not null or dvalue_text is null) as is_valid
    from typed

)

select * exclude (is_valid) from checked where is_valid
