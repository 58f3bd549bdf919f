{{ bronze_stream('finwire_fin') }}
