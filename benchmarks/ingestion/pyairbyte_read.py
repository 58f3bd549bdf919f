"""PyAirbyte reading a connector into DuckDB; run by an interpreter that has PyAirbyte.

    python pyairbyte_read.py CONNECTOR CONFIG DATABASE

Prints the number of records. Imports nothing of this project.
"""

import json
import sys
from pathlib import Path

import airbyte
from airbyte.caches import DuckDBCache


def main() -> None:
    """Read every stream and print how many records arrived."""
    connector, config, database = sys.argv[1:]
    source = airbyte.get_source(
        "source-delivered",
        config=json.loads(Path(config).read_text()),
        local_executable=Path(connector),
        streams="*",
    )
    # By default it keeps every record in the folder it is started from.
    cache = DuckDBCache(db_path=database, cache_dir=Path(database).parent / "pyairbyte")
    result = source.read(cache=cache)
    print("records", sum(len(result[name]) for name in result.streams))


if __name__ == "__main__":
    main()
