{{ bronze_stream('trade_type') }}
