{#
    Whoever a batch brings has arrived: a customer as a version of that batch, an account as one or as an event left
    out for an unknown parent, a broker and a prospect at all. A returned row is a key that was lost.
#}
{% set arrivals = [
    ['customer', ref('bronze_brokerage__customer'), 'c_id', ref('dim_customer'), 'customer_id', true, 'true'],
    ['customer_mgmt_action', ref('bronze_brokerage__customer_mgmt_action'), 'c_id', ref('dim_customer'), 'customer_id', true, "actiontype = 'NEW'"],
    ['account', ref('bronze_brokerage__account'), 'ca_id', ref('silver_account_events'), 'account_id', true, 'true'],
    ['customer_mgmt_account', ref('bronze_brokerage__customer_mgmt_account'), 'ca_id', ref('silver_account_events'), 'account_id', true, 'true'],
    ['hr', ref('bronze_brokerage__hr'), 'employeeid', ref('dim_broker'), 'broker_id', false, 'employeejobcode = 314'],
    ['prospect', ref('bronze_brokerage__prospect'), 'agencyid', ref('prospect'), 'agency_id', false, 'true'],
] %}
with accepted_batches as (

    select batch_id from {{ ref('bronze_batches') }}
    where is_accepted and batch_id >= {{ test_from_batch() }}

)
{% for stream, delivered, delivered_key, arrived, arrived_key, in_batch, condition in arrivals %}
select
    '{{ stream }}' as stream,
    cast(delivered.{{ delivered_key }} as varchar) as lost_key
from {{ delivered }} as delivered
inner join accepted_batches
    on delivered.batch_id = accepted_batches.batch_id
anti join {{ arrived }} as arrived
    on
        delivered.{{ delivered_key }} = arrived.{{ arrived_key }}
        {%- if in_batch %}
        and delivered.batch_id = arrived.batch_id
        {%- endif %}
where {{ condition }}
{{ 'union all' if not loop.last }}
{% endfor %}
