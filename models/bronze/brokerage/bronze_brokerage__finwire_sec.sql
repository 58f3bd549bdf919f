{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        {{ field(1, 15) }} as pts_text,
        {{ field(19, 15) }} as symbol_text,
        {{ field(34, 6) }} as issuetype_text,
        {{ field(40, 4) }} as status_text,
        {{ field(44, 70) }} as name_text,
        {{ field(114, 6) }} as exid_text,
        {{ field(120, 13) }} as shout_text,
        {{ field(133, 8) }} as firsttradedate_text,
        {{ field(141, 8) }} as firsttradeexchg_text,
        {{ field(149, 12) }} as dividend_text,
        {{ field(161, 60) }} as conameorcik_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null and length(line) in (170, 220) as is_split
    from {{ source('brokerage', 'finwire') }}
    where
        {{ is_in_force('finwire') }}
        and substr(line, 16, 3) = 'SEC'

),

typed as (

    select
        *,
        {{ typed_value('pts_text', 'compact_timestamp') }} as pts,
        {{ typed_value('symbol_text', 'text:15') }} as symbol,
        {{ typed_value('issuetype_text', 'text:6') }} as issuetype,
        {{ typed_value('status_text', 'code:ACTV/INAC') }} as status,
        {{ typed_value('name_text', 'text:70') }} as name,
        {{ typed_value('exid_text', 'text:6') }} as exid,
        {{ typed_value('shout_text', 'integer:12') }} as shout,
        {{ typed_value('firsttradedate_text', 'compact_date:1800-01-01') }} as firsttradedate,
        {{ typed_value('firsttradeexchg_text', 'compact_date:1800-01-01') }} as firsttradeexchg,
        {{ typed_value('dividend_text', 'decimal:10,2') }} as dividend,
        {{ typed_value('conameorcik_text', 'text:60') }} as conameorcik
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        pts,
        symbol,
        issuetype,
        status,
        name,
        exid,
        shout,
        firsttradedate,
        firsttradeexchg,
        dividend,
        conameorcik,
        source_file,
        source_line,
        is_split
        and pts is not null
        and symbol is not null
        and issuetype is not null
        and status is not null
        and name is not null
        and exid is not null
        and shout is not null
        and firsttradedate is not null
        and firsttradeexchg is not null
        and dividend is not null
        and conameorcik is not null as is_valid
    from typed

)
{{ first_of_each_key(['symbol', 'pts'], unique_in='batch') }}
