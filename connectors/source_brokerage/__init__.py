"""Airbyte source for a brokerage's landing directory (`Batch1/`, `Batch2/`, ...).

Run as a process: `python -m connectors.source_brokerage spec|check|discover|read`. It speaks the
Airbyte protocol on standard output and imports nothing of the platform.
"""
