{{ bronze_stream('account') }}
