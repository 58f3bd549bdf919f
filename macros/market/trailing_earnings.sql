{#
    Select of the basic earnings per share of a company over the four quarters before a quarter: company_id,
    quarter_start_date, earnings_cents, and the batches (known_from_batch <= batch < known_before_batch) to which the
    sum was known. Without any of the four quarters there is no row.

    first_day, last_day: expressions of the days whose quarters are wanted
#}
{% macro trailing_earnings(first_day, last_day) %}
    with counted as (

        -- A result counts in the four quarters after its own.
        select
            financials.company_id,
            cast(financials.quarter_start_date + quarters.later * interval 3 month as date) as quarter_start_date,
            {{ cents('financials.basic_eps') }} as eps_cents,
            financials.batch_id,
            coalesce(financials.replaced_in_batch, 2147483647) as replaced_in_batch
        from {{ ref('silver_financials') }} as financials
        cross join (values (1), (2), (3), (4)) as quarters (later)
        where
            financials.company_id is not null
            and financials.quarter_start_date >= {{ first_day }} - interval 15 month
            and financials.quarter_start_date <= {{ last_day }}

    ),

    changes as (

        select
            company_id,
            quarter_start_date,
            batch_id
        from counted

        union

        select
            company_id,
            quarter_start_date,
            replaced_in_batch
        from counted
        where replaced_in_batch < 2147483647

    )

    select
        company_id,
        quarter_start_date,
        changes.batch_id as known_from_batch,
        lead(changes.batch_id, 1, 2147483647) over (
            partition by company_id, quarter_start_date order by changes.batch_id
        ) as known_before_batch,
        cast(sum(counted.eps_cents) as bigint) as earnings_cents
    from changes
    inner join counted using (company_id, quarter_start_date)
    where changes.batch_id >= counted.batch_id and changes.batch_id < counted.replaced_in_batch
    group by company_id, quarter_start_date, changes.batch_id
{%- endmacro %}
