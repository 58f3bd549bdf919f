{#
    Securities touched by the batches that are built, by a record of their own or by a new version of their
    company: their whole history is replayed. A version ends where the security or its company changes.
#}
{{ config(unique_key='symbol') }}
{% set first_batch = first_batch() %}

with security_records as (

    select
        records.*,
        {{ newswire_day('records', 'batches') }} as effective_date
    from {{ ref('bronze_brokerage__finwire_sec') }} as records
    inner join {{ ref('bronze_batches') }} as batches
        on records.batch_id = batches.batch_id
    where records.batch_id <= {{ last_batch() }}

),

companies as (

    select
        sk_company_id,
        company_id,
        batch_id,
        effective_date,
        end_date
    from {{ ref('silver_companies') }}

),

touched_records as (

    select *
    from security_records
    {%- if is_incremental() %}
    where symbol in (
        select symbol from security_records where batch_id >= {{ first_batch }}
        union all
        select symbol from {{ this }} where batch_id >= {{ first_batch }}
        union all
        select securities.symbol
        from {{ this }} as securities
        inner join companies
            on securities.company_id = companies.company_id
        where companies.batch_id >= {{ first_batch }}
    )
    {%- endif %}

),

last_of_day as (

    select *
    from touched_records
    qualify row_number() over (
        partition by symbol, effective_date
        order by batch_id desc, pts desc, source_file desc, source_line desc
    ) = 1

),

announced as (

    select
        *,
        lead(effective_date, 1, {{ end_of_time() }}) over (
            partition by symbol order by effective_date
        ) as end_date
    from last_of_day

),

issued as (

    {{ with_company('announced') }}

),

-- A version whose company is unknown stays whole, without a company.
split_by_company as (

    select
        issued.symbol,
        issued.issuetype as issue,
        status_types.st_name as status,
        issued.name,
        issued.exid as exchange_id,
        companies.sk_company_id,
        issued.company_id,
        issued.shout as shares_outstanding,
        issued.firsttradedate as first_trade,
        issued.firsttradeexchg as first_trade_on_exchange,
        issued.dividend,
        greatest(issued.batch_id, coalesce(companies.batch_id, issued.batch_id)) as batch_id,
        greatest(issued.effective_date, coalesce(companies.effective_date, issued.effective_date)) as effective_date,
        least(issued.end_date, coalesce(companies.end_date, issued.end_date)) as end_date
    from issued
    left join companies
        on
            issued.company_id = companies.company_id
            and issued.effective_date < companies.end_date
            and companies.effective_date < issued.end_date
    left join {{ ref('bronze_brokerage__status_type') }} as status_types
        on issued.status = status_types.st_id

),

keyed as (

    {{ keyed_versions('split_by_company', 'sk_security_id', 'symbol') }}

)

select
    sk_security_id,
    symbol,
    issue,
    status,
    name,
    exchange_id,
    sk_company_id,
    company_id,
    shares_outstanding,
    first_trade,
    first_trade_on_exchange,
    dividend,
    end_date = {{ end_of_time() }} as is_current,
    batch_id,
    effective_date,
    end_date
from keyed
