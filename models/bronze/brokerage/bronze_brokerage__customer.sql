{{ bronze_stream('customer') }}
