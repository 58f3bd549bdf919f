-- Every batch: the marketing list (a full list each time) into the current state.

create or replace temp table prospect_list as
select
    agencyid as agency_id, lastname as last_name, firstname as first_name,
    middleinitial as middle_initial, gender, addressline1 as address_line1,
    addressline2 as address_line2, postalcode as postal_code, city, state, country, phone,
    income, numbercars as number_cars,
    numberchildren as number_children, maritalstatus as marital_status,
    age, creditrating as credit_rating,
    ownorrentflag as own_or_rent_flag, employer,
    numbercreditcards as number_credit_cards, networth as net_worth
from prospect;

create or replace temp table prospect_change as
select
    list.*,
    known.agency_id is null as is_new,
    known.agency_id is null or row(
        list.last_name, list.first_name, list.middle_initial, list.gender, list.address_line1,
        list.address_line2, list.postal_code, list.city, list.state, list.country, list.phone,
        list.income, list.number_cars, list.number_children, list.marital_status, list.age,
        list.credit_rating, list.own_or_rent_flag, list.employer, list.number_credit_cards,
        list.net_worth
    ) is distinct from row(
        known.last_name, known.first_name, known.middle_initial, known.gender,
        known.address_line1, known.address_line2, known.postal_code, known.city, known.state,
        known.country, known.phone, known.income, known.number_cars, known.number_children,
        known.marital_status, known.age, known.credit_rating, known.own_or_rent_flag,
        known.employer, known.number_credit_cards, known.net_worth
    ) as is_changed,
    known.sk_update_date_id as known_update_date_id
from prospect_list as list
left join gold.prospect as known on known.agency_id = list.agency_id;

-- A prospect who left the list stays as he was.
delete from gold.prospect where agency_id in (select agency_id from prospect_list);

insert into gold.prospect
select
    agency_id, date_key(batch_date()),
    if(is_changed, date_key(batch_date()), known_update_date_id), batch_id(),
    false,
    last_name, first_name, middle_initial, gender, address_line1, address_line2, postal_code,
    city, state, country, phone, income, number_cars, number_children, marital_status, age,
    credit_rating, own_or_rent_flag, employer, number_credit_cards, net_worth,
    nullif(concat_ws(
        '+',
        case when net_worth > 1000000 or income > 200000 then 'HighValue' end,
        case when number_children > 3 or number_credit_cards > 5 then 'Expenses' end,
        case when age > 45 then 'Boomer' end,
        case
            when income < 50000 or credit_rating < 600 or net_worth < 100000 then 'MoneyAlert'
        end,
        case when number_cars > 3 or number_credit_cards > 7 then 'Spender' end,
        case when age < 25 and net_worth > 1000000 then 'Inherited' end
    ), '')
from prospect_change;

insert into gold.di_messages
with counts as (
    select
        count(*) as source_rows,
        count(*) filter (where is_new) as inserted_rows,
        count(*) filter (where is_changed and not is_new) as updated_rows
    from prospect_change
)

select utc_now(), batch_id(), 'Prospect', 'Inserted rows', 'Status', inserted_rows::varchar
from counts
union all
select utc_now(), batch_id(), 'Prospect', 'Source rows', 'Status', source_rows::varchar
from counts
where batch_id() > 1
union all
select utc_now(), batch_id(), 'Prospect', 'Updated rows', 'Status', updated_rows::varchar
from counts
where batch_id() > 1;

-- What a customer takes over from his prospect, by match key.
create or replace temp table demographics as
select
    match_key(first_name, last_name, address_line1, address_line2, postal_code) as match_key,
    agency_id, credit_rating, net_worth, marketing_nameplate
from gold.prospect
qualify row_number() over (
    partition by match_key order by sk_record_date_id desc, agency_id
) = 1;
