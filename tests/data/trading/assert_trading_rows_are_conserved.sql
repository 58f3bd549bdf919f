{#
    Every delivered trade, holding, movement of cash and watch is in silver exactly once, and gold has what silver
    says is published. A returned row is a count or sum that differs; each stop ended one watch or stands alone.
#}
{% set from_batch = test_from_batch() %}
{% set window = 'batch_id >= ' ~ from_batch ~ ' and batch_id <= ' ~ last_batch() %}

with watch_events as (

    select
        w_c_id as customer_id,
        w_s_symb as symbol,
        w_action
    from {{ ref('bronze_brokerage__watch_history') }}
    where
        batch_id <= {{ last_batch() }}
        {%- if from_batch %}
        and (w_c_id, w_s_symb) in (
            select w_c_id, w_s_symb from {{ ref('bronze_brokerage__watch_history') }} where batch_id >= {{ from_batch }}
        )
        {%- endif %}

),

watches as (

    select * from {{ ref('silver_watches') }}
    {%- if from_batch %}
    where
        (customer_id, symbol) in (
            select w_c_id, w_s_symb from {{ ref('bronze_brokerage__watch_history') }} where batch_id >= {{ from_batch }}
        )
    {%- endif %}

),

counts as (

    select
        'trades' as counted,
        (select count(distinct t_id) from {{ ref('bronze_brokerage__trade') }} where {{ window }}) as delivered,
        (select count(*) from {{ ref('silver_trades') }} where batch_id >= {{ from_batch }}) as found

    union all

    select
        'published trades',
        (select count(*) from {{ ref('silver_trades') }} where batch_id >= {{ from_batch }} and is_published),
        (select count(*) from {{ ref('dim_trade') }} where batch_id >= {{ from_batch }})

    union all

    select
        'holdings',
        (select count(*) from {{ ref('bronze_brokerage__holding_history') }} where {{ window }}),
        (select count(*) from {{ ref('silver_holdings') }} where delivered_batch_id >= {{ from_batch }})

    union all

    select
        'published holdings',
        (select count(*) from {{ ref('silver_holdings') }} where batch_id >= {{ from_batch }} and is_published),
        (select count(*) from {{ ref('fact_holdings') }} where batch_id >= {{ from_batch }})

    union all

    select
        'watches that a release has to copy',
        (
            select count(distinct (sk_customer_id, sk_security_id))
            from {{ ref('silver_watches') }}
            where batch_id >= {{ from_batch }} and is_published
        ),
        (
            select count(distinct (sk_customer_id, sk_security_id))
            from {{ ref('silver_changed_watches') }}
            where
                batch_id >= {{ from_batch }}
                and (sk_customer_id, sk_security_id) in (
                    select sk_customer_id, sk_security_id
                    from {{ ref('silver_watches') }}
                    where batch_id >= {{ from_batch }} and is_published
                )
        )

    union all

    select
        'movements of cash',
        (select count(*) from {{ ref('bronze_brokerage__cash_transaction') }} where {{ window }}),
        (select coalesce(sum(movements), 0) from {{ ref('silver_cash_balances') }} where batch_id >= {{ from_batch }})

    union all

    select
        'cents of cash',
        (select coalesce(sum(ct_amt), 0) * 100 from {{ ref('bronze_brokerage__cash_transaction') }} where {{ window }}),
        (select coalesce(sum(amount), 0) * 100 from {{ ref('silver_cash_balances') }} where batch_id >= {{ from_batch }})

    union all

    select
        'published balances',
        (select count(*) from {{ ref('silver_cash_balances') }} where batch_id >= {{ from_batch }} and is_published),
        (select count(*) from {{ ref('fact_cash_balances') }} where batch_id >= {{ from_batch }})

    union all

    select
        'watches',
        (select count(*) from watch_events where w_action = 'ACTV'),
        (select count(placed_at) from watches)

    union all

    select
        'stops of watches',
        (select count(*) from watch_events where w_action = 'CNCL'),
        (select count(removed_at) from watches)

    union all

    select
        'published watches',
        (select count(*) from {{ ref('silver_watches') }} where batch_id >= {{ from_batch }} and is_published),
        (select count(*) from {{ ref('fact_watches') }} where batch_id >= {{ from_batch }})

)

select
    counted,
    delivered,
    found
from counts
where delivered is distinct from found
