select
    st_id, st_name
from {{ ref('silver_status_types') }}
