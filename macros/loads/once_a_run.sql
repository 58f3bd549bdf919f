{#
    A dictionary for what is found out once in a run of dbt. It hangs on the graph, the one thing that all nodes of a
    run share, under the name of the run, as one process may run dbt more than once.
#}
{% macro once_a_run() %}
    {% if 'once_a_run' not in graph or invocation_id not in graph['once_a_run'] %}
        {% do graph.update({'once_a_run': {invocation_id: {}}}) %}
    {% endif %}
    {{ return(graph['once_a_run'][invocation_id]) }}
{% endmacro %}
