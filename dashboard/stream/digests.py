"""What one stretch of the journal holds for one query: what every client with that query is told.

Comes in: consecutive entries, oldest first, and a query. Goes out: a ``Digest``: counts, the traces
that became visible, the newest emissions that match. Bounded however long the stretch is.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable

import msgspec

from ..events import Entry, Gap, Origin
from ..query import Query
from ..query.selection import Selection, Sent, family_of, is_sent

NEWEST = 25
MAX_TRACES = 2_000
MAX_GAPS = 20

OriginOf = Callable[[str], Origin | None]


class Digest(msgspec.Struct, eq=False):
    """A stretch ``(after, upto]`` of the journal, for one query.

    ``first`` maps the traces that match in it to the seq of their first match there, in order;
    ``touched`` are all traces with an entry in it. ``forgotten`` counts traces that found no room
    in ``first``. ``emissions`` and ``matched`` count bypasses too, ``families`` whether they match or not.
    """

    after: int = 0
    upto: int = 0
    emissions: int = 0
    matched: int = 0
    families: Counter[str] = msgspec.field(default_factory=Counter)
    first: OrderedDict[str, int] = msgspec.field(default_factory=OrderedDict)
    forgotten: int = 0
    touched: set[str] = msgspec.field(default_factory=set)
    newest: deque[Sent] = msgspec.field(default_factory=lambda: deque(maxlen=NEWEST))
    gaps: deque[Gap] = msgspec.field(default_factory=lambda: deque(maxlen=MAX_GAPS))

    def add(self, later: Digest) -> None:
        """Take in the digest of the stretch that follows this one."""
        self.upto = later.upto
        self.emissions += later.emissions
        self.matched += later.matched
        self.families += later.families
        self.forgotten += later.forgotten
        for trace, seq in later.first.items():
            self.first.setdefault(trace, seq)
        self._forget_oldest()
        self.touched |= later.touched
        self.newest.extend(later.newest)
        self.gaps.extend(later.gaps)

    def _forget_oldest(self) -> None:
        while len(self.first) > MAX_TRACES:
            self.first.popitem(last=False)
            self.forgotten += 1


def digest(entries: Iterable[Entry], query: Query, after: int, upto: int, origin_of: OriginOf) -> Digest:
    """Return what the entries of the stretch ``(after, upto]`` hold for the query."""
    made = Digest(after, upto)
    selection = Selection(query)
    origins: dict[str, Origin] = {}
    for entry in entries:
        if isinstance(entry, Gap):
            made.gaps.append(entry)
            continue
        if isinstance(entry, Origin):
            origins[entry.trace] = entry
        if entry.trace:
            made.touched.add(entry.trace)
        lets_in = selection.lets_in(entry, origins.get(entry.trace) or origin_of(entry.trace))
        if is_sent(entry):
            made.emissions += 1
            made.families[family_of(entry)] += 1
            if lets_in:
                made.matched += 1
                made.newest.append(entry)
        if lets_in and entry.trace:
            made.first.setdefault(entry.trace, entry.seq)
    made._forget_oldest()
    return made
