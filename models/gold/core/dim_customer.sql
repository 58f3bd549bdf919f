select
    sk_customer_id, customer_id,
    tax_id, status, last_name, first_name, middle_initial, gender, tier, dob,
    address_line1, address_line2, postal_code, city, state_prov, country,
    phone1, phone2, phone3, email1, email2,
    national_tax_rate_desc, national_tax_rate, local_tax_rate_desc, local_tax_rate,
    agency_id, credit_rating, net_worth, marketing_nameplate,
    is_current, batch_id, effective_date, end_date
from {{ ref('silver_customers') }}
