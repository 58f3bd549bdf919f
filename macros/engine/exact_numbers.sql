{# An amount of money in whole cents. #}
{% macro cents(amount) -%}
    cast({{ amount }} * 100 as bigint)
{%- endmacro %}


{# Whole cents (16 digits at most) as an amount; NULL where it does not fit the type. #}
{% macro from_cents(whole_cents, sql_type) -%}
    try_cast(try_cast({{ whole_cents }} as decimal(16, 0)) * cast(0.01 as decimal(2, 2)) as {{ sql_type }})
{%- endmacro %}


{#
    Quotient of two whole numbers, rounded half away from zero in whole numbers, because engines divide decimals
    in floating point. NULL when the divisor is 0.
#}
{% macro divide_half_up(dividend, divisor) -%}
    (2 * {{ dividend }} * sign({{ divisor }}) + sign({{ dividend }}) * abs({{ divisor }})) // nullif(2 * abs({{ divisor }}), 0)
{%- endmacro %}
