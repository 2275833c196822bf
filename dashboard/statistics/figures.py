"""The figures of one thing that ran many times.

Comes in: one sample per run. Goes out: count, rate, percentiles, errors, histogram, and the
traces that a reader would want to open.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ..events import Process


class Sample(NamedTuple):
    """One run: how long it took in microseconds, when it began, in which trace, whether it raised.

    ``rolled_back`` is true when the transaction around it was, ``process`` where it ran.
    """

    duration_us: float
    at: datetime
    trace: str
    failed: bool = False
    rolled_back: bool = False
    process: Process | None = None


class Histogram(NamedTuple):
    """Counts in bins of equal width from 0 to ``top_us``; what took longer is in the last one."""

    top_us: float
    counts: list[int]


class Figures:
    """What is known about one node or edge over ``window_s`` seconds."""

    __slots__ = ("_sorted", "errors", "rolled_back", "samples", "window_s")

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.samples: list[Sample] = []
        self.errors = 0
        self.rolled_back = 0
        self._sorted: list[float] = []

    @classmethod
    def together(cls, parts: Sequence[Figures]) -> Figures:
        """Return the figures of several things as if they were one; of none, figures without runs."""
        whole = cls(parts[0].window_s if parts else 1.0)
        for part in parts:
            whole.samples += part.samples
            whole.errors += part.errors
            whole.rolled_back += part.rolled_back
        return whole

    def add(self, sample: Sample) -> None:
        """Count one run."""
        self.samples.append(sample)
        self.errors += sample.failed
        self.rolled_back += sample.rolled_back

    @property
    def count(self) -> int:
        """How many runs there were."""
        return len(self.samples)

    @property
    def rate(self) -> float:
        """Runs per second, as the mean of the whole window."""
        return len(self.samples) / self.window_s

    @property
    def processes(self) -> list[tuple[Process, int]]:
        """In which processes it ran, and how often; most often first."""
        return counted(sample.process for sample in self.samples)

    @property
    def last_at(self) -> datetime | None:
        """When the newest run began; ``None`` without any."""
        return max((sample.at for sample in self.samples), default=None)

    def percentile(self, percent: float) -> float:
        """Return the duration in microseconds that ``percent`` of the runs do not exceed.

        It is always a duration that was measured (nearest rank); 0.0 without any run.
        """
        if not self.samples:
            return 0.0
        if len(self._sorted) != len(self.samples):
            self._sorted = sorted(sample.duration_us for sample in self.samples)
        rank = math.ceil(percent / 100 * len(self._sorted))
        return self._sorted[max(rank, 1) - 1]

    @property
    def p50_us(self) -> float:
        """The median duration in microseconds."""
        return self.percentile(50)

    @property
    def p95_us(self) -> float:
        """What 95 % of the runs do not exceed, in microseconds."""
        return self.percentile(95)

    @property
    def p99_us(self) -> float:
        """What 99 % of the runs do not exceed, in microseconds."""
        return self.percentile(99)

    def slowest(self, limit: int) -> list[Sample]:
        """Return the slowest run of each trace, slowest first."""
        return _first_of_each_trace(
            heapq.nlargest(limit * 8, self.samples, key=lambda s: s.duration_us), limit
        )

    def latest(self, limit: int) -> list[Sample]:
        """Return the newest run of each trace, newest first."""
        return _first_of_each_trace(heapq.nlargest(limit * 8, self.samples, key=lambda s: s.at), limit)

    def histogram(self, bins: int = 24) -> Histogram:
        """Return how the durations are spread, up to a round number at or above the 99th percentile."""
        top = _round_up(self.p99_us)
        counts = [0] * bins
        for sample in self.samples:
            counts[min(int(sample.duration_us / top * bins), bins - 1)] += 1
        return Histogram(top, counts)


def counted(processes: Iterable[Process | None]) -> list[tuple[Process, int]]:
    """Return how often each process was met, whatever its thread; most often first."""
    known: dict[tuple[str, int], Process] = {}
    times: Counter[tuple[str, int]] = Counter()
    for process in processes:
        if process is not None:
            name = process.host, process.pid
            times[name] += 1
            known[name] = process
    return [(known[name], number) for name, number in times.most_common()]


def _first_of_each_trace(samples: list[Sample], limit: int) -> list[Sample]:
    found: dict[str, Sample] = {}
    for sample in samples:
        found.setdefault(sample.trace, sample)
    return list(found.values())[:limit]


def _round_up(us: float) -> float:
    """Return the next 1, 1.5, 2, 3, 4, 5, 6 or 8 times a power of ten; at least 10 µs."""
    if us <= 10:
        return 10.0
    power = 10.0 ** math.floor(math.log10(us))
    for step in (1, 1.5, 2, 3, 4, 5, 6, 8):
        if us <= step * power:
            return step * power
    return 10 * power
