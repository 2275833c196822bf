"""How many emissions there were in each of the last seconds, by family: the sparkline's numbers.

Comes in: entries, in any order. Goes out: ``Rates``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from .events import Emission, Entry

SECONDS = 60
LATENCY_S = 0.25
"""How long after its end a second counts as complete: writer, journal and tail take their time."""


class Rates(NamedTuple):
    """Emissions in the last full second, and by family in each of the last 60, oldest first."""

    per_second: float
    seconds: list[dict[str, int]]


class Counts:
    """Emissions by second and family, as far back as rates are asked for."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._seconds: dict[int, Counter[str]] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Count the emissions among the entries; those too old to be asked for are left out."""
        now = int(self._clock())
        for entry in entries:
            if type(entry) is Emission:
                # Another host's clock may be ahead of this one.
                second = min(int(entry.at.timestamp()), now)
                if second > now - SECONDS - 2:
                    self._seconds.setdefault(second, Counter())[entry.family] += 1
        for second in [second for second in self._seconds if second <= now - SECONDS - 2]:
            del self._seconds[second]

    def rates(self) -> Rates:
        """Return the rates of the minute that ended with the last full second."""
        last = int(self._clock() - LATENCY_S) - 1
        seconds = [dict(self._seconds.get(last - back, {})) for back in range(SECONDS - 1, -1, -1)]
        return Rates(float(sum(seconds[-1].values())), seconds)
