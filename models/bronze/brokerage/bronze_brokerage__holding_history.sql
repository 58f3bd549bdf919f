{{ bronze_stream('holding_history') }}
