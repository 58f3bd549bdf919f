{{ bronze_stream('trade_history') }}
