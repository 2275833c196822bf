"""How many emissions there were over time, with the part that failed, and the range chosen in it.

Comes in: a journal, a chosen range of time. Goes out: bars and the times between them, for a drawing
that serves as a brush.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from .. import wording
from ..journal.base import Bucket, Journal
from ..stream.sieve import Within

BARS = 120
WIDTH, HEIGHT = 960, 56
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACE_US = 1_000
"""The times that a form holds have milliseconds: edges between bars have no more."""


class Bar(NamedTuple):
    """One bar: its place and height, of which ``failed`` is red, and what it says."""

    x: float
    height: float
    failed: float
    says: str


class Histogram(NamedTuple):
    """What is drawn: the bars, the times at their edges, and the handles' places among them."""

    bars: list[Bar]
    edges_us: list[int]
    peak: int
    low: int
    high: int

    @property
    def bar_width(self) -> float:
        """Return the width of one bar."""
        return WIDTH / (len(self.edges_us) - 1)

    @property
    def edges(self) -> str:
        """Return the edges as a form writes times, for the script that moves the handles."""
        return json.dumps([written(edge) for edge in self.edges_us])

    @property
    def marks(self) -> list[datetime]:
        """Return five times along the axis, from its beginning to its end."""
        last = len(self.edges_us) - 1
        return [moment(self.edges_us[round(last * part / 4)]) for part in range(5)]

    @property
    def shade(self) -> tuple[float, float]:
        """Return where the chosen range begins, and how wide it is."""
        return self.low * self.bar_width, (self.high - self.low) * self.bar_width

    @property
    def each(self) -> str:
        """Return how long one bar is."""
        return str(wording.took(self.edges_us[1] - self.edges_us[0]))


def histogram(journal: Journal, times: tuple[int, int], chosen: Within | None) -> Histogram:
    """Return the histogram of all that is held, or of the chosen range and as much on either side.

    ``times`` are the earliest and the latest time held. May raise ``JournalError``.
    """
    since, until = times[0], times[1] + 1
    if chosen is not None:
        length = chosen.until_us - chosen.since_us
        since, until = max(since, chosen.since_us - length), min(until, chosen.until_us + length)
        since, until = min(since, chosen.since_us), max(until, chosen.until_us)
    edges = _edges(since, until)
    buckets = journal.counts(edges)
    peak = max(bucket.emissions for bucket in buckets)
    width = WIDTH / len(buckets)
    bars = [
        Bar(
            round(number * width, 2),
            _high(bucket.emissions, peak),
            _high(bucket.failed, peak),
            _says(bucket, edges[number]),
        )
        for number, bucket in enumerate(buckets)
        if bucket.emissions
    ]
    low = 0 if chosen is None else _nearest(edges, chosen.since_us)
    high = len(buckets) if chosen is None else _nearest(edges, chosen.until_us)
    return Histogram(bars, edges, peak, low, max(high, low + 1))


def _edges(since: int, until: int) -> list[int]:
    first = since // _PACE_US * _PACE_US
    paces = -((first - until) // _PACE_US)
    step = max(-(-paces // BARS), 1) * _PACE_US
    return [first + number * step for number in range(-(-(until - first) // step) + 1)]


def _high(number: int, peak: int) -> float:
    # What is there at all must be seen.
    return round(max(number / peak * HEIGHT, 1.5), 1) if number else 0.0


def _says(bucket: Bucket, edge: int) -> str:
    failed = f", {wording.count(bucket.failed)} failed" if bucket.failed else ""
    return f"{wording.day_and_time(moment(edge))}: {wording.many(bucket.emissions, 'emission')}{failed}"


def _nearest(edges: Sequence[int], at: int) -> int:
    return min(range(len(edges)), key=lambda number: abs(edges[number] - at))


# --- times ---------------------------------------------------------------------------------------


def moment(us: int) -> datetime:
    """Return a number of microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def written(us: int) -> str:
    """Return a number of microseconds since 1970 as the field of a form holds it."""
    return wording.field(moment(us))


def read(text: str) -> int | None:
    """Return the time that a form or an address holds; ``None`` when it is none.

    Without an offset it is of the project's time zone.
    """
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=timezone.get_default_timezone())
        return (at - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
