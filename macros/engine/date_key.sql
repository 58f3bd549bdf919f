{# Key of a day in dim_date: the number yyyymmdd. #}
{% macro date_key(day) -%}
    (year({{ day }}) * 10000 + month({{ day }}) * 100 + day({{ day }}))
{%- endmacro %}


{# Key of a second in dim_time: the number hhmmss. #}
{% macro time_key(moment) -%}
    (hour({{ moment }}) * 10000 + minute({{ moment }}) * 100 + second({{ moment }}))
{%- endmacro %}


{# The end of time: the end_date of every version that is still valid. #}
{% macro end_of_time() -%}
    date '9999-12-31'
{%- endmacro %}
