select
    in_id, in_name, in_sc_id
from {{ ref('silver_industries') }}
