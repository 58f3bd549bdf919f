"""How much one token, or one address without a valid token, may ask for."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from exposition.api.problems import ProblemError

BURST_SECONDS = 10
MOST_KNOWN = 10_000


class Rates:
    """Requests in a minute by whom they are of; unused ones can be caught up on for 10 seconds."""

    def __init__(self, per_minute: int, what: str) -> None:
        """`what` names in an error what there are too many of."""
        self._per_second = per_minute / 60
        self._most = max(1.0, self._per_second * BURST_SECONDS)
        self._what = f"{what}; {per_minute:,} a minute are answered"
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> None:
        """Count a request.

        Raises:
            ProblemError: when there were too many.
        """
        now = time.monotonic()
        left, seen_at = self._left.pop(who, (self._most, now))
        left = min(self._most, left + (now - seen_at) * self._per_second)
        self._left[who] = max(left - 1, 0) if left >= 1 else left, now
        if len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        if left < 1:
            seconds = max(1, round((1 - left) / self._per_second))
            raise too_many(f"Too many {self._what}. Try again in {seconds} s.", seconds)


class Slots:
    """How many extracts may run at once, in all and of one token."""

    def __init__(self, in_all: int, of_one: int) -> None:
        """Nothing is running."""
        self._in_all, self._of_one = in_all, of_one
        self.running: dict[str, int] = {}

    @contextmanager
    def taken(self, who: str) -> Iterator[None]:
        """Hold a slot while the block runs.

        Raises:
            ProblemError: when none is free.
        """
        own = self.running.get(who, 0)
        if own >= self._of_one or sum(self.running.values()) >= self._in_all:
            whose = "of this token" if own >= self._of_one else "of all tokens"
            most = self._of_one if own >= self._of_one else self._in_all
            raise too_many(f"{most} extracts {whose} are running, no more at a time. Wait.", 5)
        self.running[who] = own + 1
        try:
            yield
        finally:
            self.running[who] -= 1
            if not self.running[who]:
                del self.running[who]


def too_many(detail: str, seconds: int) -> ProblemError:
    """Return the error of who has to wait."""
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(seconds)})
