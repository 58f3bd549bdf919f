{# The last result of every quarter; one that refers to no known company stays in silver. #}
select
    sk_company_id,
    year as fi_year,
    quarter as fi_qtr,
    quarter_start_date as fi_qtr_start_date,
    revenue as fi_revenue,
    net_earnings as fi_net_earn,
    basic_eps as fi_basic_eps,
    diluted_eps as fi_dilut_eps,
    margin as fi_margin,
    inventory as fi_inventory,
    assets as fi_assets,
    liabilities as fi_liability,
    shares_outstanding as fi_out_basic,
    diluted_shares_outstanding as fi_out_dilut
from {{ ref('silver_financials') }}
where sk_company_id is not null and replaced_in_batch is null
