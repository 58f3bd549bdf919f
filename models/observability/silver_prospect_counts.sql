with listed as (

    select * from {{ ref('bronze_brokerage__prospect') }}

),

prospects as (

    select * from {{ ref('silver_prospect_changes') }}

),

lists as (

    select
        batch_id,
        count(*) as source_rows
    from listed
    where {{ in_batch_window() }}
    group by batch_id

),

changes as (

    select
        batch_id,
        count(*) filter (where is_new) as inserted_rows,
        count(*) filter (where not is_new) as updated_rows
    from prospects
    where {{ in_batch_window() }}
    group by batch_id

)

select
    lists.batch_id,
    lists.source_rows,
    coalesce(changes.inserted_rows, 0) as inserted_rows,
    coalesce(changes.updated_rows, 0) as updated_rows
from lists
left join changes
    on lists.batch_id = changes.batch_id
