"""Which call changed the instance, where calls run side by side.

Comes in: the beginning and the end of each stretch that a call runs: a step of a coroutine, a sync
receiver in a thread. Goes out: at each, the calls that can have made what changed since the last one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..causality import Running

Compare = Callable[[Any, Sequence[Running]], None]


class Changes:
    """The instance of one emission while its receivers run side by side.

    What changes while calls run is theirs; what changes while all of them wait, for work in a thread,
    is of those that wait. ``watched`` is ``None`` where there is nothing to compare.
    """

    __slots__ = ("_begun", "_compare", "_lock", "_now", "_watched")

    def __init__(self, watched: Any, compare: Compare) -> None:
        self._watched = watched
        self._compare = compare
        self._begun: list[Running] = []
        self._now: list[Running] = []
        self._lock = threading.Lock()  # sync receivers run in a thread of their own under asend

    def enter(self, call: Running) -> None:
        """Take note that the call goes on running."""
        if self._watched is None:
            return
        with self._lock:
            self._settle()
            self._now.append(call)
            if call not in self._begun:
                self._begun.append(call)

    def leave(self, call: Running) -> None:
        """Take note that the call waits, or has ended."""
        if self._watched is None:
            return
        with self._lock:
            self._settle()
            self._now.remove(call)
            if call.ended:
                self._begun.remove(call)

    def _settle(self) -> None:
        self._compare(self._watched, self._now or self._begun)
