{#
    What was delivered in a field of a raw row whose column does not hold all of it, as a text; else NULL. The loader
    lists it in `_airbyte_meta`, behind the source's own changes.
#}
{% macro original(field) -%}
    {%- set literal = "('" ~ field | replace("'", "''") | replace("\0", "' || chr(0) || '") ~ "')" -%}
    case when _airbyte_meta is not null then json_extract_string(list_filter(
        from_json(_airbyte_meta -> '$.changes', '["JSON"]'), lambda _c_:
        json_extract_string(_c_, '$.field') = {{ literal }}
        and starts_with(json_extract_string(_c_, '$.reason'), 'DESTINATION_')
        and json_extract_string(_c_, '$.original') is not null)[-1], '$.original') end
{%- endmacro %}
