"""Playing a stretch of the journal again: what a tail tells of now, told of then, in its own timing.

Comes in: a journal, the first and the last number, a speed. Goes out: what ``Tail`` offers to those who
follow it: a head that moves on as the entries come due, and the entries up to it.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter

from .causality import suppressed
from .events import Bypass, Emission, Entry
from .journal.base import Cursor, Journal, JournalError
from .rates import LATENCY_S, Counts, Rates
from .tail import Callback, Slice

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
LONGEST_PAUSE_S = 2.0
"""A silence is played as long as it was, but no longer than this."""

MOST_AT_ONCE = 8
"""So many replays may run in one process."""

CAPACITY = 20_000
_PAGE = 250
_SOON_S = 0.02
_LEAST_S = 0.0005
_seq = attrgetter("seq")
Wait = Callable[[threading.Condition, float | None], object]
_running = threading.BoundedSemaphore(MOST_AT_ONCE)


class TooManyError(Exception):
    """``MOST_AT_ONCE`` replays run already."""


class Player:
    """One replay of ``(after, upto]``, from ``start`` on. Followed like a tail, by one follower.

    ``moment`` is the time then. ``shortened_s`` is how long the silence was that is being shortened, in
    seconds, 0 while none is.
    """

    def __init__(
        self,
        journal: Journal,
        upto: int,
        start: int,
        speed: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Wait = threading.Condition.wait,
    ) -> None:
        """Stand still before ``start`` + 1. May raise ``JournalError``."""
        self.error: str | None = None
        self.speed = speed
        self.paused = False
        self.upto = min(upto, journal.head().seq)
        self.head = Cursor(journal.head().epoch, min(start, self.upto))
        self.moment: datetime | None = None
        self.shortened_s = 0.0
        self._journal = journal
        self._clock = clock
        self._wait_for = wait
        self._floor = start
        self._ring: list[Entry] = []
        self._state = threading.Condition()
        self._ending = False
        self._callbacks: tuple[Callback, ...] = ()
        self._counts = Counts(self._now)

    # --- what a tail offers ------------------------------------------------------------------------

    def acquire(self) -> None:
        """Begin to play. Raises ``TooManyError``."""
        if not _running.acquire(blocking=False):
            raise TooManyError(f"{MOST_AT_ONCE} replays run already. Close one of their pages.")
        try:
            threading.Thread(target=self._run, name="signalscope-replay", daemon=True).start()
        except RuntimeError:
            _running.release()
            raise

    def release(self) -> None:
        """End playing."""
        with self._state:
            self._ending = True
            self._state.notify_all()

    def close(self) -> None:
        """End playing, as releasing does; the journal is not this replay's own."""
        self.release()

    def end(self) -> Cursor:
        """Return how far it has played: more is not there yet."""
        return self.head

    def subscribe(self, callback: Callback) -> None:
        """Call ``callback()`` after entries came due."""
        self._callbacks = (*self._callbacks, callback)

    def unsubscribe(self, callback: Callback) -> None:
        """Stop calling it."""
        self._callbacks = tuple(known for known in self._callbacks if known != callback)

    def reaches(self, seq: int) -> bool:
        """Return whether ``since(seq, …)`` is answered without blocking."""
        return seq >= self._floor

    def since(self, seq: int, limit: int) -> Slice:
        """Return at most ``limit`` entries after ``seq`` that came due. May raise ``JournalError``."""
        with self._state:
            head = self.head
            if seq >= self._floor:
                start = bisect_right(self._ring, seq, key=_seq)
                entries = self._ring[start : start + limit]
                behind = len(self._ring) - start - len(entries)
                last = entries[-1].seq if entries and behind else max(seq, head.seq)
                return Slice(entries, Cursor(head.epoch, last), behind)
        entries = [entry for entry in self._journal.read(seq, limit) if entry.seq <= head.seq]
        last = entries[-1].seq if entries else head.seq
        return Slice(entries, Cursor(head.epoch, last), head.seq - last)

    def rates(self) -> Rates:
        """Return what was emitted in the minute before the entry that was played last."""
        with self._state:
            return self._counts.rates()

    # --- what its reader does ----------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether all of the stretch was played."""
        return self.head.seq >= self.upto

    def pause(self, *, paused: bool) -> None:
        """Stand still, or go on."""
        with self._state:
            self.paused = paused
            self._state.notify_all()

    def play_at(self, speed: float) -> None:
        """Go on at another of the ``SPEEDS``; any other is left aside."""
        if speed in SPEEDS:
            with self._state:
                self.speed = speed
                self._state.notify_all()

    # --- playing -------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with suppressed():
                self._play()
        except JournalError as error:
            self.error = str(error)
            self._notify()
        finally:
            _running.release()

    def _play(self) -> None:
        self._wait(0.0)
        while not self._ending and not self.ended:
            page = [entry for entry in self._journal.read(self.head.seq, _PAGE) if entry.seq <= self.upto]
            if not page:
                # What was to come is not held any more.
                self._move(self.upto, [])
                return
            self._play_page(page)

    def _play_page(self, page: list[Entry]) -> None:
        due: list[Entry] = []
        owed_s = 0.0
        for entry in page:
            owed_s += self._silence_before(entry)
            if owed_s / self.speed > _SOON_S:
                self._move(due[-1].seq if due else self.head.seq, due)
                due = []
                self._wait(owed_s)
                owed_s = 0.0
            if self._ending:
                return
            due.append(entry)
            self.moment = max(self.moment or moment(entry), moment(entry))
        self._move(due[-1].seq, due)
        self._wait(owed_s)

    def _silence_before(self, entry: Entry) -> float:
        """Return the seconds between the last moment and this entry's, as they were."""
        if self.moment is None:
            return 0.0
        return max((moment(entry) - self.moment) / timedelta(seconds=1), 0.0)

    def _wait(self, silence_s: float) -> None:
        """Wait as long as the silence takes at the present speed, which may change meanwhile."""
        left_s = silence_s
        with self._state:
            while not self._ending and (left_s > _LEAST_S or self.paused):
                if left_s / self.speed > LONGEST_PAUSE_S:
                    self.shortened_s = silence_s
                    left_s = LONGEST_PAUSE_S * self.speed
                began, speed, paused = self._clock(), self.speed, self.paused
                self._wait_for(self._state, None if paused else left_s / speed)
                if not paused:
                    left_s -= (self._clock() - began) * speed
            self.shortened_s = 0.0

    def _move(self, seq: int, due: list[Entry]) -> None:
        with self._state:
            self._ring += due
            self.head = Cursor(self.head.epoch, seq)
            self._counts.add(due)
            excess = len(self._ring) - CAPACITY
            if excess > 0:
                self._floor = self._ring[excess - 1].seq
                del self._ring[:excess]
        self._notify()

    def _notify(self) -> None:
        for callback in self._callbacks:
            callback()

    def _now(self) -> float:
        return self.moment.timestamp() + LATENCY_S if self.moment else 0.0


def moment(entry: Entry) -> datetime:
    """Return when the entry was journalled: an emission and a bypass when they ended."""
    if isinstance(entry, Emission | Bypass):
        return entry.at + timedelta(microseconds=entry.duration_us)
    return entry.at
