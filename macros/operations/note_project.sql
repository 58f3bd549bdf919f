{#
    Notes in a table's comment which project built the warehouse (TRADEHOUSE_PROJECT_DIGEST; empty when it is built by
    hand), so that an older copy of the file is known for what it is.
#}
{% macro note_project() %}
    comment on table {{ this }} is 'Built by project {{ env_var('TRADEHOUSE_PROJECT_DIGEST', '') }}'
{% endmacro %}
