{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        {{ field(1, 15) }} as pts_text,
        {{ field(19, 4) }} as year_text,
        {{ field(23, 1) }} as quarter_text,
        {{ field(24, 8) }} as qtrstartdate_text,
        {{ field(32, 8) }} as postingdate_text,
        {{ field(40, 17) }} as revenue_text,
        {{ field(57, 17) }} as earnings_text,
        {{ field(74, 12) }} as eps_text,
        {{ field(86, 12) }} as dilutedeps_text,
        {{ field(98, 12) }} as margin_text,
        {{ field(110, 17) }} as inventory_text,
        {{ field(127, 17) }} as assets_text,
        {{ field(144, 17) }} as liabilities_text,
        {{ field(161, 13) }} as shout_text,
        {{ field(174, 13) }} as dilutedshout_text,
        {{ field(187, 60) }} as conameorcik_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null and length(line) in (196, 246) as is_split
    from {{ source('brokerage', 'finwire') }}
    where
        {{ is_in_force('finwire') }}
        and substr(line, 16, 3) = 'FIN'

),

typed as (

    select
        *,
        {{ typed_value('pts_text', 'compact_timestamp') }} as pts,
        {{ typed_value('year_text', 'integer:4') }} as year,
        {{ typed_value('quarter_text', 'code:1/2/3/4') }} as quarter,
        {{ typed_value('qtrstartdate_text', 'compact_date') }} as qtrstartdate,
        {{ typed_value('postingdate_text', 'compact_date') }} as postingdate,
        {{ typed_value('revenue_text', 'decimal:15,2') }} as revenue,
        {{ typed_value('earnings_text', 'decimal:15,2') }} as earnings,
        {{ typed_value('eps_text', 'decimal:10,2') }} as eps,
        {{ typed_value('dilutedeps_text', 'decimal:10,2') }} as dilutedeps,
        {{ typed_value('margin_text', 'decimal:10,2') }} as margin,
        {{ typed_value('inventory_text', 'decimal:15,2') }} as inventory,
        {{ typed_value('assets_text', 'decimal:15,2') }} as assets,
        {{ typed_value('liabilities_text', 'decimal:15,2') }} as liabilities,
        {{ typed_value('shout_text', 'integer:12') }} as shout,
        {{ typed_value('dilutedshout_text', 'integer:12') }} as dilutedshout,
        {{ typed_value('conameorcik_text', 'text:60') }} as conameorcik
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        pts,
        year,
        quarter,
        qtrstartdate,
        postingdate,
        revenue,
        earnings,
        eps,
        dilutedeps,
        margin,
        inventory,
        assets,
        liabilities,
        shout,
        dilutedshout,
        conameorcik,
        source_file,
        source_line,
        is_split
        and pts is not null
        and year is not null
        and quarter is not null
        and qtrstartdate is not null
        and postingdate is not null
        and revenue is not null
        and earnings is not null
        and eps is not null
        and dilutedeps is not null
        and margin is not null
        and inventory is not null
        and assets is not null
        and liabilities is not null
        and shout is not null
        and dilutedshout is not null
        and conameorcik is not null as is_valid
    from typed

)
{{ first_of_each_key(['conameorcik', 'year', 'quarter'], unique_in='batch') }}
