"""The loads that are compared, each run in a process of its own: `python -m ... NAME ARGUMENTS`.

Every one prints `records N` when it is done. Not here: measuring them (`compare`).
"""

import json
import sys
from pathlib import Path

import duckdb

STREAMS = {"trade": "Trade.txt", "holding_history": "HoldingHistory.txt"}
AIRBYTE_COLUMNS = """,
    uuid()::varchar as _airbyte_raw_id, now() as _airbyte_extracted_at,
    null::json as _airbyte_meta, 1::bigint as _airbyte_generation_id"""


def columns() -> dict[str, list[str]]:
    """By stream the columns of a file of a later batch, which leads with those of the first."""
    from ingestion import declarations

    declared = declarations.read("brokerage").streams or {}
    forms = {name: declared[name].file for name in STREAMS}
    return {name: form.layout_columns("incremental") for name, form in forms.items() if form}


def own(landing: str, home: str, delivery: str) -> int:
    """The project's connector and loader, by file transfer or by records."""
    from ingestion import sync

    result = sync(
        "brokerage",
        Path(home),
        landing=Path(landing),
        streams=set(STREAMS),
        config={"delivery_method": {"delivery_type": delivery}},
    )
    if result.status != "succeeded":
        raise SystemExit(f"the load failed: {result.errors}")
    return result.records


def before_loader(config: str, home: str, *command: str) -> int:
    """Any other connector in front of the project's loader."""
    from ingestion import sync
    from ingestion.declarations import Declaration

    declaration = Declaration.model_validate(
        {
            "name": "delivered",
            "description": "Trades and holdings.",
            "owner": "benchmarks",
            "connector": {"command": list(command)},
            "config": json.loads(Path(config).read_text()),
            "streams": {name: {"sync_mode": "full_refresh_append"} for name in STREAMS},
        }
    )
    result = sync(declaration, Path(home))
    if result.status != "succeeded":
        raise SystemExit(f"the load failed: {result.errors}")
    return result.records


def direct(landing: str, database: str, what: str) -> int:
    """DuckDB's own reader into tables of texts, with Airbyte's columns where `what` is `raw`."""
    total = 0
    with duckdb.connect(database) as connection:
        for name, file_columns in columns().items():
            parts = []
            for path in sorted(Path(landing).glob(f"Batch*/{STREAMS[name]}")):
                with path.open("rb") as handle:
                    width = handle.readline().count(b"|") + 1
                types = dict.fromkeys(file_columns[-width:], "VARCHAR")
                parts.append(
                    f"select *{AIRBYTE_COLUMNS if what == 'raw' else ''} from read_csv("
                    f"'{path}', columns = {types}, delim = '|', quote = '', escape = '',"
                    f" header = false, auto_detect = false)"
                )
            query = " union all by name ".join(parts)
            connection.execute(f"create table {name} as {query}")
            row = connection.execute(f"select count(*) from {name}").fetchone()
            total += row[0] if row else 0
    return total


LOADS = {"own": own, "before_loader": before_loader, "direct": direct}


if __name__ == "__main__":
    print("records", LOADS[sys.argv[1]](*sys.argv[2:]))
