{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        sk_dateid as sk_dateid_text,
        datevalue as datevalue_text,
        datedesc as datedesc_text,
        calendaryearid as calendaryearid_text,
        calendaryeardesc as calendaryeardesc_text,
        calendarqtrid as calendarqtrid_text,
        calendarqtrdesc as calendarqtrdesc_text,
        calendarmonthid as calendarmonthid_text,
        calendarmonthdesc as calendarmonthdesc_text,
        calendarweekid as calendarweekid_text,
        calendarweekdesc as calendarweekdesc_text,
        dayofweeknum as dayofweeknum_text,
        dayofweekdesc as dayofweekdesc_text,
        fiscalyearid as fiscalyearid_text,
        fiscalyeardesc as fiscalyeardesc_text,
        fiscalqtrid as fiscalqtrid_text,
        fiscalqtrdesc as fiscalqtrdesc_text,
        holidayflag as holidayflag_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'date') }}
    where {{ is_in_force('date') }}

),

typed as (

    select
        *,
        {{ typed_value('sk_dateid_text', 'integer:11') }} as sk_dateid,
        {{ typed_value('datevalue_text', 'date') }} as datevalue,
        {{ typed_value('datedesc_text', 'text:20') }} as datedesc,
        {{ typed_value('calendaryearid_text', 'integer:4') }} as calendaryearid,
        {{ typed_value('calendaryeardesc_text', 'text:20') }} as calendaryeardesc,
        {{ typed_value('calendarqtrid_text', 'integer:5') }} as calendarqtrid,
        {{ typed_value('calendarqtrdesc_text', 'text:20') }} as calendarqtrdesc,
        {{ typed_value('calendarmonthid_text', 'integer:6') }} as calendarmonthid,
        {{ typed_value('calendarmonthdesc_text', 'text:20') }} as calendarmonthdesc,
        {{ typed_value('calendarweekid_text', 'integer:6') }} as calendarweekid,
        {{ typed_value('calendarweekdesc_text', 'text:20') }} as calendarweekdesc,
        {{ typed_value('dayofweeknum_text', 'integer:1') }} as dayofweeknum,
        {{ typed_value('dayofweekdesc_text', 'text:10') }} as dayofweekdesc,
        {{ typed_value('fiscalyearid_text', 'integer:4') }} as fiscalyearid,
        {{ typed_value('fiscalyeardesc_text', 'text:20') }} as fiscalyeardesc,
        {{ typed_value('fiscalqtrid_text', 'integer:5') }} as fiscalqtrid,
        {{ typed_value('fiscalqtrdesc_text', 'text:20') }} as fiscalqtrdesc,
        {{ typed_value('holidayflag_text', 'word') }} as holidayflag
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        sk_dateid,
        datevalue,
        datedesc,
        calendaryearid,
        calendaryeardesc,
        calendarqtrid,
        calendarqtrdesc,
        calendarmonthid,
        calendarmonthdesc,
        calendarweekid,
        calendarweekdesc,
        dayofweeknum,
        dayofweekdesc,
        fiscalyearid,
        fiscalyeardesc,
        fiscalqtrid,
        fiscalqtrdesc,
        holidayflag,
        source_file,
        source_line,
        is_split
        and sk_dateid is not null
        and datevalue is not null
        and datedesc is not null
        and calendaryearid is not null
        and calendaryeardesc is not null
        and calendarqtrid is not null
        and calendarqtrdesc is not null
        and calendarmonthid is not null
        and calendarmonthdesc is not null
        and calendarweekid is not null
        and calendarweekdesc is not null
        and dayofweeknum is not null
        and dayofweekdesc is not null
        and fiscalyearid is not null
        and fiscalyeardesc is not null
        and fiscalqtrid is not null
        and fiscalqtrdesc is not null
        and (holidayflag is not null or holidayflag_text is null) as is_valid
    from typed

)
{{ first_of_each_key(['sk_dateid'], unique_in='source') }}
