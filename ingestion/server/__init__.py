"""Sources that an Airbyte server runs: the server's objects, its jobs, and landing what they wrote.

What lies here: everything that is particular to `runner: server`. What does not: the raw tables,
modes and ledger, which are the same for both runners (`ingestion`), and the commands
(`tradehouse.cli.airbyte`).
"""
