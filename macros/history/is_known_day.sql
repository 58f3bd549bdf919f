{#
    Condition on a day: it is in the brokerage's calendar (Date.txt), which what is published refers to. True as well for
    NULL, which has not happened yet, and as long as there is no calendar.
#}
{% macro is_known_day(day) -%}
    coalesce(
        {{ day }} between
            (select min(date_value) from {{ ref('silver_dates') }})
            and (select max(date_value) from {{ ref('silver_dates') }}),
        true
    )
{%- endmacro %}
