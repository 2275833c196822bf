"""Following the journal live: one thread per process reads it, everybody else reads from memory.

Comes in: a journal. Goes out: slices of entries after a cursor, from a ring of recent ones where it
reaches and from the journal where it does not; rates for the sparkline; a call to each subscriber.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import NamedTuple
from weakref import WeakSet

from .causality import suppressed
from .events import Entry
from .journal.base import Cursor, Journal, JournalError
from .rates import Counts, Rates
from .slices import PAUSE_S

logger = logging.getLogger("signalscope")

PAGE = 250
"""How many entries are read at once: decoding more would keep the GIL from the app for too long."""

WAIT_S = 0.25
"""How long a journal that can wait is let wait for news: ending has to wait for it, and nothing else."""

RETRY_FIRST_S = 0.1
RETRY_LONGEST_S = 2.0
REPLACED_LIMIT = 5

_seq = attrgetter("seq")
Callback = Callable[[], None]


class Slice(NamedTuple):
    """Entries after a cursor, oldest first, the cursor after them, and how many more wait there.

    ``behind`` is exact for the ring. Read from the journal it may be too high (numbers can be
    missing), but is 0 only at the end.
    """

    entries: list[Entry]
    cursor: Cursor
    behind: int


class Tail:
    """One journal, followed while somebody holds it. ``journal`` must not be another tail's.

    ``capacity`` bounds the ring, in entries. ``error`` says why the journal cannot be read now, and is
    ``None`` while it can.
    """

    def __init__(
        self,
        journal: Journal,
        capacity: int = 20_000,
        interval_s: float = 0.02,
        *,
        clock: Callable[[], float] = time.time,
        page: int = PAGE,
    ) -> None:
        self._journal = journal
        self._capacity = capacity
        self._warm = max(1, capacity // 4)
        self._interval_s = interval_s
        self._clock = clock
        self._page = page
        self._begin()
        _tails.add(self)

    def _begin(self) -> None:
        self.error: str | None = None
        self.faults = 0
        self._lock = threading.Lock()
        self._holders = 0
        self._ending = threading.Event()
        self._following = threading.Lock()
        self._running = threading.Lock()
        self._callbacks: tuple[Callback, ...] = ()
        self._forget()

    def _forget(self) -> None:
        self._head: Cursor | None = None
        self._floor = 0
        self._ring: list[Entry] = []
        self._counts = Counts(self._clock)

    def acquire(self) -> None:
        """Follow the journal until ``release``; each holder acquires once. Does not wait."""
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                self._ending = threading.Event()
                threading.Thread(
                    target=self._run, args=(self._ending,), name="signalscope-tail", daemon=True
                ).start()

    def release(self) -> None:
        """Let go; with the last holder following ends and the ring is given up."""
        with self._lock:
            self._holders = max(0, self._holders - 1)
            if self._holders == 0:
                self._ending.set()
                self._forget()

    def close(self) -> None:
        """End following for all holders, and close the journal."""
        with self._lock:
            self._holders = 0
            self._ending.set()
            self._forget()
        self._journal.close()

    def subscribe(self, callback: Callback) -> None:
        """Call ``callback()`` from the tail's thread after new entries, a new epoch, a new ``error``."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)

    def unsubscribe(self, callback: Callback) -> None:
        """Stop calling it. One that is not subscribed is no error."""
        with self._lock:
            self._callbacks = tuple(known for known in self._callbacks if known != callback)

    @property
    def head(self) -> Cursor:
        """The end of what is known: of the ring, or while nobody follows of the journal (blocking)."""
        known = self._head
        return known if known is not None else self._journal.head()

    def end(self) -> Cursor:
        """Return the journal's own end, which the ring may not have reached yet.

        Blocks, and may raise ``JournalError``.
        """
        return self._journal.head()

    @property
    def oldest(self) -> int:
        """The lowest ``seq`` in the ring, 0 while it is empty."""
        ring = self._ring
        return ring[0].seq if ring else 0

    def recent(self) -> list[Entry]:
        """Return what the ring holds, oldest first; nothing while nobody follows, or there is an ``error``.

        Does not block. Entries are shared between all callers and must not be changed.
        """
        with self._lock:
            return [] if self._head is None or self.error else list(self._ring)

    def reaches(self, seq: int) -> bool:
        """Return whether ``since(seq, …)`` is answered from memory, without blocking."""
        return self._head is not None and seq >= self._floor

    def since(self, seq: int, limit: int) -> Slice:
        """Return at most ``limit`` entries after ``seq``. The caller compares the cursor's epoch.

        Blocks, and may raise ``JournalError``, where ``reaches(seq)`` is false. Entries are shared
        between all callers and must not be changed.
        """
        with self._lock:
            if self._head is not None and seq >= self._floor:
                return self._since_in_ring(self._head, seq, limit)
        return self._since_in_journal(seq, limit)

    def _since_in_ring(self, head: Cursor, seq: int, limit: int) -> Slice:
        start = bisect_right(self._ring, seq, key=_seq)
        entries = self._ring[start : start + limit]
        behind = len(self._ring) - start - len(entries)
        last = entries[-1].seq if entries and behind else max(seq, head.seq)
        return Slice(entries, Cursor(head.epoch, last), behind)

    def _since_in_journal(self, seq: int, limit: int) -> Slice:
        before = self._journal.head()
        for _ in range(REPLACED_LIMIT):
            entries = self._journal.read(seq, limit)
            after = self._journal.head()
            if after.epoch == before.epoch:
                last = entries[-1].seq if entries else seq
                behind = max(0, after.seq - last) if len(entries) == limit else 0
                return Slice(entries, Cursor(after.epoch, last), behind)
            before = after
        raise JournalError(
            f"The journal cannot be read: {self._journal.url} was replaced {REPLACED_LIMIT} times running. "
            "Stop whatever keeps replacing it, or set SIGNALSCOPE['JOURNAL'] to another one."
        )

    def rates(self) -> Rates:
        """Return what was emitted in the last minute, as far as it was followed or is in the ring."""
        with self._lock:
            return self._counts.rates()

    def _run(self, ending: threading.Event) -> None:
        wait_s = 0.0
        stale = True
        # One at a time: a thread that is still ending would take the journal's "changed" from the next.
        with self._running, suppressed():
            while not ending.wait(wait_s):
                try:
                    stale = self._journal.changed(0.0 if stale else WAIT_S) or stale
                    if stale:
                        self._follow(ending)
                    stale = False
                    wait_s = self._interval_s
                    self._report(None)
                except JournalError as error:
                    wait_s = min(max(wait_s * 2, RETRY_FIRST_S), RETRY_LONGEST_S)
                    stale = True
                    self._report(str(error))

    def _follow(self, ending: threading.Event) -> None:
        """Read to the end of the journal, page by page."""
        with self._following:
            head = self._journal.head()
            known = self._head
            if known is None or known.epoch != head.epoch or not 0 <= head.seq - known.seq <= self._capacity:
                # Another life, an older copy put back, or so far ahead that nothing of the ring remains.
                self._catch_up(head, ending)
                return
            for entries in self._pages(known.seq, ending):
                self._add(entries, ending)

    def _catch_up(self, head: Cursor, ending: threading.Event) -> None:
        """Begin anew with the last part of the journal, shown only when it is complete."""
        floor = max(0, head.seq - self._warm)
        ring: list[Entry] = []
        counts = Counts(self._clock)
        for entries in self._pages(floor, ending):
            ring += entries
            counts.add(entries)
        with self._lock:
            if ending.is_set():
                return
            self._ring, self._floor, self._counts = ring, floor, counts
            self._head = Cursor(head.epoch, ring[-1].seq if ring else head.seq)
            self._trim()
        self._notify()

    def _pages(self, after: int, ending: threading.Event) -> Iterator[list[Entry]]:
        while not ending.is_set():
            entries = self._journal.read(after, self._page)
            if entries:
                yield entries
                after = entries[-1].seq
            if len(entries) < self._page:
                return
            time.sleep(PAUSE_S)

    def _add(self, entries: list[Entry], ending: threading.Event) -> None:
        with self._lock:
            if ending.is_set() or self._head is None:
                return
            self._ring += entries
            self._head = Cursor(self._head.epoch, entries[-1].seq)
            self._counts.add(entries)
            self._trim()
        self._notify()

    def _trim(self) -> None:
        excess = len(self._ring) - self._capacity
        if excess > 0:
            self._floor = self._ring[excess - 1].seq
            del self._ring[:excess]

    def _report(self, error: str | None) -> None:
        if error != self.error:
            self.error = error
            self._notify()

    def _notify(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception as error:
                # One subscriber's fault is not the others'.
                if not self.faults:
                    logger.error(
                        "A subscriber of Signalscope's tail failed; further faults are only counted.",
                        exc_info=error,
                    )
                self.faults += 1


_tails: WeakSet[Tail] = WeakSet()


def _after_fork_in_child() -> None:
    for tail in list(_tails):
        tail._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
