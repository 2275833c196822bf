"""What the journal already holds for a page that opens: read back from its end until it is enough.

Comes in: a journal, a query, where to begin. Goes out: ``Found``: the newest traces or emissions
that match, and how far the look went. Bounded by rows, by entries looked at, and by time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from ..events import Entry, Gap, Late, Origin, Process, Unknown
from ..journal.base import Journal
from ..query import Background, Query, background_of
from ..query.background import tells
from ..query.selection import NOTHING_KNOWN, Selection, Sent, family_of, is_sent
from ..traces.summaries import TraceSummary
from .sieve import Sieve
from .unknowns import Unknowns

CHUNK = 500
TRACES = 40
EMISSIONS = 75
MAX_LOOKED = 10_000
TRACE_LIMIT = 10_000
TRACE_BUDGET = 30_000
BACKGROUND_LIMIT = 1_000
"""So many of a trace's first entries are read for what is known of it, where the look began below its end."""


class Found(msgspec.Struct, eq=False):
    """What a look back found, newest first.

    ``reached`` is the lowest seq that was looked at, ``entries`` how many were; ``looked`` of them are
    emissions, as far as they were read one by one. ``more`` says that the journal goes on below.
    ``origins`` are those of the traces that ``sent`` belongs to, ``processes`` those that recorded any of
    the entries looked at, newest first.
    """

    traces: list[TraceSummary] = []
    sent: list[Sent] = []
    origins: dict[str, Origin] = {}
    gaps: list[Gap] = []
    unknowns: Unknowns = msgspec.field(default_factory=Unknowns)
    matched: int = 0
    looked: int = 0
    entries: int = 0
    reached: int = 0
    more: bool = False
    families: Counter[str] = msgspec.field(default_factory=Counter)
    processes: dict[tuple[str, int], Process] = {}


class _Look:
    def __init__(self, query: Query, *, flat: bool, limit: int, from_end: bool) -> None:
        self.found = Found()
        self.traces: OrderedDict[str, None] = OrderedDict()
        self._selection = Selection(query)
        self._limit = limit
        self._flat = flat
        judges_all = self._selection.needs_background and not from_end
        self._first_entries = BACKGROUND_LIMIT if judges_all else 1
        self._known: dict[str, Background] = {}
        self._late: dict[str, Background] = {}
        self._ends: dict[str, Origin] = {}

    @classmethod
    def through(cls, sieve: Sieve, query: Query, limit: int | None, start: int) -> _Look:
        """Return a look at what a sieve lets through, from a seq on."""
        rows = limit or (EMISSIONS if sieve.flat else TRACES)
        look = cls(query, flat=sieve.flat, limit=rows, from_end=False)
        look.found.reached = start
        return look

    @property
    def enough(self) -> bool:
        shown = len(self.found.sent) if self._flat else len(self.traces)
        return shown >= self._limit

    def take(self, chunk: Iterable[Entry], journal: Journal) -> None:
        """Look at entries, newest first, until there are enough rows."""
        for entry in chunk:
            if self.enough:
                self.found.more = True
                return
            self.found.reached = entry.seq
            self.found.entries += 1
            if entry.process is not None:
                self.found.processes.setdefault((entry.process.host, entry.process.pid), entry.process)
            if isinstance(entry, Gap):
                self.found.gaps.append(entry)
            elif isinstance(entry, Unknown):
                self.found.unknowns.note(entry)
            else:
                self._look_at(entry, journal)

    def sift(self, sieve: Sieve, journal: Journal, after: int, before: int, *, newest_first: bool) -> None:
        """Look at what a sieve lets through, until there are enough rows or its patience ends."""
        entries, top = self.found.entries, before
        for hits in sieve.chunks(after, before, newest_first=newest_first):
            if self._selection.needs_background:
                self._known = sieve.backgrounds(hits.entries) | self._known
            else:
                self._late = sieve.backgrounds(hits.entries) | self._late
            self.take(hits.entries, journal)
            if not self.enough:
                self.found.reached = hits.reached
            self.found.entries = entries + abs(top - self.found.reached)
            if self.enough:
                break
        self.found.more = self.found.reached > after + 1

    def lets_in(self, entry: Entry) -> bool:
        """Return whether the entry alone brings its trace into the tree."""
        known = self._known.get(entry.trace) or self._late.get(entry.trace, NOTHING_KNOWN)
        return self._selection.lets_in(entry, known)

    def end_of(self, trace: str) -> Origin | None:
        """Return what closed the trace, where the look has met it."""
        return self._ends.get(trace)

    def _look_at(self, entry: Entry, journal: Journal) -> None:
        found = self.found
        if isinstance(entry, Origin) and entry.state == "closed":
            self._ends.setdefault(entry.trace, entry)
        known = self._background_of(entry, journal)
        lets_in = self._selection.lets_in(entry, known)
        if is_sent(entry):
            found.looked += 1
            found.families[family_of(entry)] += 1
            found.matched += lets_in
        if not lets_in:
            return
        if self._flat:
            if is_sent(entry):
                found.sent.append(known.settle(entry))
        elif entry.trace:
            self.traces[entry.trace] = None

    def origins_of_sent(self, journal: Journal) -> dict[str, Origin]:
        """Return what started the traces of the emissions found; some may be gone."""
        traces = dict.fromkeys(entry.trace for entry in self.found.sent if entry.trace)
        known = {trace: self.end_of(trace) or self._known_of(trace, journal).origin for trace in traces}
        return {trace: origin for trace, origin in known.items() if origin is not None}

    def _background_of(self, entry: Entry, journal: Journal) -> Background:
        """Return what is known of the entry's trace; later entries of it were met before."""
        trace = entry.trace
        if not trace:
            return NOTHING_KNOWN
        if not self._selection.needs_background:
            if isinstance(entry, Late):
                # Reading backwards meets it before its emission.
                self._late[trace] = self._late.get(trace, NOTHING_KNOWN).with_entry(entry)
            return self._late.get(trace, NOTHING_KNOWN)
        if isinstance(entry, Origin) and entry.state == "closed":
            known = self._known.get(trace, NOTHING_KNOWN)
        else:
            known = self._known_of(trace, journal)
        if tells(entry):
            known = known.with_entry(entry)
        self._known[trace] = known
        return known

    def _known_of(self, trace: str, journal: Journal) -> Background:
        """Return what was met of the trace; of one that was not met, what its first entries tell."""
        if trace not in self._known:
            # Reading backwards meets an open trace's emissions before what opened it.
            self._known[trace] = background_of(journal.read_trace(trace, self._first_entries))
        return self._known[trace]


