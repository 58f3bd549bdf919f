-- Batch 1: the static tables as delivered, typed, and the brokers.

insert into gold.dim_date
select
    sk_dateid, datevalue, datedesc, calendaryearid, calendaryeardesc,
    calendarqtrid, calendarqtrdesc, calendarmonthid, calendarmonthdesc,
    calendarweekid, calendarweekdesc, dayofweeknum, dayofweekdesc,
    fiscalyearid, fiscalyeardesc, fiscalqtrid, fiscalqtrdesc,
    holidayflag
from date;

insert into gold.dim_time
select
    sk_timeid, timevalue, hourid, hourdesc, minuteid, minutedesc,
    secondid, seconddesc, markethoursflag, officehoursflag
from time;

select
    case
        when count(*) > 0
            then error(count(*) || ' keys of Date.txt or Time.txt are not yyyymmdd or hhmmss')
    end
from (
    select sk_date_id from gold.dim_date where sk_date_id <> date_key(date_value)
    union all
    select sk_time_id from gold.dim_time where sk_time_id <> time_key(time_value)
);

insert into gold.industry
select in_id, in_name, in_sc_id from industry;

insert into gold.status_type
select st_id, st_name from status_type;

insert into gold.tax_rate
select tx_id, tx_name, tx_rate from tax_rate;

insert into gold.trade_type
select tt_id, tt_name, tt_is_sell, tt_is_mrkt
from trade_type;

-- Job code 314 is the broker's; brokers are valid from the first day of the calendar.
insert into gold.dim_broker
select
    row_number() over (order by employeeid),
    employeeid, managerid, employeefirstname, employeelastname, employeemi,
    employeebranch, employeeoffice, employeephone,
    true, batch_id(), (select min(date_value) from gold.dim_date), end_of_time()
from hr
where employeejobcode = 314;
