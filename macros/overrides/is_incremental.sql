{#
    As dbt answers, for `by_load` too. What first_batch() reads is named while dbt parses, because most models call
    first_batch() only when they are incremental, and dbt would not see the dependency.
    `dbt show` shows what a model gives of all batches, not of those that a build would add.
#}
{% macro is_incremental() %}
    {% if not execute and model.name != 'bronze_brokerage__batch_date' %}
        {% do ref('bronze_brokerage__batch_date') %}
    {% endif %}
    {% if not execute or flags.WHICH == 'show' or should_full_refresh() %}
        {{ return(false) }}
    {% endif %}
    {% set relation = load_cached_relation(this) %}
    {% set adds_rows = config.get('materialized') in ('by_load', 'incremental') %}
    {{ return(adds_rows and relation is not none and relation.is_table) }}
{% endmacro %}
