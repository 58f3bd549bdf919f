{# The currency that marts report in beside US dollars, as a literal: TRADEHOUSE_REPORTING_CURRENCY, USD by default. #}
{% macro reporting_currency() -%}
    {%- set currency = env_var('TRADEHOUSE_REPORTING_CURRENCY', 'USD') -%}
    {%- if not modules.re.fullmatch('[A-Z]{3}', currency) -%}
        {% do exceptions.raise_compiler_error(
            'TRADEHOUSE_REPORTING_CURRENCY is ' ~ currency ~ ': it has to be the code of a currency, such as CAD'
        ) %}
    {%- endif -%}
    '{{ currency }}'
{%- endmacro %}
