{#
    Incremental strategy `batches`: what the target holds of the batches that are built again goes, and
    with a `unique_key` also the rows of every key that is delivered anew; then the new rows come in.
    `meta.always_rebuilt` is a condition on rows that are made anew in every run.
    All of it happens in one transaction, so that a run that dies leaves the table as it was.
#}
{% macro get_incremental_batches_sql(arg_dict) %}
    {% set target_relation = arg_dict['target_relation'] %}
    {% set new_rows = arg_dict['temp_relation'] %}
    {% set unique_key = arg_dict['unique_key'] %}
    {% set columns = arg_dict['columns'] %}
    {% set batch_column = config.get('batch_column', 'batch_id') %}

    {% if batch_column is not none %}
    delete from {{ target_relation }} where {{ batch_column }} >= {{ first_batch() }};
    {% endif %}
    {% set always_rebuilt = config.get('meta', {}).get('always_rebuilt') %}
    {% if always_rebuilt %}
    delete from {{ target_relation }} where {{ always_rebuilt }};
    {% endif %}
    {% if unique_key %}
    {% set keys = [unique_key] if unique_key is string else unique_key %}
    delete from {{ target_relation }}
    where ({{ keys | join(', ') }}) in (select {{ keys | join(', ') }} from {{ new_rows }});
    {% endif %}
    insert into {{ target_relation }} ({{ columns }}) (select {{ columns }} from {{ new_rows }});
{% endmacro %}
