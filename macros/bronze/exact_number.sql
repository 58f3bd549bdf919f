{#
    A text that is equal for equal numbers and sorts as they do, however many digits they have; NULL where the text
    (an expression, or what the macro is called with) is no number of JSON.
#}
{% macro exact_number(text=none) -%}
    {%- set text = text or caller() -%}
    case when regexp_full_match({{ text }}, '-?\d+(\.\d+)?([eE][+-]?\d+)?') then list_transform([regexp_extract(
        {{ text }}, '^(-?)0*(\d*)(?:\.(\d+))?(?:[eE]\+?(-?\d+))?$',
        ['minus', 'whole', 'part', 'shift'])],
    lambda _p_: list_transform([{
            digits: rtrim(ltrim(_p_.whole || _p_.part, '0'), '0'),
            point: try_cast(if(_p_.shift = '', '0', _p_.shift) as integer) - length(_p_.part)
                + length(ltrim(_p_.whole || _p_.part, '0'))
        }],
        lambda _n_: case when _n_.digits = '' then '1'
            when _p_.minus = '' then '2' || lpad((1000000000 + _n_.point)::varchar, 11, '0')
                || _n_.digits
            else '0' || lpad((1000000000 - _n_.point)::varchar, 11, '0')
                || translate(_n_.digits, '0123456789', '9876543210') || '~'
        end)[1])[1] end
{%- endmacro %}
