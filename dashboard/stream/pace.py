"""How much a page is given at once: what it can paint without a stutter.

Comes in: how long the page took for the frames that it painted. Goes out: how many rows the next frame
may hold, and how long to wait before it. A page on a slow machine gets fewer rows, and counts more.
"""

from __future__ import annotations

BURST = 25
"""After a silence a reader looks at what comes; that much may come at once."""

STEADY = 12
LEAST = 5
CALM_S = 0.4
"""So long after the last rows it is silence."""

SMOOTH_MS = 20.0
"""A frame that takes longer is seen to stutter: it misses two refreshes of the screen."""

SHARE = 0.5
"""So much of its time a page is kept busy, at most."""

LONGEST_REST_S = 0.5
_NEWEST_COUNTS = 0.3


class Pace:
    """What one page can keep up with. Times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._rows = STEADY
        self._took_s = 0.0
        self._sent_at = self._rows_at = float("-inf")

    def is_calm(self, now: float) -> bool:
        """Return whether no rows were sent for a while."""
        return now - self._rows_at >= CALM_S

    def room(self, now: float) -> int:
        """Return how many rows a frame may hold now."""
        return BURST if self.is_calm(now) else self._rows

    def rest_s(self, now: float) -> float:
        """Return how long to wait before the next frame."""
        return max(0.0, self._sent_at + min(self._took_s / SHARE, LONGEST_REST_S) - now)

    def note_sent(self, now: float, *, with_rows: bool) -> None:
        """Note that a frame was sent."""
        self._sent_at = now
        if with_rows:
            self._rows_at = now

    def note_painted(self, took_ms: float) -> None:
        """Note how long the page took for a frame, from its arrival to its picture."""
        self._took_s += _NEWEST_COUNTS * (took_ms / 1_000 - self._took_s)
        if took_ms > SMOOTH_MS:
            self._rows = max(LEAST, self._rows * 4 // 5)
        elif took_ms < SMOOTH_MS * 0.7:
            self._rows = min(STEADY, self._rows + 1)
