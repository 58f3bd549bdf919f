{{ bronze_stream('date') }}
