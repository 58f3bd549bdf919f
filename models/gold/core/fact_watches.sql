{{ config(
    meta={
        'release_key': ['sk_customer_id', 'sk_security_id'],
        'release_touched': 'silver_changed_watches'
    }
) }}

{# Stops without a watch, and watches of customers or securities that are unknown on the day, stay in silver. #}
select
    sk_customer_id,
    sk_security_id,
    cast({{ date_key('placed_at') }} as bigint) as sk_date_id_date_placed,
    cast({{ date_key('removed_at') }} as bigint) as sk_date_id_date_removed,
    batch_id
from {{ ref('silver_watches') }}
where is_published
