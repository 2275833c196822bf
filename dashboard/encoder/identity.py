"""Who and when: the ids and wall-clock times that entries of this process carry.

Comes in: the recorder's numbers and readings of ``perf_counter_ns``. Goes out: ids of eight bytes as
hex, microseconds since 1970 (UTC), the process by thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import structs

from ..causality import Running
from ..events import MAX_ABOVE, Process
from ..processes import this_process

_MAX_DRIFT_NS = 100_000_000
_MAX_THREADS = 10_000


class Identity:
    """This process as its entries name it. A forked child takes one of its own."""

    def __init__(
        self,
        clock: Callable[[], int] = time.perf_counter_ns,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._prefix = os.urandom(4).hex()
        self._process = this_process()
        self._anchor = wall() - clock()
        self._processes: dict[str, Process] = {}

    def id(self, number: int) -> str:
        """Return the id of what has this number: unlike that of any other process."""
        return self._prefix + "%08x" % (number & 0xFFFFFFFF)

    def above(self, cause: Running) -> list[str]:
        """Return the ids of the emissions around the one that ``cause`` is a call of, nearest first."""
        found: list[str] = []
        around = cause.parent
        while around is not None and around.head is not None and len(found) < MAX_ABOVE:
            found.append(self.id(around.head.number))
            around = around.parent
        beyond = cause.trace.cause
        return found if beyond is None else [*found, beyond.emission, *beyond.above][:MAX_ABOVE]

    def at_us(self, clock_ns: int) -> int:
        """Return a reading of the clock as microseconds since 1970."""
        return (clock_ns + self._anchor) // 1000

    def time(self, clock_ns: int) -> datetime:
        """Return a reading of the clock as a time."""
        return datetime.fromtimestamp((clock_ns + self._anchor) / 1e9, UTC)

    def process(self, thread: str) -> Process:
        """Return this process, in the thread with this name."""
        known = self._processes.get(thread)
        if known is None:
            if len(self._processes) >= _MAX_THREADS:
                self._processes.clear()
            known = self._processes[thread] = structs.replace(self._process, thread=thread)
        return known

    def adjust(self) -> None:
        """Follow the wall clock when it was set; called between batches, so that none is torn."""
        anchor = self._wall() - self._clock()
        if abs(anchor - self._anchor) > _MAX_DRIFT_NS:
            self._anchor = anchor
