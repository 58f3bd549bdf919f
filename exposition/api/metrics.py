"""What the API needs of the metrics, whoever computes them; nothing here computes one.

`Metrics` is given to `exposition.api.app.create_app`; a server without one has no metrics.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, Protocol, get_args

from pydantic import BaseModel, Field

from exposition.release import Edition

Grain = Literal["day", "week", "month", "quarter", "year"]
Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge", "in"]


class Metric(BaseModel):
    """A metric as a reader finds it: what it means, in which unit, by what it can be split."""

    name: str
    description: str
    unit: str
    owner: str
    dimensions: list[str]
    grains: list[Grain]


class Filter(BaseModel):
    """A dimension compared with values, which are bound and never become SQL."""

    dimension: str
    comparison: Comparison = "eq"
    values: list[str] = Field(min_length=1, max_length=100)


class MetricQuestion(BaseModel):
    """What is wanted of a metric; both days are included."""

    by: list[str] = []
    grain: Grain | None = None
    since: date | None = None
    until: date | None = None
    filters: list[Filter] = []


class MetricAnswer(BaseModel):
    """A metric's figures: rows of dimensions and the metric, in the order of `columns`."""

    columns: list[str]
    rows: list[list[Any]]


class MetricQuestionError(Exception):
    """A question that the metric cannot answer; the message is for the person who asked."""


class Metrics(Protocol):
    """Whoever computes metrics of an edition; called in worker threads."""

    def list(self, edition: Edition) -> Sequence[Metric]:
        """Return the metrics that the reader of an edition may see."""

    def query(self, edition: Edition, name: str, question: MetricQuestion) -> MetricAnswer:
        """Return a metric's figures.

        Raises:
            KeyError: when there is no such metric in what `list` gives.
            MetricQuestionError: when there is no such dimension, grain or value.
        """


class NoMetrics:
    """In place of metrics where none are computed."""

    def list(self, edition: Edition) -> Sequence[Metric]:
        """Return nothing."""
        return []

    def query(self, edition: Edition, name: str, question: MetricQuestion) -> MetricAnswer:
        """Raise KeyError."""
        raise KeyError(name)


def read_question(parameters: Sequence[tuple[str, str]]) -> MetricQuestion:
    """Return the question that the parameters of a request ask.

    `by`, `grain`, `since` and `until` stand for themselves, everything else filters a dimension, as
    columns of tables are filtered: `branch=North`, `branch__in=A`.

    Raises:
        pydantic.ValidationError: when it cannot be meant.
    """
    own: dict[str, Any] = {"by": [], "filters": []}
    filters: dict[str, list[str]] = {}
    for key, text in parameters:
        if key == "by":
            own["by"] += [one for one in text.split(",") if one]
        elif key in ("grain", "since", "until"):
            own[key] = text
        else:
            filters.setdefault(key, []).append(text)
    for key, texts in filters.items():
        name, _, how = key.rpartition("__")
        if how not in get_args(Comparison):  # Names of dimensions have such a sign too.
            name, how = key, "eq"
        own["filters"].append({"dimension": name, "comparison": how, "values": texts})
    return MetricQuestion.model_validate(own)
