{{ config(materialized='table') }}

{{ bronze_stream('audit') }}