def look_back(
    journal: Journal,
    query: Query,
    *,
    flat: bool = False,
    before: int | None = None,
    after: int = 0,
    shown_to: int = 0,
    limit: int | None = None,
    slow_ms: float = 50.0,
    sieve: Sieve | None = None,
) -> Found:
    """Return the newest matches with ``after < seq < before``. May raise ``JournalError``.

    In the flat layout ``limit`` counts emissions, otherwise traces. A trace is summarised whole. Looks
    at ``MAX_LOOKED`` entries one by one, then with ``sieve`` at the others that it lets through.
    Left out are traces that the reader has already: those with a match up to ``after``, or between
    ``before`` and ``shown_to``.
    """
    from_end = before is None or before > journal.head().seq
    look = _Look(query, flat=flat, limit=limit or (EMISSIONS if flat else TRACES), from_end=from_end)
    found, top = look.found, before
    while not look.enough and found.entries < MAX_LOOKED:
        chunk = journal.read_back(before, CHUNK)
        inside = [entry for entry in chunk if entry.seq > after]
        look.take(inside, journal)
        if len(inside) < CHUNK:
            break
        before = chunk[-1].seq
    else:
        found.more = found.more or found.reached > after + 1
        if sieve is not None and not look.enough and found.more:
            look.sift(sieve, journal, after, found.reached, newest_first=True)
    found.origins = look.origins_of_sent(journal)
    found.traces = _summaries(journal, look, slow_ms, _had(look, after, top, shown_to))
    return found


def search(
    journal: Journal,
    query: Query,
    sieve: Sieve,
    *,
    before: int,
    after: int = 0,
    shown_to: int = 0,
    limit: int | None = None,
    slow_ms: float = 50.0,
) -> Found:
    """Return what ``look_back`` does, of what the sieve lets through alone, and the gaps on the way."""
    look = _Look.through(sieve, query, limit, before)
    look.sift(sieve, journal, after, before, newest_first=True)
    look.found.gaps = sieve.gaps(max(look.found.reached - 1, after), before)
    look.found.origins = look.origins_of_sent(journal)
    look.found.traces = _summaries(journal, look, slow_ms, _had(look, after, before, shown_to))
    return look.found


def page_above(journal: Journal, query: Query, sieve: Sieve, after: int, before: int) -> int:
    """Return where a page ends that begins above ``after``: beneath it are as many rows as a page has."""
    look = _Look.through(sieve, query, None, after)
    look.sift(sieve, journal, after, before, newest_first=False)
    return min(look.found.reached + 1, before)


def _had(look: _Look, after: int, before: int | None, shown_to: int) -> Callable[[Entry], bool]:
    def had(entry: Entry) -> bool:
        elsewhere = entry.seq <= after or (before is not None and before <= entry.seq <= shown_to)
        return elsewhere and look.lets_in(entry)

    return had


def _summaries(
    journal: Journal, look: _Look, slow_ms: float, had: Callable[[Entry], bool]
) -> list[TraceSummary]:
    summaries = []
    budget = TRACE_BUDGET
    for trace in look.traces:
        limit = max(min(TRACE_LIMIT, budget), 200)
        entries = journal.read_trace(trace, limit)
        budget -= len(entries)
        if any(map(had, entries)):
            continue
        summary = TraceSummary(trace, slow_ms)
        for entry in entries:
            summary.add(entry)
        summary.more = len(entries) >= limit
        end = look.end_of(trace)
        if summary.more and end is not None and summary.closed is None:
            summary.add(end)
        summaries.append(summary)
    return summaries
