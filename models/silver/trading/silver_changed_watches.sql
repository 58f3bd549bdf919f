{{ config(materialized='view') }}

{#
    What a release copies anew of fact_watches. The queue of a customer's watches on a symbol may be paired anew, so a
    change is one of the whole queue; its watches may stand under several versions of customer and security.
#}
with watches as (

    select * from {{ ref('silver_watches') }}

)

select
    watches.sk_customer_id,
    watches.sk_security_id,
    changes.batch_id
from watches
inner join watches as changes
    on watches.customer_id = changes.customer_id and watches.symbol = changes.symbol
