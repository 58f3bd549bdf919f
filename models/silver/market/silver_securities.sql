{#
    Securities touched by the batches that are built, by a record of their own or by a new version of their
    company: their whole history is replayed. A version ends where the security or its company changes.
#}
{{ config(unique_key='symbol') }}

with security_records as (

    select
        records.*,
        {{ business_day('records.batch_id', 'records.pts', 'batches.batch_date') }} as effective_date
    from {{ ref('bronze_brokerage__finwire_sec') }} as records
    inner join {{ looked_up('bronze_batches') }} as batches
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
    where
        {% call is_touched('symbol', {'security_records': 'symbol'}, 'symbol') %}
            select securities.symbol
            from {{ this }} as securities
            inner join companies
                on securities.company_id = companies.company_id
            where {{ in_batch_window('companies.batch_id') }}
        {% endcall %}

),

referring as (

    {{ with_company('touched_records') }}

),

-- A record that refers to no known company is left out: the security goes on as it was
-- (quarantine_unmatched has the record).
last_of_day as (

    select *
    from referring
    where company_id is not null
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

split_by_company as (

    select
        announced.symbol,
        announced.issuetype as issue,
        status_types.st_name as status,
        announced.name,
        announced.exid as exchange_id,
        companies.sk_company_id,
        announced.company_id,
        announced.shout as shares_outstanding,
        announced.firsttradedate as first_trade,
        announced.firsttradeexchg as first_trade_on_exchange,
        announced.dividend,
        greatest(announced.batch_id, companies.batch_id) as batch_id,
        greatest(announced.effective_date, companies.effective_date) as effective_date,
        least(announced.end_date, companies.end_date) as end_date
    from announced
    inner join companies
        on
            announced.company_id = companies.company_id
            and announced.effective_date < companies.end_date
            and companies.effective_date < announced.end_date
    left join {{ ref('silver_status_types') }} as status_types
        on announced.status = status_types.st_id

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
