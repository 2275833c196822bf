"""Counts that live in this process's memory: requests, saves, page views.

Comes in: one call per thing counted, from any thread. Goes out: plain numbers for the pages.
"""

from __future__ import annotations

import threading
from collections import Counter

MAX_KEYS = 10_000


class Tally:
    """A thread-safe counter by key, of at most ``MAX_KEYS`` keys; further ones count as ``"others"``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[int | str] = Counter()

    def add(self, key: int | str) -> int:
        """Count one more and return the key's new count."""
        with self._lock:
            if key not in self._counts and len(self._counts) >= MAX_KEYS:
                key = "others"
            self._counts[key] += 1
            return self._counts[key]

    def count(self, key: int | str) -> int:
        """Return the key's count, 0 when it was never counted."""
        return self._counts[key]

    def total(self) -> int:
        """Return the sum of all counts."""
        with self._lock:
            return self._counts.total()

    def forget(self, key: int | str) -> None:
        """Set the key's count back to 0."""
        with self._lock:
            self._counts.pop(key, None)


requests = Tally()
saves = Tally()
views = Tally()
instances = Tally()
