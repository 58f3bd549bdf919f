{{ bronze_stream('finwire_sec') }}
