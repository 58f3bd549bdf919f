{# A returned row is a day that follows another one with a gap between them. #}
{% test has_no_missing_days(model) %}
select
    date_value,
    lag(date_value) over (order by date_value) as day_before
from {{ model }}
qualify date_value <> day_before + 1
{% endtest %}
