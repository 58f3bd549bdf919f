select
    agency_id, sk_record_date_id, sk_update_date_id, batch_id, is_customer,
    last_name, first_name, middle_initial, gender,
    address_line1, address_line2, postal_code, city, state, country, phone,
    income, number_cars, number_children, marital_status, age, credit_rating, own_or_rent_flag, employer,
    number_credit_cards, net_worth, marketing_nameplate
from {{ ref('silver_prospects') }}
