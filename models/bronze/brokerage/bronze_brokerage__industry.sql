{{ bronze_stream('industry') }}
