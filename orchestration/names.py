"""Names that Dagster accepts: ASCII letters, digits and underscores.

Each name is mapped by itself, so it never depends on which others exist or come first.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from dagster import AssetKey

LONGEST = 100
_PLAIN = re.compile(rf"[A-Za-z0-9_]{{1,{LONGEST}}}")
_MADE = re.compile(r"(?:.*_)?x[0-9a-f]{12}")


def valid(name: str) -> str:
    """Return a name of letters, digits and underscores; different names stay different.

    A name that is valid stays as it is. Any other becomes what is readable of it and a digest of
    all of it: `Customer's orders` is `Customer_s_orders_x63df180edd25`. So does a name that looks
    as if it had been made so.
    """
    if _PLAIN.fullmatch(name) and not _MADE.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    letters = unicodedata.normalize("NFKD", name[:LONGEST]).encode("ascii", "ignore").decode()
    readable = re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_")[:60]
    return f"{readable}_x{digest}" if readable else f"x{digest}"


def schema(name: str) -> str:
    """Return a schema as the first part of a key.

    Dagster joins the parts with two underscores: a schema that holds or meets them gets a digest,
    so that `a__b` with `c` and `a` with `b__c` are two.
    """
    apart = "__" not in name and not name.endswith(("_", "\0"))
    return valid(name) if apart else valid(f"{name}\0")


def raw_key(source: str, table: str) -> AssetKey:
    """Return the key of the table of a source's stream."""
    return AssetKey(["raw", valid(source), valid(table)])


def raw_table(dbt_source: Mapping[str, Any]) -> str:
    """Return the table in raw that a source of dbt reads; its identifier is written for SQL."""
    return str(dbt_source.get("identifier") or dbt_source["name"]).replace('""', '"')


def source_key(source: str) -> AssetKey:
    """Return the key of a source whose streams are not known yet."""
    return AssetKey(["raw", valid(source)])
