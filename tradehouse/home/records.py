"""The models of the files in `state/`: what each holds, and how it is recreated.

`tradehouse.home.state` reads and writes them; the modules that make the values define their
meaning. A change of a field's meaning or shape gives its model a new version.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from tradehouse.home.files import Kept


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without its zone")
    return text


Day = Annotated[str, AfterValidator(_day)]
Moment = Annotated[str, AfterValidator(_moment)]
Batch = Annotated[str, Field(pattern=r"^[0-9]+$")]
Stamp = Annotated[list[int], Field(min_length=3, max_length=3)]


class Outcome(StrEnum):
    """How a build ended, as a sentence about it goes on: "the last build failed"."""

    NONE = "does not exist"
    BEGUN = "begun"
    PASSED = "passed"
    TESTS_FAILED = "tests failed"
    FAILED = "failed"
    PARTIAL = "was done in part"


class Node(Kept):
    """What came of a model, seed or test."""

    status: str
    seconds: float = 0.0
    rows: int | None = None
    columns: dict[str, str] | None = None
    code: str | None = None
    message: str = ""
    is_early: bool = False


class GateBatch(Kept):
    """A batch as the gate judged it."""

    batch: int
    is_accepted: bool
    batch_date: Day | None = None
    delivery: int = 0
    rows_delivered: int = 0
    rows_typed: int = 0
    rows_quarantined: int = 0
    rows_dropped: int = 0
    stream: str | None = None
    file: str | None = None
    line: int | None = None
    reason: str | None = None


class Tests(Kept):
    """How many tests came to what."""

    passed: int = 0
    warned: int = 0
    failed: int = 0
    skipped: int = 0


class Failure(Kept):
    """A test that failed, with some of its rows."""

    test: str
    failing_rows: int = 0
    message: str = ""
    rows: list[dict[str, Any]] = []
    kept_in: str | None = None


class Refused(Kept):
    """Rows in quarantine for one reason."""

    source: str = "brokerage"
    batch: int | None
    stream: str | None
    reason: str | None
    disposition: str
    rows: int


class StreamCounts(Kept):
    """What became of a stream's rows."""

    stream: str
    delivered: int
    typed: int
    quarantined: int
    dropped: int


class Inputs(Kept):
    """What a build works on."""

    deliveries: dict[Batch, int]
    loads: list[list[str | int]] = []
    last_batch: int | None


class Change(Kept):
    """What a build may have changed in a relation of gold."""

    key: list[str] = []
    touched: str | None = None


class Build(Kept):
    """`build.json`: what the last build was to do, and what came of it."""

    status: Outcome
    id: str = ""
    started_at: str = ""
    finished_at: str | None = None
    seconds: float = 0.0
    error: str = ""
    failures: list[Failure] = []
    nodes: dict[str, Node] = {}
    inputs: Inputs | None = None
    loads: dict[int, int] = {}
    from_batch: int | None = None
    last_batch: int | None = None
    pending_rebuild: list[str] = []
    test_from_batch: int = 0
    raw: Stamp | None = None
    built_before: list[list[str | int | None]] = []
    based_on: str | None = None
    first_batch: int = 0
    gold_changes: dict[str, Change] | None = None
    untouched: int = 0
    reasons: list[str] = []
    rebuilt: list[str] = []
    resumed_after: int = 0
    tests: Tests = Tests()
    dropped: list[str] = []
    project_digest: str | None = None
    semantics_digest: str | None = None
    built_loads: dict[str, list[int]] = {}
    built_with: str | None = None
    building_with: str | None = None
    batches: list[GateBatch] = []
    rows: dict[str, dict[str, int]] = {}
    quarantine: list[Refused] = []
    unmatched: dict[str, int] = {}
    streams: list[StreamCounts] = []
    warehouse: Stamp | None = None


class Fault(Kept):
    """Why a delivery was not taken."""

    message: str
    code: str | None = None
    batch: int | None = None
    file: str | None = None
    line: int | None = None
    stream: str | None = None


