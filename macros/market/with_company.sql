{#
    Select that adds company_id to newswire records: the company that a record refers to, by its key when the
    reference is all digits, else by the name that the company bears on the record's day; NULL when there is none.

    records: name of a CTE with conameorcik and effective_date
#}
{% macro with_company(records) %}
    select
        referring.* exclude (reference),
        case when referring.effective_date < companies.end_date then companies.company_id end as company_id
    from (
        select
            *,
            case
                when regexp_full_match(conameorcik, '[0-9]+')
                    then 'key ' || ltrim(conameorcik, '0')
                else 'name ' || conameorcik
            end as reference
        from {{ records }}
    ) as referring
    {{ join_version(
        company_references(), 'companies', 'referring.reference = companies.reference', 'referring.effective_date', 'left'
    ) | indent(4) }}
{% endmacro %}


{# What newswire records may call a company, with the days on which it may be called so: one row per reference and day of start. #}
{% macro company_references() -%}
(
        select
            references_of_version.reference,
            company_id,
            effective_date,
            end_date
        from {{ ref('silver_companies') }}
        cross join unnest([
            'key ' || ltrim(cast(company_id as varchar), '0'), 'name ' || name
        ]) as references_of_version (reference)
        qualify row_number() over (
            partition by references_of_version.reference, effective_date order by company_id
        ) = 1
    )
{%- endmacro %}
