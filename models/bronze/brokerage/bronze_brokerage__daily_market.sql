{{ bronze_stream('daily_market') }}
