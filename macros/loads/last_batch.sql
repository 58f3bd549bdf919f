{#
    The last batch that silver and gold may read, as a literal: the last one that the gate
    (`bronze_batches`) accepted. A large number while dbt only parses.
#}
{% macro last_batch() %}
    {% set gate = ref('bronze_batches') %}
    {% if not execute %}
        {{ return(999999) }}
    {% endif %}
    {% set known = once_a_run() %}
    {% if 'last_batch' not in known %}
        {% do known.update({'last_batch': find_last_batch(gate)}) %}
    {% endif %}
    {{ return(known['last_batch']) }}
{% endmacro %}


{% macro find_last_batch(gate) %}
    {% set exists = adapter.get_relation(database=gate.database, schema=gate.schema, identifier=gate.identifier) %}
    {% if exists is none %}
        {{ return(999999) }}
    {% endif %}
    {% set found = run_query('select coalesce(max(batch_id), 0) from ' ~ gate.render() ~ ' where is_accepted') %}
    {{ return(found.columns[0].values()[0] | int) }}
{% endmacro %}
