{#
    Whether a model is built from nothing in this run: with --full-refresh, by its own configuration,
    because it is named in TRADEHOUSE_REBUILD (comma separated model names; `*` names all), or because
    new loads do not tell all that changed in what it reads (`has_lost_rows`).
    An environment variable is used because a changed --vars would void dbt's partial parsing.
#}
{% macro should_full_refresh() %}
    {% set configured = config.get('full_refresh') %}
    {% if configured is not none %}
        {{ return(configured) }}
    {% endif %}
    {% set rebuild = env_var('TRADEHOUSE_REBUILD', '').split(',') %}
    {{ return(flags.FULL_REFRESH or '*' in rebuild or model.name in rebuild or has_lost_rows(model)) }}
{% endmacro %}
