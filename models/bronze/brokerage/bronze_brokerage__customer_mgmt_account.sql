{{ bronze_stream('customer_mgmt_account') }}
