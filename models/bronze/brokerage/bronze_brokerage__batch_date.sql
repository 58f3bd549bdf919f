{{ config(materialized='table') }}

{# One row per batch: its delivery in force. A delivery counts only once its batch date was committed, which the connector sends last. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cast(batch_date as date) as batch_date,
        _file as source_file,
        _line as source_line
    from {{ source('brokerage', 'batch_date') }}
    {%- set limit = env_var('TRADEHOUSE_LAST_BATCH', '') %}
    {%- if limit %}
    where _batch <= {{ limit | int }}
    {%- endif %}

),

in_force as (

    select *
    from delivered
    qualify row_number() over (partition by batch_id order by delivery desc) = 1

)

select
    batch_id,
    delivery,
    batch_date,
    source_file,
    source_line
from in_force
