"""The metrics of releases for the API: the ones that `tradehouse metrics` answers, from one place.

Each release answers with the definitions that it was published with.
"""

from typing import get_args

from exposition.api.metrics import Comparison, Grain, Metric, MetricAnswer, MetricQuestion
from exposition.api.metrics import MetricQuestionError as QuestionError
from exposition.metrics.answers import Metrics, MetricsOfReleases
from exposition.metrics.conditions import filter_of
from exposition.metrics.definitions import ALL_CLASSES, OPEN_CLASSES
from exposition.metrics.questions import Question
from exposition.release import Edition
from tradehouse.errors import TradehouseError, UsageError

OPERATORS: dict[Comparison, str] = {
    "eq": "=",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "in": "in",
}


class ReleasedMetrics:
    """Answers from the release of an edition; for any number of threads."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._releases = MetricsOfReleases()

    def list(self, edition: Edition) -> list[Metric]:
        """Return the metrics that the reader of an edition may see; none of an old release."""
        try:
            known = self._of(edition).definitions
        except TradehouseError:
            return []
        classes = _classes(edition)
        return [
            Metric(
                name=one.name,
                description=one.description,
                unit=one.unit,
                owner=one.owner,
                dimensions=[
                    name
                    for name in one.dimensions
                    if known.dimensions[name].classification in classes
                ],
                grains=list(get_args(Grain)),
            )
            for one in known.metrics.values()
            if one.classification in classes
        ]

    def query(self, edition: Edition, name: str, question: MetricQuestion) -> MetricAnswer:
        """Return a metric's figures.

        Raises:
            KeyError: when there is no such metric for the reader of the edition.
            MetricQuestionError: when there is no such dimension, or it does not take a value.
        """
        try:
            metrics = self._of(edition)
        except TradehouseError as error:
            raise KeyError(name) from error
        classes = _classes(edition)
        metric = metrics.definitions.metrics[name]
        if metric.classification not in classes:
            raise KeyError(name)

        def dimension(asked: str) -> str:
            return metrics.definitions.dimension(asked, [metric], classes).name

        try:
            asked = Question(
                metrics=(name,),
                by=tuple(dimension(one) for one in dict.fromkeys(question.by)),
                filters=tuple(
                    filter_of(
                        metrics.definitions.dimensions[dimension(one.dimension)],
                        OPERATORS[one.comparison],
                        one.values,
                    )
                    for one in question.filters
                ),
                since=question.since,
                until=question.until,
                grain=question.grain,
            )
        except UsageError as error:
            raise QuestionError(str(error)) from error
        answer = metrics.answer(asked)
        return MetricAnswer(columns=list(answer.columns), rows=[list(row) for row in answer.rows])

    def _of(self, edition: Edition) -> Metrics:
        return self._releases.of(edition.path.parent)


def _classes(edition: Edition) -> frozenset[str]:
    return ALL_CLASSES if edition.may_see_personal else OPEN_CLASSES
