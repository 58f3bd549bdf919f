"""Airbyte connectors that Tradehouse ships; each runs as a process of its own."""
