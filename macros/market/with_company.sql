{#
    Select that adds company_id and sk_company_id to newswire records: the company that a record refers to, in its
    version of the record's day. A reference of digits alone is the company's key, any other the name that the
    company bears on that day. NULL where there is no such company.

    records: name of a CTE with conameorcik and effective_date
#}
{% macro with_company(records) %}
    select
        referring.* exclude (reference),
        companies.company_id,
        companies.sk_company_id
    from (
        select
            *,
            case
                when regexp_full_match(conameorcik, '[0-9]+') then 'key ' || ltrim(conameorcik, '0')
                else 'name ' || {{ composed('conameorcik') }}
            end as reference
        from {{ records }}
    ) as referring
    {{ join_version(
        company_references(), 'companies', 'referring.reference = companies.reference', 'referring.effective_date', 'left'
    ) }}
{% endmacro %}


{#
    What records may call a company, and from when until when: one row per version of a company and way to call it. A
    name that two companies bear belongs to the one that took it last, so that no reference has two answers on a day.
#}
{% macro company_references() -%}
    (
        select
            called.reference,
            company_id,
            sk_company_id,
            effective_date,
            least(
                end_date,
                lead(effective_date, 1, {{ end_of_time() }}) over (
                    partition by called.reference order by effective_date, company_id desc
                )
            ) as end_date
        from {{ ref('silver_companies') }}
        cross join unnest([
            'key ' || ltrim(cast(company_id as varchar), '0'), 'name ' || {{ composed('name') }}
        ]) as called (reference)
    )
{%- endmacro %}
