select
    sk_account_id, account_id, sk_broker_id, sk_customer_id,
    status, account_desc, tax_status,
    is_current, batch_id, effective_date, end_date
from {{ ref('silver_accounts') }}
