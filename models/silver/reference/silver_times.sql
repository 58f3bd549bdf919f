select
    cast(sk_timeid as bigint) as sk_time_id,
    timevalue as time_value,
    hourid as hour_id,
    hourdesc as hour_desc,
    minuteid as minute_id,
    minutedesc as minute_desc,
    secondid as second_id,
    seconddesc as second_desc,
    markethoursflag as market_hours_flag,
    officehoursflag as office_hours_flag
from {{ ref('bronze_brokerage__time') }}
