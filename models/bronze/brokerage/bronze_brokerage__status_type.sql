{{ bronze_stream('status_type') }}
