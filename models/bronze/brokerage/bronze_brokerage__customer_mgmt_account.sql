{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        action_number as action_number_text,
        account_number as account_number_text,
        actiontype as actiontype_text,
        actionts as actionts_text,
        c_id as c_id_text,
        ca_id as ca_id_text,
        ca_tax_st as ca_tax_st_text,
        ca_b_id as ca_b_id_text,
        ca_name as ca_name_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'customer_mgmt_account') }}
    where {{ is_in_force('customer_mgmt_account') }}

),

typed as (

    select
        *,
        {{ typed_value('action_number_text', 'plain') }} as action_number,
        {{ typed_value('account_number_text', 'plain') }} as account_number,
        {{ typed_value('actiontype_text', 'code:NEW/ADDACCT/UPDACCT/CLOSEACCT') }} as actiontype,
        {{ typed_value('actionts_text', 'xml_timestamp') }} as actionts,
        {{ typed_value('c_id_text', 'integer:11') }} as c_id,
        {{ typed_value('ca_id_text', 'integer:11') }} as ca_id,
        {{ typed_value('ca_tax_st_text', 'xml_integer:1') }} as ca_tax_st,
        {{ typed_value('ca_b_id_text', 'xml_integer:11') }} as ca_b_id,
        {{ typed_value('ca_name_text', 'text:50') }} as ca_name
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        action_number,
        account_number,
        actiontype,
        actionts,
        c_id,
        ca_id,
        ca_tax_st,
        ca_b_id,
        ca_name,
        source_file,
        source_line,
        is_split
        and action_number is not null
        and account_number is not null
        and actiontype is not null
        and actionts is not null
        and c_id is not null
        and ca_id is not null
        and (ca_tax_st is not null or ca_tax_st_text is null)
        and (ca_b_id is not null or ca_b_id_text is null)
        and (ca_name is not null or ca_name_text is null) as is_valid
    from typed

)
{{ first_of_each_key(['action_number', 'account_number'], unique_in='batch') }}
