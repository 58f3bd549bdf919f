{#
    The queue of a customer's watches on a symbol may be paired anew, so a change is one of the whole queue; its
    watches may stand under several versions of customer and security.
#}
{{ config(
    materialized='view',
    meta={
        'release_key': ['sk_customer_id', 'sk_security_id'],
        'release_touched': '
            select sk_customer_id, sk_security_id
            from silver.silver_watches
            where (customer_id, symbol) in (select customer_id, symbol from silver.silver_watches where {since})
        '
    }
) }}

{# Stops without a watch, and watches of customers or securities that are unknown on the day, stay in silver. #}
with watches as (

    select * from {{ ref('silver_watches') }}

)

select
    sk_customer_id,
    sk_security_id,
    cast({{ date_key('placed_at') }} as bigint) as sk_date_id_date_placed,
    cast({{ date_key('removed_at') }} as bigint) as sk_date_id_date_removed,
    batch_id
from watches
where is_published
