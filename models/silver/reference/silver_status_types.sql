select
    st_id,
    st_name
from {{ ref('bronze_brokerage__status_type') }}
