{{ config(materialized='view') }}

{# What every batch has to say of its own rows: counts of its prospects, and alerts. #}
select batch_id, 'Prospect' as message_source, 'Inserted rows' as message_text, 'Status' as message_type,
    cast(inserted_rows as varchar) as message_data
from {{ ref('silver_prospect_counts') }}

union all

-- The historical load reports inserted rows only.
select batch_id, 'Prospect', 'Source rows', 'Status', cast(source_rows as varchar)
from {{ ref('silver_prospect_counts') }}
where batch_id > (select min(batch_id) from {{ ref('bronze_batches') }})

union all

select batch_id, 'Prospect', 'Updated rows', 'Status', cast(updated_rows as varchar)
from {{ ref('silver_prospect_counts') }}
where batch_id > (select min(batch_id) from {{ ref('bronze_batches') }})

union all

select batch_id, 'DimCustomer', message_text, 'Alert', message_data
from {{ ref('silver_customer_alerts') }}

union all

select batch_id, 'DimCompany', 'Invalid SPRating', 'Alert',
    'CO_ID = ' || company_id || ', CO_SP_RATE = ' || announced_rating
from {{ ref('silver_companies') }}
where sp_rating is null and announced_rating is not null

union all

select batch_id, 'DimTrade', 'Invalid trade commission', 'Alert', 'T_ID = ' || t_id || ', T_COMM = ' || t_comm
from {{ ref('bronze_brokerage__trade') }}
where t_st_id = 'CMPT' and t_comm > t_trade_price * t_qty

union all

select batch_id, 'DimTrade', 'Invalid trade fee', 'Alert', 'T_ID = ' || t_id || ', T_CHRG = ' || t_chrg
from {{ ref('bronze_brokerage__trade') }}
where t_st_id = 'CMPT' and t_chrg > t_trade_price * t_qty

union all

select batch_id, 'FactMarketHistory', 'No earnings for company', 'Alert', 'DM_S_SYMB = ' || symbol
from {{ ref('silver_prices') }}
where not has_earnings and sk_security_id is not null
