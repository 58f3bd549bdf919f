{#
    Runs at the end of every dbt invocation: rows of failed tests are kept, at most a hundred a test, as
    failed_test_<name>.csv in the folder of dbt's log, and the first five are printed.
#}
{% macro report_failed_tests(results) %}
    {% for result in results if execute and result.failures and result.node.resource_type == 'test'
        and result.status in ('fail', 'warn') %}
        {% set path = flags.LOG_PATH ~ '/failed_test_' ~ result.node.name[:100] ~ '.csv' %}
        {% do run_query(
            "copy (from (" ~ result.node.compiled_code ~ "\n) limit 100) to '" ~ path | replace("'", "''") ~ "' (header)"
        ) %}
        {% do log(result.node.name ~ ': ' ~ result.failures ~ ' failing rows, kept in ' ~ path, info=true) %}
        {% for row in run_query("from read_csv('" ~ path | replace("'", "''") ~ "', header=true, all_varchar=true) limit 5") %}
            {% set values = [] %}
            {% for name, value in row.dict().items() %}{% do values.append(name ~ '=' ~ value) %}{% endfor %}
            {% do log('    ' ~ values | join(', '), info=true) %}
        {% endfor %}
    {% endfor %}
{% endmacro %}
