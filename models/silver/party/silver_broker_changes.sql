{% set attributes = [
    'manager_id', 'first_name', 'last_name', 'middle_initial', 'branch', 'office', 'phone',
] %}
{% set broker_job_code = 314 %}
with employees as (

    select * from {{ ref('bronze_brokerage__hr') }}

),

batches as (

    select * from {{ looked_up('bronze_batches') }}

),

calendar as (

    select min(date_value) as first_day from {{ ref('silver_dates') }}

),

delivered as (

    select
        batch_id,
        employeeid as broker_id,
        managerid as manager_id,
        employeefirstname as first_name,
        employeelastname as last_name,
        employeemi as middle_initial,
        employeebranch as branch,
        employeeoffice as office,
        employeephone as phone
    from employees
    where
        employeejobcode = {{ broker_job_code }}
        and {{ in_batch_window() }}

),

-- A broker who is absent from a later list, or has another job there, stays as he is.
changed as (

    {{ changed_images('delivered', 'broker_id', attributes) }}

)

select
    changed.batch_id,
    changed.broker_id,
    {%- for attribute in attributes %}
    changed.{{ attribute }},
    {%- endfor %}
    changed.is_new,
    case
        when changed.batch_id = {{ historical_batch() }} then calendar.first_day
        else batches.batch_date
    end as effective_date
from changed
inner join batches
    on changed.batch_id = batches.batch_id
cross join calendar
