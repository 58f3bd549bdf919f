{#
    Several promises of one table, checked in one scan; a returned row says which promise a row breaks.

    unique:       list of keys, each a column or a list of columns
    not_null:     list of columns
    rules:        {name_of_the_rule: condition that holds for every row}; the name is an identifier
    batch_column: column with the batch that touched the row; a daily run then reads only rows of its batches
                  (and, for unique keys, the rows that share their keys). Without it everything is read.
    not_daily:    a daily run leaves the test out: for a view that is slow and made of tables that are tested in it
    held_with:    source with whose held loads the table stays as it was, and so is not tested
#}
{% test keeps_rules(model, unique=[], not_null=[], rules={}, batch_column=none, not_daily=false, held_with=none) %}
{%- for name in rules if not modules.re.fullmatch('[a-z_][a-z0-9_]*', name) %}
{%- do exceptions.raise_compiler_error('The name of a rule is an identifier, such as a_version_lasts; this is none: ' ~ name) %}
{%- endfor %}
{%- if held_with and is_held(held_with) or not_daily and test_from_batch() -%}
select cast(null as varchar) as broken_rule, cast(null as varchar) as row_text where false
{%- else -%}
{%- set from_batch = test_from_batch() if batch_column else 0 -%}
with checked as (

    select *
    from {{ model }}
    {%- if from_batch %}
    where {{ batch_column }} >= {{ from_batch }}
    {%- endif %}

)
{%- if not_null or rules %},

broken as (

    select
        concat_ws(
            '; '
            {%- for column in not_null %},
            case when {{ column }} is null then '{{ column }} is null' end
            {%- endfor %}
            {%- for name, condition in rules.items() %},
            case when not coalesce({{ condition }}, false) then '{{ name }}' end
            {%- endfor %}
        ) as broken_rule,
        cast(checked as varchar) as row_text
    from checked
    where
        false
        {%- for column in not_null %}
        or {{ column }} is null
        {%- endfor %}
        {%- for condition in rules.values() %}
        or not coalesce({{ condition }}, false)
        {%- endfor %}

)

select broken_rule, row_text from broken
{%- endif %}
{%- for key in unique %}
{%- set columns = ([key] if key is string else key) | join(', ') %}
{{ 'union all' if not_null or rules or not loop.first }}
select
    'not unique: {{ columns }}' as broken_rule,
    concat_ws(', ', {{ columns }}) || ' occurs ' || count(*) || ' times' as row_text
from {{ 'checked' if not from_batch else model }}
{%- if from_batch %}
where ({{ columns }}) in (select {{ columns }} from checked)
{%- endif %}
group by {{ columns }}
having count(*) > 1
{%- endfor %}
{%- endif %}
{% endtest %}
