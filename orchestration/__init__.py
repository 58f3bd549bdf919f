"""The platform as Dagster assets: what people see, schedule and watch on the asset page.

What the assets do lies in `tradehouse` and `ingestion`; the command line calls the same functions.
"""
