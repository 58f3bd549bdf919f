{{ bronze_stream('cash_transaction') }}
