"""Long work in slices: whoever waits for the GIL gets it in between.

Without a pause a thread that computes gives it up only every 5 ms, and each wait of another thread costs
that much: an event loop that wakes up often comes to a stand.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

SLICE_S = 0.001
"""How long work may hold the GIL before it lets other threads run."""

PAUSE_S = 0.0002
"""How long it lets them: enough for a waiting thread to wake up and take the GIL."""

T = TypeVar("T")


def sliced(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, with a pause of ``PAUSE_S`` after each ``SLICE_S`` of work on them."""
    started = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - started >= SLICE_S:
            time.sleep(PAUSE_S)
            started = time.perf_counter()
