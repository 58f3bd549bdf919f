{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        employeeid as employeeid_text,
        managerid as managerid_text,
        employeefirstname as employeefirstname_text,
        employeelastname as employeelastname_text,
        employeemi as employeemi_text,
        employeejobcode as employeejobcode_text,
        employeebranch as employeebranch_text,
        employeeoffice as employeeoffice_text,
        employeephone as employeephone_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'hr') }}
    where {{ is_in_force('hr') }}

),

typed as (

    select
        *,
        {{ typed_value('employeeid_text', 'integer:11') }} as employeeid,
        {{ typed_value('managerid_text', 'integer:11') }} as managerid,
        {{ typed_value('employeefirstname_text', 'text:30') }} as employeefirstname,
        {{ typed_value('employeelastname_text', 'text:30') }} as employeelastname,
        {{ typed_value('employeemi_text', 'text:1') }} as employeemi,
        {{ typed_value('employeejobcode_text', 'integer:3') }} as employeejobcode,
        {{ typed_value('employeebranch_text', 'text:30') }} as employeebranch,
        {{ typed_value('employeeoffice_text', 'text:10') }} as employeeoffice,
        {{ typed_value('employeephone_text', 'text:14') }} as employeephone
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        employeeid,
        managerid,
        employeefirstname,
        employeelastname,
        employeemi,
        employeejobcode,
        employeebranch,
        employeeoffice,
        employeephone,
        source_file,
        source_line,
        is_split
        and employeeid is not null
        and (managerid is not null or managerid_text is null)
        and employeefirstname is not null
        and employeelastname is not null
        and (employeemi is not null or employeemi_text is null)
        and (employeejobcode is not null or employeejobcode_text is null)
        and (employeebranch is not null or employeebranch_text is null)
        and (employeeoffice is not null or employeeoffice_text is null)
        and (employeephone is not null or employeephone_text is null) as is_valid
    from typed

)
{{ first_of_each_key(['employeeid'], unique_in='batch') }}
