"""One contract a source: `contracts/<source>.yml` says once what every stream and column is.

What lies here: its model (`model`) and what is made of it, for connector, loader and dbt
(`generation`, `bronze`). What does not: what a catalogue offers (`ingestion.discovery`).
"""
