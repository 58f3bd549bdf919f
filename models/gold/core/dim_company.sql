select
    sk_company_id, company_id,
    status, name, industry, sp_rating, is_low_grade, ceo,
    address_line1, address_line2, postal_code, city, state_prov, country,
    description, founding_date,
    is_current, batch_id, effective_date, end_date
from {{ ref('silver_companies') }}
