{{ config(materialized='table') }}

{# The last node of a build: it is reached only when every gold model stands and its tests passed. #}
{% set needed = [
] %}
select
    batch_id,
    delivery,
    batch_date
from {{ ref('bronze_batches') }}
where is_accepted
