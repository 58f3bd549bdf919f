-- After the last batch: the delivered audit files. DValue is declared with 15 digits, 5 of them
-- decimals; the generator delivers parameters with 11 whole digits, so the column is wider.

insert into gold.audit
select
    trim(dataset), batchid::integer, date::date, trim(attribute), value::bigint,
    dvalue::decimal(18, 5)
from audit;
