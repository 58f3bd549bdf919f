"""A root cause, the subject of one alert. The modules that find it decide what counts as one."""

import hashlib
import re
from dataclasses import dataclass, field

from tradehouse.dbt import graph

PLATFORM = "data-platform"


@dataclass
class Problem:
    """One root cause.

    `key` is the same as long as the cause is. `nodes` are unique ids of dbt that have to be good
    again for it to be over.
    """

    key: str
    owner: str
    title: str
    what: str
    since: str
    look: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    exposures: list[str] = field(default_factory=list)

    def affects(self, affected: graph.Affected) -> "Problem":
        """Set what is affected; gives the problem back."""
        self.models, self.exposures = list(affected.models), list(affected.exposures)
        return self


def error_fingerprint(message: str) -> str:
    """Return a short name for an error: the same whatever numbers stand in it."""
    plain = re.sub(r"\d+([.,]\d+)*", "#", message)
    return hashlib.sha256(plain.encode()).hexdigest()[:12]
