with actions as (

    select * from {{ ref('bronze_brokerage__customer_mgmt_action') }}

),

changes as (

    select * from {{ ref('bronze_brokerage__customer') }}

),

batches as (

    select * from {{ looked_up('bronze_batches') }}

),

tiers as (

    select * from {{ ref('customer_tiers') }}

),

-- Of the history only new customers are checked, later every customer that a batch brings, as the
-- batch leaves him.
checked as (

    select
        batch_id,
        c_id as customer_id,
        cast(nullif(c_tier, '') as integer) as tier,
        cast(nullif(c_dob, '') as date) as dob
    from actions
    where
        actiontype = 'NEW'
        and {{ in_batch_window() }}

    union all

    select
        batch_id,
        c_id as customer_id,
        c_tier as tier,
        c_dob as dob
    from changes
    where {{ in_batch_window() }}
    qualify row_number() over (partition by batch_id, c_id order by cdc_dsn desc) = 1

)

select
    checked.batch_id,
    checked.customer_id,
    'Invalid customer tier' as message_text,
    'C_ID = ' || checked.customer_id || ', C_TIER = ' || coalesce(cast(checked.tier as varchar), '')
        as message_data
from checked
left join tiers
    on checked.tier = tiers.tier
where tiers.tier is null

union all

select
    checked.batch_id,
    checked.customer_id,
    'DOB out of range' as message_text,
    'C_ID = ' || checked.customer_id || ', C_DOB = ' || checked.dob as message_data
from checked
inner join batches
    on checked.batch_id = batches.batch_id
where
    checked.dob < batches.batch_date - interval 100 year
    or checked.dob > batches.batch_date
