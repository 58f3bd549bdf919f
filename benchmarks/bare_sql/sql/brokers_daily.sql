-- A daily batch with a list of employees: brokers who are absent stay as they are.

create or replace temp table broker_change as
with brokers as (
    select
        employeeid as broker_id, managerid as manager_id,
        employeefirstname as first_name, employeelastname as last_name,
        employeemi as middle_initial, employeebranch as branch, employeeoffice as office,
        employeephone as phone
    from hr
    where employeejobcode = 314
)

select * from brokers
except
select broker_id, manager_id, first_name, last_name, middle_initial, branch, office, phone
from gold.dim_broker
where is_current;

update gold.dim_broker
set is_current = false, end_date = batch_date()
where is_current and broker_id in (select broker_id from broker_change);

insert into gold.dim_broker
select
    (select max(sk_broker_id) from gold.dim_broker) + row_number() over (order by broker_id),
    *, true, batch_id(), batch_date(), end_of_time()
from broker_change;
