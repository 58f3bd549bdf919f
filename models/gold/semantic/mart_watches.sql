{{ config(materialized='view', meta={'release_as': 'view'}) }}

with watches as (

    select
        customers.customer_id,
        securities.symbol,
        make_date(
            facts.sk_date_id_date_placed // 10000,
            facts.sk_date_id_date_placed // 100 % 100,
            facts.sk_date_id_date_placed % 100
        ) as placed_date,
        make_date(
            facts.sk_date_id_date_removed // 10000,
            facts.sk_date_id_date_removed // 100 % 100,
            facts.sk_date_id_date_removed % 100
        ) as removed_date,
        facts.batch_id
    from {{ ref('fact_watches') }} as facts
    inner join {{ ref('dim_customer') }} as customers
        on facts.sk_customer_id = customers.sk_customer_id
    inner join {{ ref('dim_security') }} as securities
        on facts.sk_security_id = securities.sk_security_id

),

purchases as (

    select distinct
        customer_id,
        symbol,
        closed_date as bought_date
    from {{ ref('mart_trades') }}
    where status = 'Completed' and not is_sale

)

select
    watches.customer_id,
    watches.symbol,
    watches.placed_date,
    watches.removed_date,
    purchases.bought_date,
    watches.removed_date is null as is_open,
    purchases.bought_date is not null as is_converted,
    watches.batch_id
from watches
asof left join purchases
    on
        watches.customer_id = purchases.customer_id
        and watches.symbol = purchases.symbol
        and watches.placed_date <= purchases.bought_date
