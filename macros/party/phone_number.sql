{#
    A telephone number written out of its parts: +1 (123) 456-7890, (123) 456-7890 or 456-7890, with
    the extension directly behind; NULL without a local part. A country code counts only together with
    an area code.
#}
{% macro phone_number(country_code, area_code, local_number, extension) -%}
    case
        when {{ area_code }} is null then {{ local_number }}
        when {{ country_code }} is null then '(' || {{ area_code }} || ') ' || {{ local_number }}
        else '+' || {{ country_code }} || ' (' || {{ area_code }} || ') ' || {{ local_number }}
    end || coalesce({{ extension }}, '')
{%- endmacro %}
