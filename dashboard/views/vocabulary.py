"""What the journal has seen, for completion: its end is read once, afterwards only what is new.

Comes in: the tail of this process. Goes out: the ``Seen`` that all readers share. No key press reads
the journal again: new entries are taken in once a second at most, a bounded number at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .. import pipeline
from ..journal.base import Cursor
from ..query.seen import Seen
from ..tail import Tail

T = TypeVar("T")

MOST = 3_000
"""So many of the newest entries are taken in at once; what is older than those is passed over."""

PAGE = 500
RENEW_S = 1.0


class Vocabulary:
    """The values seen in one tail's journal."""

    def __init__(self, tail: Callable[[], Tail], clock: Callable[[], float] = time.monotonic) -> None:
        """Read from what ``tail()`` gives; ``clock`` counts seconds."""
        self._tail = tail
        self._clock = clock
        self._seen = Seen()
        self._cursor = Cursor("", 0)
        self._renewed = float("-inf")
        self._lock = threading.Lock()

    def ask(self, use: Callable[[Seen], T]) -> T:
        """Return ``use(seen)``, after what is new was taken in. May raise ``JournalError``."""
        with self._lock:
            if self._clock() - self._renewed >= RENEW_S:
                self._renew(self._tail())
                self._renewed = self._clock()
            return use(self._seen)

    def _renew(self, tail: Tail) -> None:
        head = tail.head
        if head.epoch != self._cursor.epoch or head.seq < self._cursor.seq:
            self._seen.clear()
            self._cursor = Cursor(head.epoch, 0)
        after = max(self._cursor.seq, head.seq - MOST)
        while after < head.seq:
            entries = tail.since(after, PAGE).entries
            for entry in entries:
                self._seen.add(entry)
            if not entries:
                break
            after = entries[-1].seq
        self._cursor = Cursor(head.epoch, after)


vocabulary = Vocabulary(lambda: pipeline.tail())
"""That of this process."""
