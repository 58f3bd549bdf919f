"""Everything the page shows that can change while it runs, as one comparable value.

That is which days are delivered, and which sources are declared and switched on. Changed models are
read when `make ui` starts again.
"""

from tradehouse.errors import TradehouseError
from tradehouse.home import switches
from tradehouse.home.paths import PROJECT, Home
from tradehouse.loads import days

EVERY_SECONDS = 10
SOURCES = PROJECT / "ingestion" / "sources"


def look(home: Home) -> tuple[object, ...]:
    """Return the last delivered day, and names, times and sizes of declarations and the like."""
    files = [*SOURCES.glob("*.yml"), *(home.root / "connectors").glob("*.catalog.json")]
    files.append(home.state / switches.FILE)
    stamps = []
    for path in sorted(files):
        try:
            stat = path.stat()
            is_ours = path.suffix == ".yml" or path.name == switches.FILE
            stamps.append((str(path), *((stat.st_mtime_ns, stat.st_size) if is_ours else ())))
        except OSError:
            continue
    try:
        found = days.find_days(home).values()
        last = (min(found, default=None), max(found, default=None))
    except (TradehouseError, OSError, ValueError, KeyError, TypeError):
        last = (None, None)
    return (*last, *stamps)
