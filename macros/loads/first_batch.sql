{#
    The first batch that this run has to build, as a literal; 0 when the model is built from nothing.

    It is the first batch whose delivery in force is not the one that the target has completely built
    (`built_loads`), or the number after the last one when nothing waits. Everything from it on is built
    again: new, late and replaced batches and runs that died are one and the same case. TRADEHOUSE_FROM_BATCH
    names an earlier batch from which on everything is built again.

    The answer is the same for every model of a run, so it is kept for the time of the run (macro `once_a_run`).
#}
{% macro first_batch() %}
    {% set in_force = ref('bronze_brokerage__batch_date') %}
    {% if not execute %}
        {{ return(0) }}
    {% endif %}
    {% if not is_incremental() %}
        {{ return(0) }}
    {% endif %}
    {% set known = once_a_run() %}
    {% if 'first_batch' not in known %}
        {% do known.update({'first_batch': find_first_batch(in_force.render())}) %}
    {% endif %}
    {{ return(known['first_batch']) }}
{% endmacro %}


{% macro find_first_batch(in_force) %}
    {% set built = adapter.get_relation(database=this.database, schema='silver', identifier='built_loads') %}
    {% if built is none %}
        {{ return(0) }}
    {% endif %}
    {% set found = run_query(
        'select coalesce(min(in_force.batch_id) filter (where built.batch_id is null), max(in_force.batch_id) + 1, 0)'
        ~ ' from ' ~ in_force ~ ' as in_force left join ' ~ built ~ ' as built using (batch_id, delivery)'
    ) %}
    {% set first_waiting = found.columns[0].values()[0] | int %}
    {% set asked_for = env_var('TRADEHOUSE_FROM_BATCH', '') or first_waiting %}
    {{ return([first_waiting, asked_for | int] | min) }}
{% endmacro %}
