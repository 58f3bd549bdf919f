{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        {{ field(1, 15) }} as pts_text,
        {{ field(19, 60) }} as companyname_text,
        {{ field(79, 10) }} as cik_text,
        {{ field(89, 4) }} as status_text,
        {{ field(93, 2) }} as industryid_text,
        {{ field(95, 4) }} as sprating_text,
        {{ field(99, 8) }} as foundingdate_text,
        {{ field(107, 80) }} as addrline1_text,
        {{ field(187, 80) }} as addrline2_text,
        {{ field(267, 12) }} as postalcode_text,
        {{ field(279, 25) }} as city_text,
        {{ field(304, 20) }} as stateprovince_text,
        {{ field(324, 24) }} as country_text,
        {{ field(348, 46) }} as ceoname_text,
        {{ field(394, 150) }} as description_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null and length(line) in (543) as is_split
    from {{ source('brokerage', 'finwire') }}
    where
        {{ is_in_force('finwire') }}
        and substr(line, 16, 3) = 'CMP'

),

typed as (

    select
        *,
        {{ typed_value('pts_text', 'compact_timestamp') }} as pts,
        {{ typed_value('companyname_text', 'text:60') }} as companyname,
        {{ typed_value('cik_text', 'integer:10') }} as cik,
        {{ typed_value('status_text', 'code:ACTV/INAC') }} as status,
        {{ typed_value('industryid_text', 'text:2') }} as industryid,
        {{ typed_value('sprating_text', 'text:4') }} as sprating,
        {{ typed_value('foundingdate_text', 'compact_date:1800-01-01') }} as foundingdate,
        {{ typed_value('addrline1_text', 'text:80') }} as addrline1,
        {{ typed_value('addrline2_text', 'text:80') }} as addrline2,
        {{ typed_value('postalcode_text', 'text:12') }} as postalcode,
        {{ typed_value('city_text', 'text:25') }} as city,
        {{ typed_value('stateprovince_text', 'text:20') }} as stateprovince,
        {{ typed_value('country_text', 'text:24') }} as country,
        {{ typed_value('ceoname_text', 'text:46') }} as ceoname,
        {{ typed_value('description_text', 'text:150') }} as description
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        pts,
        companyname,
        cik,
        status,
        industryid,
        sprating,
        foundingdate,
        addrline1,
        addrline2,
        postalcode,
        city,
        stateprovince,
        country,
        ceoname,
        description,
        source_file,
        source_line,
        is_split
        and pts is not null
        and companyname is not null
        and cik is not null
        and status is not null
        and industryid is not null
        and (sprating is not null or sprating_text is null)
        and (foundingdate is not null or foundingdate_text is null)
        and (addrline1 is not null or addrline1_text is null)
        and (addrline2 is not null or addrline2_text is null)
        and postalcode is not null
        and city is not null
        and stateprovince is not null
        and (country is not null or country_text is null)
        and ceoname is not null
        and description is not null as is_valid
    from typed

)
{{ first_of_each_key(['cik', 'pts'], unique_in='batch') }}
