-- Batch 1 and every batch with newswire: earnings of the four quarters before a quarter, by
-- company. They are what PERatio divides by.

create or replace temp table trailing_earnings as
with quarters as (
    select
        company.company_id,
        financial.fi_basic_eps,
        unnest([
            financial.fi_qtr_start_date + interval 3 months,
            financial.fi_qtr_start_date + interval 6 months,
            financial.fi_qtr_start_date + interval 9 months,
            financial.fi_qtr_start_date + interval 12 months
        ])::date as quarter_start
    from gold.financial
    inner join gold.dim_company as company on company.sk_company_id = financial.sk_company_id
    -- Prices go on from the batch's first day.
    where financial.fi_qtr_start_date >= (
        select date_trunc('quarter', min(dm_date)::date) - interval 12 months
        from daily_market
    )
)

select company_id, quarter_start, sum(cents(fi_basic_eps))::bigint as earnings_cents
from quarters
group by company_id, quarter_start;
