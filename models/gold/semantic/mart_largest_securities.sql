{{ config(materialized='view', meta={'release_as': 'view'}) }}

with held as (

    select
        as_of_date,
        is_last_day,
        symbol,
        sum(coalesce(value_usd, 0)) as value
    from {{ ref('mart_positions') }}
    group by
        as_of_date,
        is_last_day,
        symbol

)

select
    as_of_date,
    is_last_day,
    symbol,
    cast(value as decimal(38, 2)) as value_usd,
    -- A filter on the last day, too, is applied before the places are counted.
    row_number() over (partition by as_of_date, is_last_day order by value desc, symbol asc) as place
from held
