-- The target tables (typed as the model declares them) and the expressions several steps share.

create schema gold;

create table gold.dim_date (
    sk_date_id bigint not null, date_value date not null, date_desc varchar not null,
    calendar_year_id integer not null, calendar_year_desc varchar not null,
    calendar_qtr_id integer not null, calendar_qtr_desc varchar not null,
    calendar_month_id integer not null, calendar_month_desc varchar not null,
    calendar_week_id integer not null, calendar_week_desc varchar not null,
    day_of_week_num integer not null, day_of_week_desc varchar not null,
    fiscal_year_id integer not null, fiscal_year_desc varchar not null,
    fiscal_qtr_id integer not null, fiscal_qtr_desc varchar not null, holiday_flag boolean
);
create table gold.dim_time (
    sk_time_id bigint not null, time_value time not null,
    hour_id integer not null, hour_desc varchar not null,
    minute_id integer not null, minute_desc varchar not null,
    second_id integer not null, second_desc varchar not null,
    market_hours_flag boolean, office_hours_flag boolean
);
create table gold.industry (
    in_id varchar not null, in_name varchar not null, in_sc_id varchar not null
);
create table gold.status_type (st_id varchar not null, st_name varchar not null);
create table gold.tax_rate (
    tx_id varchar not null, tx_name varchar not null, tx_rate decimal(6, 5) not null
);
create table gold.trade_type (
    tt_id varchar not null, tt_name varchar not null,
    tt_is_sell integer not null, tt_is_mrkt integer not null
);
create table gold.dim_broker (
    sk_broker_id bigint not null, broker_id bigint not null, manager_id bigint,
    first_name varchar not null, last_name varchar not null, middle_initial varchar,
    branch varchar, office varchar, phone varchar,
    is_current boolean not null, batch_id integer not null,
    effective_date date not null, end_date date not null
);
create table gold.dim_company (
    sk_company_id bigint not null, company_id bigint not null, status varchar not null,
    name varchar not null, industry varchar not null, sp_rating varchar, is_low_grade boolean,
    ceo varchar not null, address_line1 varchar, address_line2 varchar,
    postal_code varchar not null, city varchar not null, state_prov varchar not null,
    country varchar, description varchar not null, founding_date date,
    is_current boolean not null, batch_id integer not null,
    effective_date date not null, end_date date not null
);
create table gold.dim_security (
    sk_security_id bigint not null, symbol varchar not null, issue varchar not null,
    status varchar not null, name varchar not null, exchange_id varchar not null,
    sk_company_id bigint not null, shares_outstanding bigint not null,
    first_trade date not null, first_trade_on_exchange date not null,
    dividend decimal(10, 2) not null,
    is_current boolean not null, batch_id integer not null,
    effective_date date not null, end_date date not null
);
create table gold.financial (
    sk_company_id bigint not null, fi_year integer not null, fi_qtr integer not null,
    fi_qtr_start_date date not null, fi_revenue decimal(15, 2) not null,
    fi_net_earn decimal(15, 2) not null, fi_basic_eps decimal(10, 2) not null,
    fi_dilut_eps decimal(10, 2) not null, fi_margin decimal(10, 2) not null,
    fi_inventory decimal(15, 2) not null, fi_assets decimal(15, 2) not null,
    fi_liability decimal(15, 2) not null, fi_out_basic bigint not null,
    fi_out_dilut bigint not null
);
create table gold.prospect (
    agency_id varchar not null, sk_record_date_id bigint not null,
    sk_update_date_id bigint not null, batch_id integer not null, is_customer boolean not null,
    last_name varchar not null, first_name varchar not null, middle_initial varchar,
    gender varchar, address_line1 varchar, address_line2 varchar, postal_code varchar,
    city varchar not null, state varchar not null, country varchar, phone varchar,
    income bigint, number_cars integer, number_children integer, marital_status varchar,
    age integer, credit_rating integer, own_or_rent_flag varchar, employer varchar,
    number_credit_cards integer, net_worth bigint, marketing_nameplate varchar
);
create table gold.dim_customer (
    sk_customer_id bigint not null, customer_id bigint not null, tax_id varchar not null,
    status varchar not null, last_name varchar not null, first_name varchar not null,
    middle_initial varchar, gender varchar, tier integer, dob date not null,
    address_line1 varchar not null, address_line2 varchar, postal_code varchar not null,
    city varchar not null, state_prov varchar not null, country varchar,
    phone1 varchar, phone2 varchar, phone3 varchar, email1 varchar, email2 varchar,
    national_tax_rate_desc varchar, national_tax_rate decimal(6, 5),
    local_tax_rate_desc varchar, local_tax_rate decimal(6, 5),
    agency_id varchar, credit_rating integer, net_worth bigint, marketing_nameplate varchar,
    is_current boolean not null, batch_id integer not null,
    effective_date date not null, end_date date not null
);
create table gold.dim_account (
    sk_account_id bigint not null, account_id bigint not null, sk_broker_id bigint not null,
    sk_customer_id bigint not null, status varchar not null, account_desc varchar,
    tax_status integer, is_current boolean not null, batch_id integer not null,
    effective_date date not null, end_date date not null
);
create table gold.dim_trade (
    trade_id bigint not null, sk_broker_id bigint,
    sk_create_date_id bigint not null, sk_create_time_id bigint not null,
    sk_close_date_id bigint, sk_close_time_id bigint,
    status varchar not null, type varchar not null, cash_flag boolean not null,
    sk_security_id bigint not null, sk_company_id bigint not null, quantity integer not null,
    bid_price decimal(8, 2) not null, sk_customer_id bigint not null,
    sk_account_id bigint not null, executed_by varchar not null, trade_price decimal(8, 2),
    fee decimal(10, 2), commission decimal(10, 2), tax decimal(10, 2),
    batch_id integer not null
);
create table gold.fact_holdings (
    trade_id bigint not null, current_trade_id bigint not null,
    sk_customer_id bigint not null, sk_account_id bigint not null,
    sk_security_id bigint not null, sk_company_id bigint not null,
    sk_date_id bigint not null, sk_time_id bigint not null,
    current_price decimal(8, 2) not null, current_holding integer not null,
    batch_id integer not null
);
create table gold.fact_cash_balances (
    sk_customer_id bigint not null, sk_account_id bigint not null, sk_date_id bigint not null,
    cash decimal(15, 2) not null, batch_id integer not null
);
create table gold.fact_market_history (
    sk_security_id bigint not null, sk_company_id bigint not null, sk_date_id bigint not null,
    pe_ratio decimal(10, 2), yield decimal(5, 2) not null,
    fifty_two_week_high decimal(8, 2) not null, sk_fifty_two_week_high_date bigint not null,
    fifty_two_week_low decimal(8, 2) not null, sk_fifty_two_week_low_date bigint not null,
    close_price decimal(8, 2) not null, day_high decimal(8, 2) not null,
    day_low decimal(8, 2) not null, volume bigint not null, batch_id integer not null
);
create table gold.fact_watches (
    sk_customer_id bigint not null, sk_security_id bigint not null,
    sk_date_id_date_placed bigint not null, sk_date_id_date_removed bigint,
    batch_id integer not null
);
create table gold.di_messages (
    message_date_and_time timestamp not null, batch_id integer not null,
    message_source varchar, message_text varchar not null, message_type varchar not null,
    message_data varchar
);
create table gold.audit (
    data_set varchar not null, batch_id integer, date date, attribute varchar not null,
    value bigint, d_value decimal(18, 5)
);

