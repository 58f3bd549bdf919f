{{ bronze_stream('tax_rate') }}
