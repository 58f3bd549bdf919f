{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        cdc_flag as cdc_flag_text,
        cdc_dsn as cdc_dsn_text,
        t_id as t_id_text,
        t_dts as t_dts_text,
        t_st_id as t_st_id_text,
        t_tt_id as t_tt_id_text,
        t_is_cash as t_is_cash_text,
        t_s_symb as t_s_symb_text,
        t_qty as t_qty_text,
        t_bid_price as t_bid_price_text,
        t_ca_id as t_ca_id_text,
        t_exec_name as t_exec_name_text,
        t_trade_price as t_trade_price_text,
        t_chrg as t_chrg_text,
        t_comm as t_comm_text,
        t_tax as t_tax_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'trade') }}
    where {{ is_in_force('trade') }}

),

typed as (

    select
        *,
        {{ typed_value('cdc_flag_text', 'code:I/U') }} as cdc_flag,
        {{ typed_value('cdc_dsn_text', 'integer:12') }} as cdc_dsn,
        {{ typed_value('t_id_text', 'integer:15') }} as t_id,
        {{ typed_value('t_dts_text', 'timestamp') }} as t_dts,
        {{ typed_value('t_st_id_text', 'code:PNDG/SBMT/CMPT/CNCL/ACTV') }} as t_st_id,
        {{ typed_value('t_tt_id_text', 'text:3') }} as t_tt_id,
        {{ typed_value('t_is_cash_text', 'bit') }} as t_is_cash,
        {{ typed_value('t_s_symb_text', 'text:15') }} as t_s_symb,
        {{ typed_value('t_qty_text', 'integer:6') }} as t_qty,
        {{ typed_value('t_bid_price_text', 'decimal:8,2') }} as t_bid_price,
        {{ typed_value('t_ca_id_text', 'integer:11') }} as t_ca_id,
        {{ typed_value('t_exec_name_text', 'text:49') }} as t_exec_name,
        {{ typed_value('t_trade_price_text', 'decimal:8,2') }} as t_trade_price,
        {{ typed_value('t_chrg_text', 'decimal:10,2') }} as t_chrg,
        {{ typed_value('t_comm_text', 'decimal:10,2') }} as t_comm,
        {{ typed_value('t_tax_text', 'decimal:10,2') }} as t_tax
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        cdc_flag,
        cdc_dsn,
        t_id,
        t_dts,
        t_st_id,
        t_tt_id,
        t_is_cash,
        t_s_symb,
        t_qty,
        t_bid_price,
        t_ca_id,
        t_exec_name,
        t_trade_price,
        t_chrg,
        t_comm,
        t_tax,
        source_file,
        source_line,
        is_split
        and (cdc_flag is not null or cdc_flag_text is null)
        and (cdc_dsn is not null or cdc_dsn_text is null)
        and t_id is not null
        and t_dts is not null
        and t_st_id is not null
        and t_tt_id is not null
        and t_is_cash is not null
        and t_s_symb is not null
        and t_qty is not null
        and t_bid_price is not null
        and t_ca_id is not null
        and t_exec_name is not null
        and (t_trade_price is not null or t_trade_price_text is null)
        and (t_chrg is not null or t_chrg_text is null)
        and (t_comm is not null or t_comm_text is null)
        and (t_tax is not null or t_tax_text is null) as is_valid
    from typed

)
{{ first_of_each_key(['t_id', 't_st_id'], unique_in='source') }}
