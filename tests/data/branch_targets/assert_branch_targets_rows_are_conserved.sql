{#- Made from contracts/branch_targets.yml by `tradehouse contracts generate`: change it there. #}
{{ config(meta = {'dagster': {'ref': {'name': 'bronze_branch_targets__quarantine'}}}) }}
{% if is_held('branch_targets') %}select 1 where false{% else %}
-- What was delivered is in bronze, in quarantine, or an older version of what is there.
select
    'targets' as stream,
    rows_found,
    rows_expected
from (
    select
        (select count(*) from {{ ref('bronze_branch_targets__targets') }}) as rows_found,
        (
            select count(*)
            from {{ source('branch_targets', 'targets') }}
            where
                _airbyte_raw_id not in (
                    select raw_id
                    from {{ ref('bronze_branch_targets__quarantine') }}
                    where stream = 'targets'
                )
        ) as rows_expected
)
where
    rows_found <> rows_expected
{% endif %}
