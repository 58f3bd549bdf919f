{#
    What dbt makes of an enforced contract of a table: types, `not null`, checks. Keys stay in the project, where
    documentation and other tools see them, and are tested by every build: DuckDB would keep an index of each, in
    memory as a whole while it is made, and slow down every insert.
#}
{% macro duckdb__get_table_columns_and_constraints() %}
    {%- set columns = {} -%}
    {%- for name, column in model.columns.items() -%}
        {%- do columns.update({name: dict(column, constraints=without_keys(column.constraints))}) -%}
    {%- endfor -%}
    ({{
        (
            adapter.render_raw_columns_constraints(raw_columns=columns)
            + adapter.render_raw_model_constraints(raw_constraints=without_keys(model.constraints))
        ) | join(', ')
    }})
{% endmacro %}


{% macro without_keys(constraints) %}
    {{ return(constraints | rejectattr('type', 'in', ['primary_key', 'unique', 'foreign_key']) | list) }}
{% endmacro %}


{#
    Holds what a model gives against its contract in one statement; what does not fit is left to dbt, which asks for
    both again and says where they differ.
#}
{% macro duckdb__get_assert_columns_equivalent(sql) %}
    {%- set query -%}
        select given.columns = promised.columns
        from
            ({{ described(get_empty_subquery_sql(sql)) }}) as given,
            ({{ described(get_empty_schema_sql(model.columns)) }}) as promised
    {%- endset -%}
    {%- if config.get('sql_header') or not run_query(query).rows[0][0] -%}
        {{ assert_columns_equivalent(sql) }}
    {%- endif -%}
{% endmacro %}


{% macro described(query) -%}
    select list(lower(column_name) || ' ' || column_type order by lower(column_name)) as columns
    from (describe {{ query }})
{%- endmacro %}


{# No key is made, so no other table can refer to one; dbt would look for such tables whenever it replaces this one. #}
{% macro may_be_foreign_key_target(relation=none) %}
    {{ return(false) }}
{% endmacro %}
