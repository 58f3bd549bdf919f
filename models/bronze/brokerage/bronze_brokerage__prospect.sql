{{ bronze_stream('prospect') }}
