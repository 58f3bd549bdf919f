{{ bronze_stream('finwire_cmp') }}
