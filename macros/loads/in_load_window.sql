{#
    Condition: the row belongs to a load of the source that the target has not completely built. Every row does when the
    model is built from nothing. `column` has the number of the load: `_load` of raw and of generated bronze models.

    A model materialized `by_load` that says so is extended when loads of the source wait. What a load took away without a
    newer row of its key cannot be seen so: then the model is built from nothing (`has_lost_rows`).
#}
{% macro in_load_window(source, column='_load') -%}
    {%- if execute and is_incremental() -%}
    coalesce({{ column }}, 0) >= {{ load_window(source)['first_load'] }}
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{# The sources that a model windows by load; `tradehouse/build/selection.py` reads its code in the same way. #}
{% macro sources_by_load(model) %}
    {% set code = modules.re.sub('(?s)[{]#.*?#[}]', '', model.get('raw_code') or '') %}
    {{ return(modules.re.findall('\\bin_load_window\\(\\s*[\'"](\\w+)[\'"]', code)) }}
{% endmacro %}


{# Whether a source that a model windows by load has lost or changed rows that no newer row tells of. #}
{% macro has_lost_rows(model) %}
    {% if execute %}
        {% for source in sources_by_load(model) if load_window(source)['has_lost_rows'] %}
            {{ return(true) }}
        {% endfor %}
    {% endif %}
    {{ return(false) }}
{% endmacro %}


{# The first load of a source that waits, and whether rows of those before it are others now; found once a run. #}
{% macro load_window(source) %}
    {% set known = once_a_run() %}
    {% set name = 'loads of ' ~ source %}
    {% if name not in known %}
        {% do known.update({name: find_load_window(source)}) %}
    {% endif %}
    {{ return(known[name]) }}
{% endmacro %}


{#
    Rows are lost when a load that is built is not in the ledger (an older raw was put back); when a load that waits says so
    (`rewrites`: rows were deleted or replaced, a type or the key is another); and when loads wait that the contract of the
    source does not let through as it did the last one that is built: it changed, held some, or quarantines a row of which raw
    has no older version (`loses`). While the source is held its bronze is what it was.
#}
{% macro find_load_window(source) %}
    {% set built = adapter.get_relation(database=this.database, schema='silver', identifier='built_loads') %}
    {% set ledger = api.Relation.create(database='raw', schema='_tradehouse', identifier='loads') %}
    {% set judged = api.Relation.create(database='raw', schema='_tradehouse', identifier='judged') %}
    {% set is_known = built is not none and load_relation(ledger) is not none %}
    {% if not is_known or 'rewrites' not in adapter.get_columns_in_relation(ledger) | map(attribute='name') %}
        {{ return({'first_load': 0, 'has_lost_rows': true}) }}
    {% endif %}
    {% set found = run_query("
        with built as (select load, committed_at from " ~ built ~ " where source = '" ~ source ~ "'),
        last as (select coalesce(max(load), 0) as load from built),
        loads as (
            select load, max(committed_at) as committed_at, bool_or(coalesce(rewrites, true)) as rewrites
            from " ~ ledger ~ " where source = '" ~ source ~ "' group by load
        ),
        waiting as (from loads anti join built using (load, committed_at)),
        judged as (
            select judged.*, judged.load > last.load as is_new
            from " ~ judged ~ " as judged, last
            where judged.source = '" ~ source ~ "' and judged.load >= last.load
        )
        select
            case
                when (select load from last) = 0 then 0
                else coalesce((select min(load) from waiting), (select load + 1 from last))
            end,
            exists (from built anti join loads using (load, committed_at))
            or exists (from waiting where rewrites),
            exists (from waiting) and exists (from " ~ judged ~ " where source = '" ~ source ~ "') and (
                select
                    count(distinct contract) <> 1
                    or bool_or(reason is not null)
                    or bool_or(is_new and coalesce(loses, true))
                    or not bool_or(not is_new) and (select load from last) > 0
                from judged
            )
    ") %}
    {% set first_load, are_lost, are_judged_otherwise = found.rows[0] %}
    {{ return({
        'first_load': first_load | int,
        'has_lost_rows': are_lost or (are_judged_otherwise and not is_held(source))
    }) }}
{% endmacro %}
