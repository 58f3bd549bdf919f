{{ config(meta={'release_key': ['batch_id']}) }}

{# Prices of securities that nobody announced stay in silver. #}
select
    sk_security_id,
    sk_company_id,
    sk_date_id,
    pe_ratio,
    yield,
    fifty_two_week_high,
    sk_fifty_two_week_high_date,
    fifty_two_week_low,
    sk_fifty_two_week_low_date,
    close_price,
    day_high,
    day_low,
    volume,
    batch_id
from {{ ref('silver_prices') }}
where sk_security_id is not null
