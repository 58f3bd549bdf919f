{{ config(severity='warn') }}

{#
    A trade becomes pending or submitted, then submitted, then completed or canceled, and nothing after that. A
    returned row is a trade that the brokerage tells another story of; it is built by the last change all the same.
#}
{% set from_batch = test_from_batch() %}

with changes as (

    select
        th_t_id as trade_id,
        th_st_id as state,
        th_dts as entered_at
    from {{ ref('bronze_brokerage__trade_history') }}
    {%- if from_batch %}
    where th_t_id in (select t_id from {{ ref('bronze_brokerage__trade') }} where batch_id >= {{ from_batch }})
    {%- endif %}

    union all

    select
        t_id,
        t_st_id,
        t_dts
    from {{ ref('bronze_brokerage__trade') }}
    where
        cdc_flag is not null
        and batch_id <= {{ last_batch() }}
        {%- if from_batch %}
        and t_id in (select t_id from {{ ref('bronze_brokerage__trade') }} where batch_id >= {{ from_batch }})
        {%- endif %}

),

states as (

    select
        trade_id,
        min(entered_at) filter (where state = 'PNDG') as pending_at,
        min(entered_at) filter (where state = 'SBMT') as submitted_at,
        min(entered_at) filter (where state = 'CMPT') as completed_at,
        min(entered_at) filter (where state = 'CNCL') as canceled_at,
        count(*) as state_count,
        count(distinct state) as distinct_states
    from changes
    group by trade_id

)

select
    trade_id,
    pending_at,
    submitted_at,
    completed_at,
    canceled_at
from states
where
    coalesce(pending_at, submitted_at) is null
    or pending_at > submitted_at
    or submitted_at > least(completed_at, canceled_at)
    or pending_at > least(completed_at, canceled_at)
    or (completed_at is not null and (submitted_at is null or canceled_at is not null))
    or state_count > distinct_states
