"""What of the whole journal may match a query: read by what the journal can check unread.

Comes in: a journal, a query, perhaps a range of time. Goes out: chunks of entries that are still to be
matched one by one, until the way or the patience ends.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from ..events import Entry, Gap
from ..journal.base import Hits, Journal
from ..journal.narrow import Narrow, Trait
from ..query import Background, Query, narrowing
from ..query.nodes import Condition
from ..query.selection import Selection
from ..query.terms import ORIGIN_KEYS

FIRST_CHUNK, CHUNK = 100, 1_000
"""How many entries are asked for first, which mostly fills a page, and how many at most."""

PATIENCE_S = 0.8
ORIGINS_PATIENCE_S = 2.0
"""A search that does not know all origins has to read every entry: knowing them is worth more time."""

MOST_TRACES = 2_000
MOST_GAPS = 50
MOST_TELLING = 20_000
"""So many origins, outcomes and late ends are read to know what is behind the entries of a chunk."""

MOST_LATE = 1_000
"""With as many late ends or more, every entry is looked at by a search that they may concern."""

LENIENCE = timedelta(minutes=1)
"""How long ago the query may have been parsed: ages in it count from then."""


class Within(NamedTuple):
    """A range of time in microseconds since 1970; ``until_us`` is not in it any more."""

    since_us: int
    until_us: int


class Sieve:
    """One search. ``now`` is when the query was parsed, or earlier; patience begins with the first chunk."""

    def __init__(
        self,
        journal: Journal,
        query: Query,
        *,
        flat: bool = False,
        now: datetime | None = None,
        within: Within | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.flat = flat
        self._journal = journal
        self._query = query
        self._now = now or datetime.now(UTC) - LENIENCE
        self._within = within
        self._patience = patience_s
        self._deadline = 0.0

    @cached_property
    def narrow(self) -> Narrow:
        """What the journal is asked for. Looks for origins, and may raise ``JournalError``."""
        kinds = Selection(self._query).kinds(flat=self.flat)
        made = self._with_late(self._narrow(self._query, self._now))
        if not self._query.matches_everything:
            # Otherwise kinds are let through that nobody knows, and those get a row too.
            made = made.also(tuple(Trait("kind", "is", kind) for kind in kinds))
        if self._within is None:
            return made
        since, until = self._within
        return made.also((Trait("at_us", "least", since),), (Trait("at_us", "most", until - 1),))

    def _narrow(self, query: Query, now: datetime) -> Narrow:
        root = query.root
        if isinstance(root, Condition) and root.key in ORIGIN_KEYS and not self.flat:
            # Where an origin meets the only term, it brings its trace by itself.
            return narrowing.by_itself(root)
        return narrowing.narrow(query, now, self._traces_of)

    def _with_late(self, made: Narrow) -> Narrow:
        """Admit all of the traces in which a call outlived its emission: its end is in no emission."""
        ends = self._late if made.clauses else ()
        if len(ends) >= MOST_LATE:
            return Narrow()
        traces = frozenset(entry.trace for entry in ends)
        return made.or_else(Trait("trace", "among", traces)) if traces else made

    @cached_property
    def _late(self) -> Sequence[Entry]:
        return self._journal.read_kind("late", None, MOST_LATE) if self._query.needs_ends else ()

    @property
    def _patience_s(self) -> float:
        return max(self._deadline - time.monotonic(), 0.0)

    def chunks(self, after: int, before: int, *, newest_first: bool = True) -> Iterator[Hits]:
        """Yield what may match with ``after < seq < before``. May raise ``JournalError``."""
        end = after + 1 if newest_first else before - 1
        narrow, size = self.narrow, FIRST_CHUNK
        self._deadline = self._deadline or time.monotonic() + self._patience
        while after + 1 < before:
            hits = self._journal.search(
                narrow,
                size,
                before=before,
                after=after,
                newest_first=newest_first,
                patience_s=self._patience_s,
            )
            yield hits
            if hits.reached == end or not self._patience_s:
                return
            size = min(2 * size, CHUNK)
            before, after = (hits.reached, after) if newest_first else (before, hits.reached)

    def backgrounds(self, entries: Iterable[Entry]) -> dict[str, Background]:
        """Return what is known now of the traces that the entries are of."""
        traces = frozenset(entry.trace for entry in entries if entry.trace)
        found: dict[str, Background] = {}
        kinds = ["origin", "outcome"] if Selection(self._query).needs_background else []
        kinds += ["late"] if self._late else []
        if not (traces and kinds):
            return found
        of_kinds = tuple(Trait("kind", "is", kind) for kind in kinds)
        asked = Narrow(((Trait("trace", "among", traces),), of_kinds))
        for entry in self._journal.search(asked, MOST_TELLING, newest_first=False).entries:
            found[entry.trace] = found.get(entry.trace, Background()).with_entry(entry)
        return found

    def gaps(self, after: int, before: int) -> list[Gap]:
        """Return the newest gaps with ``after < seq < before`` in the range of time."""
        return [
            entry
            for entry in self._journal.read_kind("gap", before, MOST_GAPS)
            if isinstance(entry, Gap) and entry.seq > after and self._is_within(entry)
        ]

    def _is_within(self, entry: Entry) -> bool:
        at_us = round(entry.at.timestamp() * 1e6)
        return self._within is None or self._within.since_us <= at_us < self._within.until_us

    def _traces_of(self, wanted: Collection[Condition]) -> frozenset[str] | None:
        """Return the traces whose background may meet one of them, if they are few and all looked at."""
        limit = 2 * MOST_TRACES
        hits = self._journal.search(narrowing.of_background(wanted), limit, patience_s=ORIGINS_PATIENCE_S)
        if len(hits.entries) == limit or hits.reached > 1:
            return None
        return frozenset(entry.trace for entry in hits.entries)
