"""Tests of the dbt models: dbt is run on a home of its own and its tables are read."""
