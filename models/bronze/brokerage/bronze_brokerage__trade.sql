{{ bronze_stream('trade') }}