create temp macro batch_id() as getvariable('batch_id');
create temp macro batch_date() as getvariable('batch_date');
create temp macro end_of_time() as date '9999-12-31';
create temp macro utc_now() as epoch_ms(epoch_ms(now()));

-- The keys of Date.txt and Time.txt are the digits of the day and of the time of day;
-- reference.sql stops the load if the delivered files say otherwise.
create temp macro date_key(day) as
    (year(day) * 10000 + month(day) * 100 + day(day))::bigint;
create temp macro time_key(moment) as
    (hour(moment) * 10000 + minute(moment) * 100 + second(moment))::bigint;

-- NULL equals NULL and letter case does not count: the match of prospects with customers.
create temp macro match_key(first_name, last_name, address_line1, address_line2, postal_code) as
    upper(
        coalesce(first_name, '') || chr(31) || coalesce(last_name, '') || chr(31)
        || coalesce(address_line1, '') || chr(31) || coalesce(address_line2, '') || chr(31)
        || coalesce(postal_code, '')
    );

create temp macro gender_letter(gender) as
    case when upper(gender) in ('M', 'F') then upper(gender) else 'U' end;

create temp macro phone_number(country_code, area_code, local_number, extension) as
    case
        when local_number is null then null
        when area_code is null then local_number || coalesce(extension, '')
        when country_code is null
            then '(' || area_code || ') ' || local_number || coalesce(extension, '')
        else '+' || country_code || ' (' || area_code || ') ' || local_number
            || coalesce(extension, '')
    end;

-- Exact: numerator / denominator in whole numbers, half away from zero, no floating point.
create temp macro divide_half_up(numerator, denominator) as
    sign(numerator) * sign(denominator)
    * ((2 * abs(numerator) + abs(denominator)) // (2 * abs(denominator)));
create temp macro cents(amount) as (amount * 100)::bigint;
create temp macro from_cents(amount) as amount::decimal(15, 0) * 0.01;
