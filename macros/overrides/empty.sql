{#
    With `--empty` nothing is added and nothing removed: a relation that exists stays as it is, whatever it is made
    by. One that is missing is made without rows and marked (macro `mark_as_empty`); the plugin drops what is marked
    before the model is built, so that it is then built from nothing.
#}
{% macro is_kept_by_empty() %}
    {{ return(flags.EMPTY and load_cached_relation(this) is not none) }}
{% endmacro %}


{% macro keep_as_it_is() %}
    {% call noop_statement('main', 'KEPT') %}{% endcall %}
    {{ return({'relations': [load_cached_relation(this)]}) }}
{% endmacro %}


{% macro mark_as_empty(relations) %}
    {% if flags.EMPTY %}
        {% for relation in relations['relations'] %}
            {% do run_query("comment on " ~ relation.type ~ " " ~ relation.render() ~ " is 'Made without rows, by --empty.'") %}
        {% endfor %}
        {% do adapter.commit() %}
    {% endif %}
    {{ return(relations) }}
{% endmacro %}


{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% if is_kept_by_empty() %}{{ return(keep_as_it_is()) }}{% endif %}
    {{ return(mark_as_empty(dbt.materialization_table_duckdb())) }}
{% endmaterialization %}


{% materialization incremental, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {% if is_kept_by_empty() %}{{ return(keep_as_it_is()) }}{% endif %}
    {{ return(mark_as_empty(dbt.materialization_incremental_duckdb())) }}
{% endmaterialization %}


{% materialization view, adapter='duckdb' %}
    {% if is_kept_by_empty() %}{{ return(keep_as_it_is()) }}{% endif %}
    {{ return(mark_as_empty(dbt.materialization_view_default())) }}
{% endmaterialization %}


{% materialization seed, adapter='duckdb' %}
    {% if is_kept_by_empty() %}
        {# dbt asks a seed for what it read. #}
        {% do store_result('agate_table', response='KEPT', agate_table=load_agate_table()) %}
        {{ return(keep_as_it_is()) }}
    {% endif %}
    {% set relations = dbt.materialization_seed_default() %}
    {% if flags.EMPTY %}{% do run_query('delete from ' ~ this.render()) %}{% endif %}
    {{ return(mark_as_empty(relations)) }}
{% endmaterialization %}


{% materialization snapshot, adapter='duckdb' %}
    {% if is_kept_by_empty() %}{{ return(keep_as_it_is()) }}{% endif %}
    {{ return(mark_as_empty(dbt.materialization_snapshot_default())) }}
{% endmaterialization %}
