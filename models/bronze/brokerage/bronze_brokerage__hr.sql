{{ bronze_stream('hr') }}
