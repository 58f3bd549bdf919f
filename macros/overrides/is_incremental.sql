{#
    dbt's own answer. What first_batch() reads is named while dbt parses, because most models call
    first_batch() only when they are incremental, and dbt would not see the dependency.
    `dbt show` shows what a model gives of all batches, not of those that a build would add.
#}
{% macro is_incremental() %}
    {% if not execute and model.name != 'bronze_brokerage__batch_date' %}
        {% do ref('bronze_brokerage__batch_date') %}
    {% endif %}
    {{ return(dbt.is_incremental() and flags.WHICH != 'show') }}
{% endmacro %}
