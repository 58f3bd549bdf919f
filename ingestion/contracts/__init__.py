"""One contract per source: `contracts/<source>.yml` describes every stream and column once.

Here: its model (`model`) and what is generated from it, for connector, loader and dbt
(`generation`, `bronze`). Not here: what a catalogue offers (`ingestion.discovery`).
"""
