"""The platform as Dagster assets: what people see, schedule and watch on the asset page.

`tradehouse` and `ingestion` do the assets' work; the command line calls the same functions.
"""
