{{ bronze_stream('time') }}
