{#
    Key on which a customer and a prospect are the same person: names and address regardless of case
    and of how accents are composed, where an empty part equals an empty part. The parts are kept apart by a control character.
#}
{% macro match_key(first_name, last_name, address_line1, address_line2, postal_code) -%}
    upper(concat_ws(
        chr(31),
        {%- for part in [first_name, last_name, address_line1, address_line2, postal_code] %}
        coalesce({{ composed(part) }}, ''){{ ',' if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}
