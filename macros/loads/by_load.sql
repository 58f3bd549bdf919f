{#
    Materialization of this project's models: what new loads touch is made anew, in one statement and one transaction,
    because a day costs statements, not rows, and so that a run that dies leaves the table as it was.

    batch_column:        what the table holds of the batches that are built again goes (default batch_id; none: nothing)
    unique_key:          the rows of every key that the model gives go
    meta.always_rebuilt: a condition on rows that are made anew in every run
    on_schema_change, contract, grants, indexes, hooks: as in dbt's own `incremental`; `fail` is in the same statement

    A table that is new, or that is built from nothing, is made beside its place and renamed into it, as dbt does.
    Otherwise the new rows go into a temporary table first: a model may read itself.
#}
{% materialization by_load, adapter='duckdb' %}
    {% set batch_column = config.get('batch_column', 'batch_id') %}
    {% do check_is_by_load(batch_column) %}
    {% if is_kept_by_empty() %}{{ return(keep_as_it_is()) }}{% endif %}
    {% set existing_relation = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% set is_new = existing_relation is none or existing_relation.is_view or should_full_refresh() %}
    {% set to_drop = [] %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if is_new %}
        {% set begun_relation = make_intermediate_relation(target_relation) %}
        {% set backup_relation = make_backup_relation(
            target_relation, existing_relation.type if existing_relation is not none else 'table'
        ) %}
        {% do drop_relation_if_exists(load_cached_relation(begun_relation)) %}
        {% do drop_relation_if_exists(load_cached_relation(backup_relation)) %}
        {% call statement('main') %}
            {{ create_table_as(False, begun_relation, compiled_code) }}
        {% endcall %}
        {% if existing_relation is not none %}
            {% do adapter.rename_relation(existing_relation, backup_relation) %}
            {% do to_drop.append(backup_relation) %}
        {% endif %}
        {% do adapter.rename_relation(begun_relation, target_relation) %}
        {% do create_indexes(target_relation) %}
    {% else %}
        {% set new_rows = make_temp_relation(target_relation) %}
        {% set on_schema_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='fail') %}
        {% if on_schema_change != 'fail' %}
            {% do run_query(create_table_as(True, new_rows, compiled_code)) %}
            {% do process_schema_changes(on_schema_change, new_rows, existing_relation) %}
        {% endif %}
        {% call statement('main') %}
            {% if on_schema_change == 'fail' %}
            {{ create_table_as(True, new_rows, compiled_code) }}
            {{ fail_on_other_columns(new_rows, target_relation) }};
            {% endif %}
            {{ replace_rows(new_rows, target_relation, batch_column, on_schema_change) }}
        {% endcall %}
    {% endif %}

    {% do apply_grants(target_relation, config.get('grants'), should_revoke(existing_relation, is_new)) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {% for relation in to_drop %}
        {% do adapter.drop_relation(relation) %}
    {% endfor %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return(mark_as_empty({'relations': [target_relation]})) }}
{% endmaterialization %}


{% macro check_is_by_load(batch_column) %}
    {% set reads = model.refs | map(attribute='name') | list + [model.name] %}
    {% if batch_column is not none and 'bronze_brokerage__batch_date' not in reads %}
        {% do exceptions.raise_compiler_error(
            'A model that is materialized by_load, which is this project\'s own, has a column batch_id and gives the rows'
            ~ ' of first_batch() and later: ' ~ model.name ~ ' does not ask for it. Write it so, say batch_column=none'
            ~ ' with a unique_key, or say what else it is: materialized=\'table\', \'view\' or \'incremental\''
        ) %}
    {% endif %}
    {% if sources_by_load(model) and not config.get('unique_key') %}
        {% do exceptions.raise_compiler_error(
            'A model that asks for in_load_window() replaces the keys that new loads touch, so it has a unique_key: '
            ~ model.name ~ ' has none'
        ) %}
    {% endif %}
{% endmacro %}


{# A statement that fails unless a temporary table has the columns and types of the target. #}
{% macro fail_on_other_columns(new_rows, target_relation) %}
    {% set columns = "(select string_agg(name || ' ' || type, ', ' order by name) from pragma_table_info('%s'))" %}
    select
        case
            when {{ columns % new_rows }} <> {{ columns % target_relation }}
                then error(
                    '{{ target_relation }} has other columns than its model. Build it from nothing: dbt build'
                    || ' --full-refresh --select {{ model.name }}+. The model gives ' || {{ columns % new_rows }}
                    || '; the table has ' || {{ columns % target_relation }}
                )
        end
{% endmacro %}


{% macro replace_rows(new_rows, target_relation, batch_column, on_schema_change) %}
    {% set unique_key = config.get('unique_key') %}
    {% set always_rebuilt = config.get('meta', {}).get('always_rebuilt') %}
    {% if batch_column is not none %}
    delete from {{ target_relation }} where {{ batch_column }} >= {{ first_batch() }};
    {% endif %}
    {% if always_rebuilt %}
    delete from {{ target_relation }} where {{ always_rebuilt }};
    {% endif %}
    {% if unique_key %}
    {% set keys = ([unique_key] if unique_key is string else unique_key) | join(', ') %}
    delete from {{ target_relation }} where ({{ keys }}) in (select {{ keys }} from {{ new_rows }});
    {% endif %}
    {% if on_schema_change == 'ignore' %}
    {% set columns = get_quoted_csv(adapter.get_columns_in_relation(target_relation) | map(attribute='name')) %}
    insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from {{ new_rows }};
    {% else %}
    insert into {{ target_relation }} by name from {{ new_rows }};
    {% endif %}
    drop table {{ new_rows }};
{% endmacro %}
