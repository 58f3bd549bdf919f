select
    sk_broker_id, broker_id,
    manager_id, first_name, last_name, middle_initial, branch, office, phone,
    is_current, batch_id, effective_date, end_date
from {{ ref('silver_brokers') }}