class StreamSync(Kept):
    """What a sync loaded of a stream."""

    records: int
    bytes: int
    status: str


class Sync(Kept):
    """`sync.json`: the brokerage's last sync."""

    status: str
    at: str = ""
    landing: str = ""
    landing_stamp: str | None = None
    errors: list[Fault] = []
    warnings: list[str] = []
    new_batches: list[int] = []
    loaded: dict[Batch, int] = {}
    records: int = 0
    bytes: int = 0
    streams: dict[str, StreamSync] = {}
    seconds: float = 0.0


class Settled(Kept):
    """`settled.json`: what everything was like when a run left nothing to do."""

    landing: str
    landing_stamp: str
    raw: Stamp | None
    warehouse: Stamp | None
    project_digest: str
    build: str | None
    release: str | dict[str, Any] | None
    state: dict[str, Stamp | None] = {}


class Nodes(Kept):
    """`nodes.json`: the fingerprint of the code that made each node, by unique id."""

    codes: dict[str, str]

    @model_validator(mode="before")
    @classmethod
    def _of_old(cls, content: dict[str, Any]) -> dict[str, Any]:
        """The first form had nothing around the fingerprints."""
        return content if not content or "codes" in content else {"codes": content}


class GraphNode(Kept):
    """A node of the graph of dependencies."""

    kind: str
    name: str
    owner: str | None
    parents: list[str]
    layer: str | None = None
    tests: str | None = None


class GoldTable(Kept):
    """What the project declares of a relation of gold: its key, and the class of every column."""

    key: list[str] = []
    """Columns of the primary key; empty where none is declared."""
    classes: dict[str, str] = {}
    """`public`, `internal`, `personal` or `sensitive` by column; of others nothing is known."""


class Graph(Kept):
    """`graph.json`: what depends on what, what gold means; of the project with a digest."""

    project_digest: str
    nodes: dict[str, GraphNode]
    comments: dict[str, dict[str, str]] = {}
    tables: dict[str, GoldTable] = {}
    semantics: dict[str, Any] = {}
    """The metrics, as `tradehouse.dbt.semantics` gives them."""
    release_views: list[str] = []


class Alert(Kept):
    """A problem that was reported, or is to be."""

    key: str
    owner: str
    title: str
    what: str
    since: str
    look: list[str] = []
    nodes: list[str] = []
    models: list[str] = []
    exposures: list[str] = []
    is_told: bool = False
    ended_at: str | None = None
    tried_at: Moment | None = None


class Alerts(Kept):
    """`alerts.json`: which problems are open."""

    open: dict[str, Alert]


class Promised(Kept):
    """What a source's declaration says."""

    name: str
    owner: str
    enabled: bool
    freshness: str | None
    limit_seconds: float | None
    schedule: str | None = None
    schedule_seconds: float | None = None


class Sources(Kept):
    """`sources.json`: what the declarations say, valid until one of their files changes."""

    stamps: dict[str, Stamp]
    promises: list[Promised]
    faults: dict[str, str] = {}
    """What is wrong with files that cannot be read; what they said before is kept."""


class Switches(Kept):
    """`switches.json`: sources that the home has switched on or off."""

    sources: dict[str, bool]


class Brokerage(Kept):
    """`brokerage.json`: which brokerage the home belongs to, and where deliveries arrive."""

    first_batch: Annotated[int, Field(ge=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    landing: Annotated[str, Field(min_length=1)]


class Token(Kept):
    """A token of the API: whose it is, what it may see, until when it is valid; never itself."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[str, Field(min_length=1)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, which is random and long enough for that."""
    may_see_personal: bool = False
    created_at: Moment
    expires_at: Moment
    revoked_at: Moment | None = None


class Tokens(Kept):
    """`tokens.json`: who may ask the API."""

    tokens: list[Token] = []


class Hold(Kept):
    """`hold.json`: publishing is held since a rollback."""

    since: str
    rolled_back_from: str
    rolled_back_to: str
