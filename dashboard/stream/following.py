"""What all live clients of this process share: the newest traces, and each stretch read only once.

Comes in: the tail, at most twenty times a second and at once when something comes after a silence.
Goes out: beats to wait for, digests and summaries that any number of clients use. Belongs to one
event loop; what may block runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..causality import suppressed
from ..events import Entry, Origin
from ..journal.base import Cursor, JournalError
from ..query import Query
from ..replay import Player
from ..statistics import Pulses
from ..tail import Slice, Tail
from ..traces.summaries import TraceSummary
from . import fragments
from .digests import MAX_LEARNT, Digest, digest, revision

logger = logging.getLogger("signalscope")

BEAT_S = 0.05
FEW = 10
"""With more clients than these a beat takes twice as long: fifty should cost about what five do."""

BREATH_S = 0.01
IDLE_S = 0.5
VITALS_S = 0.4
MEASURE_S = 5.0
STEP = 5_000
MAX_BEHIND = 20_000
TRACE_LIMIT = 10_000
SETTLE_S = 2.0
"""The tail is a little behind the journal: only an end that stays lower may mean that entries are gone."""

KEPT_TRACES = 1_000
KEPT_DIGESTS = 64
KEPT_STRETCHES = 8
PULSES = 60

ReadTrace = Callable[[str, int], Sequence[Entry]]
Vitals = Callable[[Cursor], Mapping[str, str]]
Measure = Callable[[], Mapping[str, str]]


class Following:
    """Follows the tail for all clients of one event loop.

    ``head`` is the end of what the present beat covers, ``pulses`` the paths that were taken since
    the beat before, ``vitals`` pieces of markup that are the same for everybody, ``error`` why the
    journal cannot be read now.
    """

    def __init__(
        self,
        tail: Tail | Player,
        read_trace: ReadTrace,
        vitals: Vitals = lambda head: {},
        slow_ms: float = 50.0,
        *,
        measure: Measure = dict,
        beat_s: float = BEAT_S,
        replayed: bool = False,
    ) -> None:
        """Follow ``tail``; ``read_trace`` reads a whole trace from the journal and may block.

        ``vitals`` makes the shared markup for a head, at most every ``VITALS_S``; ``measure`` makes
        more of it every ``MEASURE_S``, and may block. ``replayed`` is true where ``tail`` is a ``Player``.
        """
        self.tail = tail
        self.slow_ms = slow_ms
        self.head = Cursor("", 0)
        self.beats = 0
        self.pulses: dict[str, int] = {}
        self.vitals: Mapping[str, str] = {}
        self.error: str | None = None
        self._read_trace = read_trace
        self._replayed = replayed
        self._vitals_of = vitals
        self._measure = measure
        self._measured: Mapping[str, str] = {}
        self._measured_at = float("-inf")
        self._beat_s = beat_s
        self._seen = 0
        self._shrunk_at = float("-inf")
        self._vitals_at = float("-inf")
        self._clients = 0
        self._resumed_at = 0
        self._pump: asyncio.Task[None] | None = None
        self._bell = asyncio.Event()
        self._beaten = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._pulses = Pulses(paths=PULSES)
        if replayed:
            # A tail begins with what is there; a replay with nothing, and all that it plays counts.
            self.head = tail.head
            self._seen = self.head.seq
        self._traces: OrderedDict[str, TraceSummary] = OrderedDict()
        self._partial: set[str] = set()
        self._digests: OrderedDict[tuple[str, int, int], Digest] = OrderedDict()
        self._stretches: OrderedDict[tuple[int, int], tuple[list[Entry], int]] = OrderedDict()

    # --- clients come and go ---------------------------------------------------------------------

    def attach(self) -> int:
        """Follow for one more client; return the beat after which ``head`` is not that of an earlier time."""
        self._clients += 1
        if self._clients == 1:
            self._resumed_at = self.beats
            self.tail.acquire()
            self.tail.subscribe(self._ring)
            self._pump = asyncio.create_task(self._run(), name="signalscope-following")
        return self._resumed_at

    def detach(self) -> None:
        """Follow for one client less; with the last one following ends."""
        self._clients -= 1
        if self._clients == 0:
            self.tail.unsubscribe(self._ring)
            self.tail.release()
            if self._pump is not None:
                self._pump.cancel()
                self._pump = None

    async def beat_after(self, number: int) -> int:
        """Wait until there is a later beat than ``number``, and return the present one."""
        while self.beats <= number:
            await self._beaten.wait()
        return self.beats

    def _ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._bell.set)
        except RuntimeError:
            # The loop ended before the tail's thread did: nobody is left to be woken.
            logger.debug("The event loop of a websocket has ended.")

    async def _run(self) -> None:
        with suppressed():
            while True:
                began = self._loop.time()
                try:
                    await self._beat()
                except Exception:
                    # One bad beat must not end the following for everybody without a word.
                    logger.exception("A beat of the live pages failed; they go on with what comes after it.")
                    self._begin_anew(self.tail.head)
                beat_s = self._beat_s * (2 if self._clients > FEW else 1)
                await asyncio.sleep(max(began + beat_s - self._loop.time(), BREATH_S))
                try:
                    await asyncio.wait_for(self._bell.wait(), IDLE_S)
                except TimeoutError:
                    continue

    # --- one beat --------------------------------------------------------------------------------

    async def _beat(self) -> None:
        self._bell.clear()
        self.pulses = {}
        try:
            async with self._lock:
                await self._catch_up(await self._head())
            self.error = self.tail.error
        except JournalError as error:
            self.error = str(error)
        now = self._loop.time()
        if now - self._vitals_at >= VITALS_S:
            self._vitals_at = now
            await self._take_measure(now)
            self.vitals = {**self._vitals_of(self.head), **self._measured}
        self.beats += 1
        beaten, self._beaten = self._beaten, asyncio.Event()
        beaten.set()

    async def _take_measure(self, now: float) -> None:
        if now - self._measured_at < MEASURE_S:
            return
        self._measured_at = now
        try:
            self._measured = await asyncio.to_thread(self._measure)
        except JournalError as error:
            self.error = str(error)

    async def _head(self) -> Cursor:
        if self.tail.reaches(self._seen):
            return self.tail.head
        # The tail's thread knows the head soon after it started; until then it is read from the journal.
        return await asyncio.to_thread(lambda: self.tail.head)

    async def _catch_up(self, head: Cursor) -> None:
        if head.epoch == self.head.epoch and head.seq < self._seen:
            if self._loop.time() < self._shrunk_at + SETTLE_S:
                return
            self._begin_anew(head)
        self._shrunk_at = self._loop.time()
        if head.epoch != self.head.epoch or head.seq - self._seen > MAX_BEHIND:
            self._begin_anew(head)
        fresh: list[Entry] = []
        while self._seen < head.seq:
            entries, reached = await self._stretch(self._seen, head.seq)
            if reached == self._seen:
                # The head was the journal's and the tail is still behind it: the next beat goes on.
                head = Cursor(head.epoch, self._seen)
                break
            self._seen = reached
            for entry in entries:
                if entry.trace:
                    self._summary_of(entry).add(entry)
            fresh += entries
        self.pulses = self._pulses.count(fresh)
        self.head = head

    def _begin_anew(self, head: Cursor) -> None:
        if head.epoch != self.head.epoch:
            fragments.forget()
        self._traces.clear()
        self._partial.clear()
        self._digests.clear()
        self._stretches.clear()
        self._seen = head.seq

    def _summary_of(self, entry: Entry) -> TraceSummary:
        summary = self._traces.get(entry.trace)
        if summary is None:
            summary = self._traces[entry.trace] = self._new_summary(entry.trace)
            if not (isinstance(entry, Origin) and entry.state == "opened"):
                # Met in the middle: what came before is read from the journal if anybody wants to see it.
                self._partial.add(entry.trace)
            self._forget_oldest()
        else:
            self._traces.move_to_end(entry.trace)
        return summary

    def _new_summary(self, trace: str) -> TraceSummary:
        return TraceSummary(trace, self.slow_ms, replayed=self._replayed)

    def _forget_oldest(self) -> None:
        while len(self._traces) > KEPT_TRACES:
            trace, _ = self._traces.popitem(last=False)
            self._partial.discard(trace)

    async def _stretch(self, after: int, upto: int) -> tuple[list[Entry], int]:
        """Return at most ``STEP`` entries of ``(after, upto]``, and the seq they reach to."""
        known = self._stretches.get((after, upto))
        if known is not None:
            return known
        if self.tail.reaches(after):
            read: Slice = self.tail.since(after, STEP)
        else:
            read = await asyncio.to_thread(self.tail.since, after, STEP)
        entries = [entry for entry in read.entries if entry.seq <= upto]
        if not read.entries and self.tail.head.seq < upto:
            return [], after
        reached = min(read.cursor.seq, upto) if read.entries else upto
        self._stretches[after, upto] = entries, reached
        if len(self._stretches) > KEPT_STRETCHES:
            self._stretches.popitem(last=False)
        return entries, reached

    # --- for clients -----------------------------------------------------------------------------

    async def is_lost(self, seq: int) -> bool:
        """Return whether the journal itself ends before ``seq``. May raise ``JournalError``.

        A head that is lower may also be that of a tail which is kept from reading.
        """
        end = await asyncio.to_thread(self.tail.end)
        return end.seq < seq

    async def digest(self, query: Query, after: int) -> Digest:
        """Return what follows ``after`` for the query: at most ``STEP`` entries, up to the beat's head.

        May raise ``JournalError``. The digest is shared and must not be changed.
        """
        key = (str(query), after, self.head.seq)
        known = self._digests.get(key)
        if known is None:
            entries, reached = await self._stretch(after, self.head.seq)
            if query.needs_origin:
                await self.learn(entry.trace for entry in entries)
            known = digest(entries, query, after, reached, self.origin)
            await self._look_again(known, query)
            if reached == after < self.head.seq:
                return known  # nothing yet, and not for good
            self._digests[key] = known
            if len(self._digests) > KEPT_DIGESTS:
                self._digests.popitem(last=False)
        return known

    async def _look_again(self, made: Digest, query: Query) -> None:
        """Add which earlier emissions match only now, and which no more, for what the stretch tells."""
        if made.learnt:
            for trace, entries in await asyncio.to_thread(self._read, list(made.learnt)):
                found = revision(entries, query, made.after, made.upto)
                # Of a very long trace the first entries alone are known: the others may match.
                remains = found.remains or len(entries) >= TRACE_LIMIT
                made.revise(trace, found._replace(remains=remains))

    def origin(self, trace: str, upto: int) -> Origin | None:
        """Return the newest entry up to a seq that says what started the trace.

        ``None`` where it is not known here: ``learn`` asks the journal.
        """
        summary = self._traces.get(trace)
        if summary is None:
            return None
        known = [one for one in (summary.closed, summary.opened) if one is not None and one.seq <= upto]
        return known[0] if known else None

    async def learn(self, traces: Iterable[str]) -> None:
        """Read the newest ``MAX_LEARNT`` of these traces whose origin may be stored and is not known here.

        May raise ``JournalError``.
        """
        known = self._traces
        unknown = [
            trace
            for trace in dict.fromkeys(filter(None, traces))
            if self.summary(trace) is None and not (trace in known and known[trace].origin)
        ]
        if unknown:
            await self.load(unknown[-MAX_LEARNT:])

    def summary(self, trace: str) -> TraceSummary | None:
        """Return the trace's summary if all of it is known here; otherwise ``load`` it first."""
        return None if trace in self._partial else self._traces.get(trace)

    async def load(self, traces: Sequence[str]) -> None:
        """Read traces from the journal, as far as it still holds them. May raise ``JournalError``."""
        # Under the lock: a beat in between would add entries to summaries that are then replaced.
        async with self._lock:
            for trace, entries in await asyncio.to_thread(self._read, traces):
                summary = self._new_summary(trace)
                for entry in entries:
                    summary.add(entry)
                summary.more = len(entries) >= TRACE_LIMIT
                known = self._traces.get(trace)
                if summary.more and summary.closed is None and known is not None and known.closed:
                    summary.add(known.closed)
                self._traces[trace] = summary
                self._traces.move_to_end(trace)
                self._partial.discard(trace)
            self._forget_oldest()

    def _read(self, traces: Sequence[str]) -> list[tuple[str, Sequence[Entry]]]:
        with suppressed():
            return [(trace, self._read_trace(trace, TRACE_LIMIT)) for trace in traces]
