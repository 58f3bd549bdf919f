{# A text with its accents composed (Unicode's form NFC), so that texts that look alike are alike. #}
{% macro composed(expression) -%}
    nfc_normalize({{ expression }})
{%- endmacro %}
