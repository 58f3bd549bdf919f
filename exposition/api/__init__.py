"""The API: metrics, tables and extracts of the published release over HTTP."""
