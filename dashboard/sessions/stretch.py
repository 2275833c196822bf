"""What of a journal goes into a session: a range, a filter, one trace.

Comes in: a journal and what is wanted. Goes out: entries in the order of their seq, each with its JSON.
A filter chooses traces: each trace with a match goes along whole as far as the range holds it, so that
causes and outcomes stay with what was asked for; of a trace that began before the range, what opened it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from ..events import Entry, Gap, Origin, Sampled
from ..journal.base import Journal
from ..query import Background, Query, background_of, parse
from ..query.selection import Selection

_CHUNK = 1_000
_TRACE_ENTRIES = 10_000
_BACKGROUNDS = 500
_LATE = 1_000
_MOST_OPENINGS = 5_000


class Wanted(NamedTuple):
    """A stretch: entries with ``since < seq <= until`` (0: no end), between two moments, of one trace."""

    query: Query = parse("")
    since: int = 0
    until: int = 0
    since_at: datetime | None = None
    until_at: datetime | None = None
    trace: str = ""

    def holds(self, entry: Entry) -> bool:
        """Return whether the entry lies in the range."""
        if self.since_at is not None and entry.at < self.since_at:
            return False
        return self.until_at is None or entry.at <= self.until_at


Body = tuple[Entry, bytes]


def read(journal: Journal, wanted: Wanted) -> Iterator[Body]:
    """Yield the stretch. What is stored after the first is read is left out. May raise ``JournalError``."""
    wanted = wanted._replace(until=wanted.until or journal.head().seq)
    traces = None if wanted.query.matches_everything else _matching(journal, wanted)
    yield from _openings(journal, wanted, traces)
    for entry, body in _range(journal, wanted):
        if traces is None or entry.trace in traces or isinstance(entry, Gap | Sampled):
            yield entry, body


def _range(journal: Journal, wanted: Wanted) -> Iterator[Body]:
    after = wanted.since
    while after < wanted.until:
        chunk = journal.read_bodies(after, _CHUNK, wanted.trace)
        if not chunk:
            return
        for entry, body in chunk:
            if entry.seq > wanted.until:
                return
            if wanted.holds(entry):
                yield entry, body
        after = chunk[-1][0].seq


def _matching(journal: Journal, wanted: Wanted) -> set[str]:
    """Return the traces with a match in the range, judged by all that is known of each."""
    selection = Selection(wanted.query)

    @lru_cache(maxsize=_BACKGROUNDS)
    def background(trace: str) -> Background:
        return background_of(journal.read_trace(trace, _TRACE_ENTRIES))

    found: set[str] = set()
    late = {end.trace for end in journal.read_kind("late", None, _LATE)} if selection.needs_ends else set()
    for entry, _ in _range(journal, wanted):
        if entry.trace in found:
            continue
        has_more = entry.trace and (selection.needs_background or entry.trace in late)
        known = background(entry.trace) if has_more else Background()
        if selection.lets_in(entry, known):
            found.add(entry.trace)
    return found


def _openings(journal: Journal, wanted: Wanted, traces: set[str] | None) -> Iterator[Body]:
    """Yield what opened the traces that began before the range, oldest first, a bounded number of them."""
    if not wanted.since and wanted.since_at is None:
        return
    begun: set[str] = set()
    open_before: set[str] = set()
    for entry, _ in _range(journal, wanted):
        if not entry.trace or entry.trace in begun or (traces is not None and entry.trace not in traces):
            continue
        begun.add(entry.trace)
        if not (isinstance(entry, Origin) and entry.state == "opened"):
            open_before.add(entry.trace)
        if len(open_before) >= _MOST_OPENINGS:
            break
    found = [pair for trace in open_before for pair in journal.read_bodies(0, 1, trace)]
    yield from sorted(
        (pair for pair in found if isinstance(pair[0], Origin) and not _in_range(pair[0], wanted)),
        key=lambda pair: pair[0].seq,
    )


def _in_range(entry: Entry, wanted: Wanted) -> bool:
    return entry.seq > wanted.since and wanted.holds(entry)
