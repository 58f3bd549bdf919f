"""Sources that an Airbyte server runs: the server's objects, its jobs, and landing what they wrote.

Here: everything that is specific to `runner: server`. Not here: the raw tables, modes and ledger,
which are the same for both runners (`ingestion`), and the commands (`tradehouse.cli.airbyte`).
"""
