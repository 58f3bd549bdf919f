"""Loading of sources into `raw.duckdb`: declarations, connector runner, loader, ledger.

What lies here: everything between a source's declaration (`sources/<name>.yml`) and the committed
rows of `raw.<source>.<stream>`. What does not: the connectors themselves (`connectors/`), what dbt
makes of the raw tables (`models/`), and the command line (`tradehouse/`).
"""

from ingestion.results import Progress, SyncError, SyncResult
from ingestion.sync import sync

__all__ = ["Progress", "SyncError", "SyncResult", "sync"]
