{#
    Materialization `incremental` of this project's models: the strategy `batches`, and no more statements than it
    needs, because a day's batch costs statements, not rows. Models with another strategy are built by dbt's own one.

    A table that is new, or that is built from nothing, is made beside its place and renamed into it, as dbt does.
    Otherwise the new rows go into a temporary table first: a model may read itself. Columns have to be the same as
    those that the table has; otherwise the build of the model fails and says so.
#}
{% materialization incremental, adapter='duckdb' %}
    {% if config.get('incremental_strategy') != 'batches' %}
        {{ return(dbt.materialization_incremental_duckdb()) }}
    {% endif %}
    {% set reads = model.refs | map(attribute='name') | list + [model.name] %}
    {% if config.get('batch_column', 'batch_id') is not none and 'bronze_brokerage__batch_date' not in reads %}
        {% do exceptions.raise_compiler_error(
            'A model of the strategy `batches`, which is this project\'s own, has a column batch_id and gives the rows of'
            ~ ' first_batch() and later where is_incremental(): ' ~ model.name ~ ' does not ask. Write it so, or say what'
            ~ ' else it is: materialized=\'table\', or incremental_strategy=\'append\', \'delete+insert\' or \'merge\''
        ) %}
    {% endif %}
    {% if sources_by_load(model) and not config.get('unique_key') %}
        {% do exceptions.raise_compiler_error(
            'A model that asks for in_load_window() replaces the keys that new loads touch, so it has a unique_key: '
            ~ model.name ~ ' has none'
        ) %}
    {% endif %}
    {% if is_kept_by_empty() %}{{ return(keep_as_it_is()) }}{% endif %}
    {% set existing_relation = load_cached_relation(this) %}
    {% set target_relation = this.incorporate(type='table') %}
    {% set to_drop = [] %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if existing_relation is none or existing_relation.is_view or should_full_refresh() %}
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
    {% else %}
        {% set new_rows = make_temp_relation(target_relation) %}
        {% call statement('new_rows') %}
            {{ create_table_as(True, new_rows, compiled_code) }}
        {% endcall %}
        {% set columns = same_columns(new_rows, target_relation) %}
        {% call statement('main') %}
            {{ get_incremental_batches_sql({
                'target_relation': target_relation,
                'temp_relation': new_rows,
                'unique_key': config.get('unique_key'),
                'columns': columns
            }) }}
        {% endcall %}
    {% endif %}

    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {% for relation in to_drop %}
        {% do adapter.drop_relation(relation) %}
    {% endfor %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return(mark_as_empty({'relations': [target_relation]})) }}
{% endmaterialization %}


{# Columns of a temporary table, quoted, in the order of the target; fails when the target has others. #}
{% macro same_columns(new_rows, target_relation) %}
    {% set of_target = "from pragma_table_info('" ~ target_relation ~ "')" %}
    {% set found = run_query(
        "select"
        ~ " (select string_agg('\"' || name || '\"', ', ' order by cid) " ~ of_target ~ "),"
        ~ " (select string_agg(name || ' ' || type, ', ' order by name) from pragma_table_info('" ~ new_rows ~ "')),"
        ~ " (select string_agg(name || ' ' || type, ', ' order by name) " ~ of_target ~ ")"
    ) %}
    {% set columns, new, old = found.rows[0] %}
    {% if new != old %}
        {% do exceptions.raise_compiler_error(
            target_relation ~ ' has other columns than its model. Build it from nothing: dbt build --full-refresh'
            ~ ' --select ' ~ model.name ~ '+. The model gives ' ~ new ~ '; the table has ' ~ old
        ) %}
    {% endif %}
    {{ return(columns) }}
{% endmacro %}
