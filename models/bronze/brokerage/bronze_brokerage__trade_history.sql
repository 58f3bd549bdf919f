{#- Made from contracts/brokerage.yml by `tradehouse contracts generate`: change it there. #}
with delivered as (

    select
        _batch as batch_id,
        _delivery as delivery,
        th_t_id as th_t_id_text,
        th_dts as th_dts_text,
        th_st_id as th_st_id_text,
        _file as source_file,
        _line as source_line,
        _raw_text is null as is_split
    from {{ source('brokerage', 'trade_history') }}
    where {{ is_in_force('trade_history') }}

),

typed as (

    select
        *,
        {{ typed_value('th_t_id_text', 'integer:15') }} as th_t_id,
        {{ typed_value('th_dts_text', 'timestamp') }} as th_dts,
        {{ typed_value('th_st_id_text', 'code:PNDG/SBMT/CMPT/CNCL/ACTV') }} as th_st_id
    from delivered

),

checked as materialized (

    select
        batch_id,
        delivery,
        th_t_id,
        th_dts,
        th_st_id,
        source_file,
        source_line,
        is_split
        and th_t_id is not null
        and th_dts is not null
        and th_st_id is not null as is_valid
    from typed

)
{{ first_of_each_key(['th_t_id', 'th_st_id'], unique_in='batch') }}
