{{ config(materialized='view', meta={'release_as': 'view'}) }}

with versions as (

    select
        customer_id,
        effective_date as change_date,
        status,
        lag(status) over (partition by customer_id order by effective_date) as status_before
    from {{ ref('dim_customer') }}

)

select
    customer_id,
    change_date,
    case
        when status = 'Inactive' then 'left'
        when status_before is null then 'came'
        else 'came back'
    end as change
from versions
where status is distinct from status_before and (status = 'Active' or status_before is not null)
