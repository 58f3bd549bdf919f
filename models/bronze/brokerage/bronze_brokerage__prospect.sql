{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        agencyid as agencyid_text,
        lastname as lastname_text,
        firstname as firstname_text,
        middleinitial as middleinitial_text,
        gender as gender_text,
        addressline1 as addressline1_text,
        addressline2 as addressline2_text,
        postalcode as postalcode_text,
        city as city_text,
        state as state_text,
        country as country_text,
        phone as phone_text,
        income as income_text,
        numbercars as numbercars_text,
        numberchildren as numberchildren_text,
        maritalstatus as maritalstatus_text,
        age as age_text,
        creditrating as creditrating_text,
        ownorrentflag as ownorrentflag_text,
        employer as employer_text,
        numbercreditcards as numbercreditcards_text,
        networth as networth_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'prospect') }}
    where {{ is_in_force('prospect') }}

),

typed as (

    select
        *,
        {{ typed_value('agencyid_text', 'text:30') }} as agencyid,
        {{ typed_value('lastname_text', 'text:30') }} as lastname,
        {{ typed_value('firstname_text', 'text:30') }} as firstname,
        {{ typed_value('middleinitial_text', 'text:1') }} as middleinitial,
        {{ typed_value('gender_text', 'text:1') }} as gender,
        {{ typed_value('addressline1_text', 'text:80') }} as addressline1,
        {{ typed_value('addressline2_text', 'text:80') }} as addressline2,
        {{ typed_value('postalcode_text', 'text:12') }} as postalcode,
        {{ typed_value('city_text', 'text:25') }} as city,
        {{ typed_value('state_text', 'text:20') }} as state,
        {{ typed_value('country_text', 'text:24') }} as country,
        {{ typed_value('phone_text', 'text:30') }} as phone,
        {{ typed_value('income_text', 'integer:9') }} as income,
        {{ typed_value('numbercars_text', 'integer:2') }} as numbercars,
        {{ typed_value('numberchildren_text', 'integer:2') }} as numberchildren,
        {{ typed_value('maritalstatus_text', 'text:1') }} as maritalstatus,
        {{ typed_value('age_text', 'integer:3') }} as age,
        {{ typed_value('creditrating_text', 'integer:4') }} as creditrating,
        {{ typed_value('ownorrentflag_text', 'text:1') }} as ownorrentflag,
        {{ typed_value('employer_text', 'text:30') }} as employer,
        {{ typed_value('numbercreditcards_text', 'integer:2') }} as numbercreditcards,
        {{ typed_value('networth_text', 'integer:12') }} as networth
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        agencyid,
        lastname,
        firstname,
        middleinitial,
        gender,
        addressline1,
        addressline2,
        postalcode,
        city,
        state,
        country,
        phone,
        income,
        numbercars,
        numberchildren,
        maritalstatus,
        age,
        creditrating,
        ownorrentflag,
        employer,
        numbercreditcards,
        networth,
        source_file,
        source_line,
        is_split
        and agencyid is not null
        and lastname is not null
        and firstname is not null
        and (middleinitial is not null or middleinitial_text is null)
        and (gender is not null or gender_text is null)
        and (addressline1 is not null or addressline1_text is null)
        and (addressline2 is not null or addressline2_text is null)
        and (postalcode is not null or postalcode_text is null)
        and city is not null
        and state is not null
        and (country is not null or country_text is null)
        and (phone is not null or phone_text is null)
        and (income is not null or income_text is null)
        and (numbercars is not null or numbercars_text is null)
        and (numberchildren is not null or numberchildren_text is null)
        and (maritalstatus is not null or maritalstatus_text is null)
        and (age is not null or age_text is null)
        and (creditrating is not null or creditrating_text is null)
        and (ownorrentflag is not null or ownorrentflag_text is null)
        and (employer is not null or employer_text is null)
        and (numbercreditcards is not null or numbercreditcards_text is null)
        and (networth is not null or networth_text is null) as is_valid
    from typed

)
{{ first_of_each_key(['agencyid'], unique_in='batch') }}
