{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        sk_timeid as sk_timeid_text,
        timevalue as timevalue_text,
        hourid as hourid_text,
        hourdesc as hourdesc_text,
        minuteid as minuteid_text,
        minutedesc as minutedesc_text,
        secondid as secondid_text,
        seconddesc as seconddesc_text,
        markethoursflag as markethoursflag_text,
        officehoursflag as officehoursflag_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'time') }}
    where {{ is_in_force('time') }}

),

typed as (

    select
        *,
        {{ typed_value('sk_timeid_text', 'integer:11') }} as sk_timeid,
        {{ typed_value('timevalue_text', 'time') }} as timevalue,
        {{ typed_value('hourid_text', 'integer:2') }} as hourid,
        {{ typed_value('hourdesc_text', 'text:20') }} as hourdesc,
        {{ typed_value('minuteid_text', 'integer:2') }} as minuteid,
        {{ typed_value('minutedesc_text', 'text:20') }} as minutedesc,
        {{ typed_value('secondid_text', 'integer:2') }} as secondid,
        {{ typed_value('seconddesc_text', 'text:20') }} as seconddesc,
        {{ typed_value('markethoursflag_text', 'word') }} as markethoursflag,
        {{ typed_value('officehoursflag_text', 'word') }} as officehoursflag
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        sk_timeid,
        timevalue,
        hourid,
        hourdesc,
        minuteid,
        minutedesc,
        secondid,
        seconddesc,
        markethoursflag,
        officehoursflag,
        source_file,
        source_line,
        is_split
        and sk_timeid is not null
        and timevalue is not null
        and hourid is not null
        and hourdesc is not null
        and minuteid is not null
        and minutedesc is not null
        and secondid is not null
        and seconddesc is not null
        and (markethoursflag is not null or markethoursflag_text is null)
        and (officehoursflag is not null or officehoursflag_text is null) as is_valid
    from typed

)
{{ first_of_each_key(['sk_timeid'], unique_in='source') }}
