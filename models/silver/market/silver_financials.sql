{#
    Quarterly results, each with the company it is about. A batch may publish a quarter again: the result that it
    replaces stays, marked with that batch, because earlier batches worked with it. Records call companies by number or
    name, so all results of a quarter are made anew together.
#}
{{ config(unique_key=['year', 'quarter']) }}

with delivered as (

    select * from {{ ref('bronze_brokerage__finwire_fin') }}

),

records as (

    select
        records.*,
        {{ business_day('records.batch_id', 'records.pts', 'batches.batch_date') }} as effective_date
    from delivered as records
    inner join {{ looked_up('bronze_batches') }} as batches
        on records.batch_id = batches.batch_id
    where
        records.batch_id <= {{ last_batch() }}
        and {{ is_touched('records.year, records.quarter', {'delivered': 'year, quarter'}, 'year, quarter') }}

),

referring as (

    {{ with_company('records') }}

),

results as (

    select
        company_id,
        sk_company_id,
        conameorcik as company_reference,
        year,
        cast(quarter as tinyint) as quarter,
        qtrstartdate as quarter_start_date,
        revenue,
        earnings as net_earnings,
        eps as basic_eps,
        dilutedeps as diluted_eps,
        margin,
        inventory,
        assets,
        liabilities,
        shout as shares_outstanding,
        dilutedshout as diluted_shares_outstanding,
        pts as posted_at,
        source_file,
        source_line,
        batch_id
    from referring

),

-- Of several results of a batch the last one posted counts.
ordered as (

    select
        *,
        lead(batch_id) over (
            partition by
                company_id, case when company_id is null then company_reference end, year, quarter
            order by batch_id, posted_at, source_file, source_line
        ) as next_batch_id
    from results

)

select
    company_id,
    sk_company_id,
    company_reference,
    year,
    quarter,
    quarter_start_date,
    revenue,
    net_earnings,
    basic_eps,
    diluted_eps,
    margin,
    inventory,
    assets,
    liabilities,
    shares_outstanding,
    diluted_shares_outstanding,
    posted_at,
    source_file,
    source_line,
    batch_id,
    next_batch_id as replaced_in_batch
from ordered
where next_batch_id is distinct from batch_id
