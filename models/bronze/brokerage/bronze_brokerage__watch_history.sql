{{ bronze_stream('watch_history') }}
