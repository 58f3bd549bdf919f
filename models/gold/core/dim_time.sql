select
    sk_time_id, time_value,
    hour_id, hour_desc, minute_id, minute_desc, second_id, second_desc,
    market_hours_flag, office_hours_flag
from {{ ref('silver_times') }}
