{#
    Condition on a day: it is in the brokerage's calendar (Date.txt), which what is published refers to. True as well for
    NULL, which has not happened yet, and as long as there is no calendar.
#}
{% macro is_known_day(day) -%}
    coalesce(
        {{ day }} between
            (select min(datevalue) from {{ ref('bronze_brokerage__date') }})
            and (select max(datevalue) from {{ ref('bronze_brokerage__date') }}),
        true
    )
{%- endmacro %}
