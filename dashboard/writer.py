"""From the hot path to the journal: a bounded buffer, and one thread that empties it in batches.

Comes in: what the recorder pushes. Goes out: packed entries, appended to the journal; what had to be
dropped is counted and leaves a gap entry where it is missing. The app never waits and never fails.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from weakref import WeakSet

from . import exits
from .causality import suppressed
from .events import Gap
from .journal.base import Journal, JournalError, Packed, pack
from .processes import this_process
from .sampling import Sampler
from .slices import PAUSE_S, SLICE_S

logger = logging.getLogger("signalscope")

BATCH = 1_000
"""How many events go to the journal at once; the journal holds the GIL while it takes them over."""

PRUNE_CHUNK = 2_000
PRUNE_EVERY_S = 5.0
RETRY_FIRST_S = 0.1
RETRY_LONGEST_S = 5.0
FORK_WAIT_S = 0.25


_OWN = (Gap, threading.Event)
"""What the writer itself puts into the buffer: gaps where they belong, and the ends of flushes."""


class _Missed(NamedTuple):
    """Events lost for one reason: how many, and when (seconds since 1970)."""

    events: int
    first: float
    last: float


class Writer:
    """Takes events from any thread, and writes them from its own.

    ``journal_factory`` makes the journal, ``encode`` the packed entry of an event (``None``: none is kept);
    both are called in the writer's thread. ``capacity`` is how many events may wait,
    ``keep_entries`` and ``keep_seconds`` are how much the journal keeps. ``sampler`` decides which traces
    are kept; without one all are. ``error`` is the journal's
    last error, ``None`` while it works; ``dropped`` counts events that found no room, ``faults``
    those that could not be encoded or stored, ``written`` stored entries, all of this process.
    """

    def __init__(
        self,
        journal_factory: Callable[[], Journal],
        encode: Callable[[Any], Packed | None],
        capacity: int,
        interval_s: float = 0.05,
        *,
        keep_entries: int | None = None,
        keep_seconds: float | None = None,
        batch: int = BATCH,
        sampler: Sampler | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._journal_factory = journal_factory
        self._encode = encode
        self._capacity = capacity
        self._interval_s = interval_s
        self._keep_entries = keep_entries
        self._keep_seconds = keep_seconds
        self._batch = batch
        self._sampler = sampler
        self._sleep = sleep
        self._stopping = self._stopped = False
        self._begin()
        _writers.add(self)
        exits.register(self)

    def _begin(self) -> None:
        """Set everything that a forked child must not inherit."""
        self.dropped = 0
        self.faults = 0
        self.written = 0
        self.error: str | None = None
        self._buffer: deque[Any] = deque()
        self._packed: list[Packed] = []
        self._flushes: list[threading.Event] = []
        self._flushing = 0
        self._missed: dict[str, _Missed] = {}
        # Re-entrant: a signal handler or a finaliser may push while its own thread is in here.
        self._lock = threading.RLock()
        self._journal: Journal | None = None
        self._thread: threading.Thread | None = None
        self._start_at = 0.0
        self._working = threading.Lock()
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._retry_s = 0.0
        self._prune_at = 0.0
        if self._sampler is not None:
            self._sampler.forget()

    @property
    def waiting(self) -> int:
        """How many events are not yet in the journal, and are to be."""
        return len(self._buffer) + len(self._packed)

    @property
    def undecided(self) -> int:
        """How many events the sampler holds until it knows whether their traces are kept."""
        return self._sampler.waiting if self._sampler is not None else 0

    def push(self, raw: Any) -> None:
        """Take an event, or count it as dropped when the buffer is full. Never waits, never raises."""
        if len(self._buffer) < self._capacity:
            self._buffer.append(raw)
            if self._thread is None:
                self._start()
        else:
            self._drop()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all that was pushed before is in the journal; return whether it is."""
        if self._thread is None and (self._stopped or not (self.waiting or self.undecided)):
            return not self.waiting
        done = threading.Event()
        with self._lock:
            self._flushing += 1
        self._buffer.append(done)
        self._start()
        self._wake.set()
        return done.wait(timeout_s)

    def stop(self, timeout_s: float = exits.TIMEOUT_S) -> None:
        """Write what waits, within the time given, and end. What is pushed later is only counted."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
        deadline = time.monotonic() + (timeout_s if self.error is None else timeout_s / 5)
        # A server that reloads answers requests in other threads up to its end: they are heard until then.
        self.flush(deadline - time.monotonic())
        self._capacity = 0
        # Twice: what the first one finds missing leaves a gap entry behind its own end.
        if self.flush(deadline - time.monotonic()) and self._missed:
            self.flush(deadline - time.monotonic())
        self._stopped = True
        self._pause(max(0.1, deadline - time.monotonic()))
        if self._working.acquire(blocking=False):
            self.dropped += len(self._packed) + sum(type(raw) not in _OWN for raw in self._buffer)
            self._buffer.clear()
            self._packed = []
            if self._journal is not None:
                self._journal.close()
            self._working.release()
        exits.unregister(self)

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or time.monotonic() < self._start_at:
                return
            self._ending = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._ending,), name="signalscope-writer", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:
                # No thread can be had now, or the interpreter is exiting: the buffer holds what it can.
                self._thread = None
                self._start_at = time.monotonic() + 1
                return
        exits.watch_child()

    def _pause(self, timeout_s: float) -> None:
        """End the thread after what it is doing now. The next push starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
        self._ending.set()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, timeout_s))

    def _run(self, ending: threading.Event) -> None:
        # A thread that was given up while it waited for the journal may still hold this.
        with self._working, suppressed():
            while not ending.is_set():
                self._wake.wait(self._retry_s or self._interval_s)
                self._wake.clear()
                try:
                    while not ending.is_set() and self._step():
                        pass
                except Exception as error:  # noqa: BLE001  (the thread must not end)
                    self._refused(error)

    def _step(self) -> bool:
        """Write one batch; return whether there is reason to write the next at once."""
        behind = False
        if not self._packed:
            self._take()
            behind = self._mark_gaps()
            self._count_left_out()
        if self._packed and not self._store():
            # A full journal may take the batch once its oldest entries are gone.
            self._prune()
            return False
        for done in self._flushes:
            done.set()
        self._flushes.clear()
        self._prune()
        return behind or self._flushing > 0 or len(self._buffer) >= self._batch

    def _take(self) -> None:
        """Encode one batch, in slices: whoever waits for the GIL gets it after at most ``SLICE_S``."""
        started = time.perf_counter()
        for _ in range(self._batch):
            try:
                raw = self._buffer.popleft()
            except IndexError:
                return
            if type(raw) is threading.Event:
                self._flushes.append(raw)
                with self._lock:
                    self._flushing -= 1
                continue
            for one in self._sift(raw):
                self._pack(one)
                if time.perf_counter() - started >= SLICE_S:
                    self._sleep(PAUSE_S)
                    started = time.perf_counter()

    def _sift(self, raw: Any) -> Sequence[Any]:
        if self._sampler is None or type(raw) is Gap:
            return (raw,)
        try:
            return self._sampler.sift(raw)
        except Exception as error:  # noqa: BLE001
            self._lose(1, f"They could not be sampled: {type(error).__name__}.", error)
            return ()

    def _pack(self, raw: Any) -> None:
        try:
            packed = pack(raw) if type(raw) is Gap else self._encode(raw)
            if packed is not None:
                self._packed.append(packed)
        except Exception as error:  # noqa: BLE001  (whatever an event holds, the next one is written)
            self._lose(1, f"They could not be encoded: {type(error).__name__}.", error)

    def _count_left_out(self) -> None:
        if self._sampler is None:
            return
        self._sampler.settle()
        # Nothing comes any more once the writer was told to stop and its buffer is empty.
        last = self._capacity == 0 and not self._buffer
        counted = self._sampler.counted(this_process, last=last)
        if counted is not None:
            self._packed.append(pack(counted))

    def _store(self) -> bool:
        try:
            if self._journal is None:
                self._journal = self._journal_factory()
            self._journal.append_packed(self._packed)
        except JournalError as error:
            return self._retry_later(str(error))
        except Exception as error:  # noqa: BLE001  (not the journal's state: kept, it would block the rest)
            self._refused(error)
            return self._retry_later(
                f"The journal refused a batch: {type(error).__name__}: {error}. "
                "It is counted as lost: report this as a fault of Signalscope."
            )
        self.written += len(self._packed)
        self._packed = []
        self._retry_s = 0.0
        self.error = None
        return True

    def _retry_later(self, error: str) -> bool:
        self.error = error
        self._retry_s = min(max(self._retry_s * 2, RETRY_FIRST_S), RETRY_LONGEST_S)
        return False

    def _refused(self, error: Exception) -> None:
        """Give the batch up, but not what it says about earlier losses."""
        gaps = [packed for packed in self._packed if packed.kind == "gap"]
        self._lose(len(self._packed) - len(gaps), f"They could not be stored: {type(error).__name__}.", error)
        self._packed = gaps

    def _lose(self, events: int, reason: str, error: Exception) -> None:
        if not events:
            return
        if not self.faults:
            logger.error("Signalscope lost events; further ones are only counted.", exc_info=error)
        self.faults += events
        with self._lock:
            self._miss(events, reason)

    def _prune(self) -> None:
        if self._journal is None or time.monotonic() < self._prune_at:
            return
        if self._keep_entries is None and self._keep_seconds is None:
            return
        deleted = 0
        try:
            deleted = self._journal.prune(self._keep_entries or sys.maxsize, self._keep_seconds, PRUNE_CHUNK)
            if not self._retry_s:
                self.error = None
        except JournalError as error:
            self.error = self.error or str(error)
        self._prune_at = 0.0 if deleted else time.monotonic() + PRUNE_EVERY_S

    def _drop(self) -> None:
        with self._lock:
            self.dropped += 1
            if self._capacity:
                cause = f" while the journal failed: {self.error}" if self.error else "."
                self._miss(1, f"The buffer of {self._capacity} events was full{cause}")

    def _miss(self, events: int, reason: str) -> None:
        now = time.time()
        missed = self._missed.get(reason, _Missed(0, now, now))
        self._missed[reason] = _Missed(missed.events + events, missed.first, now)

    def _mark_gaps(self) -> bool:
        """Put what was lost since the last batch behind the events that were waiting then."""
        with self._lock:
            lost, self._missed = self._missed, {}
        process = this_process() if lost else None
        for reason, missed in lost.items():
            self._buffer.append(
                Gap(
                    at=datetime.fromtimestamp(missed.first, UTC),
                    until=datetime.fromtimestamp(missed.last, UTC),
                    dropped=missed.events,
                    reason=reason,
                    process=process,
                )
            )
        return bool(lost)


_writers: WeakSet[Writer] = WeakSet()


def _before_fork() -> None:
    # A thread that is inside SQLite or an allocator at the fork leaves their locks held in the child,
    # and from Python 3.12 on a second thread makes os.fork() warn.
    for writer in list(_writers):
        writer._pause(FORK_WAIT_S)


def _after_fork_in_parent() -> None:
    for writer in list(_writers):
        if writer.waiting or writer.undecided:
            writer._start()


def _after_fork_in_child() -> None:
    for writer in list(_writers):
        writer._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
