"""The tests that airbyte-cdk ships for sources; they run in an environment of their own."""
