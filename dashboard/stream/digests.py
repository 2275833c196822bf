"""What one stretch of the journal holds for one query: what every client with that query is told.

Comes in: consecutive entries, oldest first, and a query. Goes out: a ``Digest``: counts, the traces
that became visible, the newest emissions that match. Bounded however long the stretch is.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from ..events import Emission, Entry, Gap, Late, Origin, Process, Unknown, has_failed
from ..query import Background, Query, background_of
from ..query.background import tells
from ..query.selection import NOTHING_KNOWN, Selection, Sent, family_of, is_sent
from .unknowns import Unknowns

NEWEST = 25
MAX_TRACES = 2_000
MAX_GAPS = 20

MAX_WITHDRAWN = 2_000
"""So many emissions that match no more are named: those on a page are among the newest."""

MAX_LEARNT = 50
"""So many traces are looked at again because of what one stretch tells of them; the others are counted."""

OriginOf = Callable[[str, int], Origin | None]
"""Gives the newest origin entry of a trace up to a seq, where it is known."""


class Digest(msgspec.Struct, eq=False):
    """A stretch ``(after, upto]`` of the journal, for one query.

    ``first`` maps the traces that match in it to the seq of their first match there, in order;
    ``touched`` are all traces with an entry in it. ``forgotten`` counts traces that found no room
    in ``first``. ``emissions`` and ``matched`` count bypasses too, ``families`` whether they match or not;
    ``failed`` are those of ``matched`` and ``belated_matched`` in which a receiver raised. ``processes``
    are by their names those that recorded anything in it, matching or not.

    ``learnt`` maps the traces of which the stretch tells what their earlier emissions must be asked
    again for (its user, a rollback) to the seq that told it. ``belated`` are the newest of those that
    match since then, ``belated_matched`` counts them all. ``withdrawn`` are the newest of those that do
    not any more, ``withdrawn_matched`` counts them all; ``dismissed`` are the traces in which nothing does.
    """

    after: int = 0
    upto: int = 0
    emissions: int = 0
    matched: int = 0
    failed: int = 0
    families: Counter[str] = msgspec.field(default_factory=Counter)
    processes: dict[tuple[str, int], Process] = {}
    first: OrderedDict[str, int] = msgspec.field(default_factory=OrderedDict)
    forgotten: int = 0
    touched: set[str] = msgspec.field(default_factory=set)
    newest: deque[Sent] = msgspec.field(default_factory=lambda: deque(maxlen=NEWEST))
    gaps: deque[Gap] = msgspec.field(default_factory=lambda: deque(maxlen=MAX_GAPS))
    unknowns: Unknowns = msgspec.field(default_factory=Unknowns)
    learnt: dict[str, int] = {}
    belated: deque[Sent] = msgspec.field(default_factory=lambda: deque(maxlen=NEWEST))
    belated_matched: int = 0
    withdrawn: list[Sent] = []
    withdrawn_matched: int = 0
    dismissed: set[str] = set()

    def add(self, later: Digest) -> None:
        """Take in the digest of the stretch that follows this one; what it withdraws is not here any more."""
        self.upto = later.upto
        self._withdraw(later)
        self.emissions += later.emissions
        self.matched += later.matched
        self.failed += later.failed
        self.families += later.families
        self.forgotten += later.forgotten
        for trace, seq in later.first.items():
            self.first.setdefault(trace, seq)
        self._forget_oldest()
        self.touched |= later.touched
        self.newest.extend(later.newest)
        self.gaps.extend(later.gaps)
        self.unknowns.add(later.unknowns)
        self.belated.extend(later.belated)
        self.belated_matched += later.belated_matched

    def revise(self, trace: str, found: Revision) -> None:
        """Take in what became of earlier emissions of a trace that was ``learnt`` something of."""
        self.withdrawn = sorted([*self.withdrawn, *found.lost], key=_seq)[-MAX_WITHDRAWN:]
        self.withdrawn_matched += len(found.lost)
        if not found.remains and trace not in self.first:
            self.dismissed.add(trace)
        if not found.gained:
            return
        self.belated.extend(found.gained)
        self.belated_matched += len(found.gained)
        self.failed += sum(map(_failed, found.gained))
        self.first.setdefault(trace, self.learnt[trace])
        self.first = OrderedDict(sorted(self.first.items(), key=lambda item: item[1]))
        self._forget_oldest()

    def _withdraw(self, later: Digest) -> None:
        for trace in later.dismissed:
            self.first.pop(trace, None)
        if not later.withdrawn:
            return
        gone = {entry.id for entry in later.withdrawn}
        here = sum(entry.seq > self.after for entry in later.withdrawn)
        belated = sum(entry.id in gone for entry in self.belated)
        self.matched = max(self.matched - here, 0)
        self.belated_matched -= belated
        self.newest = deque((one for one in self.newest if one.id not in gone), NEWEST)
        self.belated = deque((one for one in self.belated if one.id not in gone), NEWEST)

    def _forget_oldest(self) -> None:
        while len(self.first) > MAX_TRACES:
            self.first.popitem(last=False)
            self.forgotten += 1


class Revision(NamedTuple):
    """What an entry changed in its trace: which earlier emissions match only now, and which no more.

    ``remains`` says whether anything in the trace matches now.
    """

    gained: Sequence[Sent]
    lost: Sequence[Sent]
    remains: bool


_seq = attrgetter("seq")


def _failed(entry: Sent) -> bool:
    return isinstance(entry, Emission) and has_failed(entry)


def digest(entries: Sequence[Entry], query: Query, after: int, upto: int, origin_of: OriginOf) -> Digest:
    """Return what the entries of the stretch ``(after, upto]`` hold for the query.

    Each is judged by what is known of its trace at the end of the stretch, and by nothing later:
    however a client falls behind, it is told of an emission once.
    """
    made = Digest(after, upto)
    selection = Selection(query)
    backgrounds = _backgrounds(entries, upto, origin_of, selection)
    for entry in entries:
        if entry.process is not None:
            made.processes[entry.process.host, entry.process.pid] = entry.process
        if isinstance(entry, Gap):
            made.gaps.append(entry)
            continue
        if isinstance(entry, Unknown):
            made.unknowns.note(entry)
        if entry.trace:
            made.touched.add(entry.trace)
        known = backgrounds.get(entry.trace, NOTHING_KNOWN)
        lets_in = selection.lets_in(entry, known)
        if is_sent(entry):
            made.emissions += 1
            made.families[family_of(entry)] += 1
            if lets_in:
                settled = known.settle(entry)
                made.matched += 1
                made.failed += _failed(settled)
                made.newest.append(settled)
        if lets_in and entry.trace:
            made.first.setdefault(entry.trace, entry.seq)
    made._forget_oldest()
    if backgrounds:
        _note_learnt(made, entries, query, origin_of)
    return made


def _backgrounds(
    entries: Iterable[Entry], upto: int, origin_of: OriginOf, selection: Selection
) -> dict[str, Background]:
    found: dict[str, Background] = {}
    if not selection.needs_background:
        entries = (entry for entry in entries if isinstance(entry, Late) and selection.needs_ends)
    for entry in entries:
        known = found.get(entry.trace)
        if known is None:
            known = Background(origin_of(entry.trace, upto))
        found[entry.trace] = known.with_entry(entry)
    return found


def _note_learnt(made: Digest, entries: Iterable[Entry], query: Query, origin_of: OriginOf) -> None:
    begun: set[str] = set()
    learnt: dict[str, int] = {}
    for entry in entries:
        if isinstance(entry, Origin) and entry.state == "opened":
            begun.add(entry.trace)
        elif entry.trace and entry.trace not in begun and tells(entry):
            before = Background(origin_of(entry.trace, made.after))
            if query.learns(before, before.with_entry(entry)):
                learnt[entry.trace] = entry.seq
    made.forgotten += max(len(learnt) - MAX_LEARNT, 0)
    made.learnt = dict(list(learnt.items())[-MAX_LEARNT:])


def revision(entries: Sequence[Entry], query: Query, after: int, upto: int) -> Revision:
    """Return what came of a trace's entries up to ``after`` because of what is known up to ``upto``."""
    selection = Selection(query)
    known = [entry for entry in entries if entry.seq <= upto]
    earlier = [entry for entry in known if entry.seq <= after]
    before, now = background_of(earlier), background_of(known)
    gained: list[Sent] = []
    lost: list[Sent] = []
    for entry in filter(is_sent, earlier):
        did, does = selection.lets_in(entry, before), selection.lets_in(entry, now)
        if did != does:
            (gained if does else lost).append(now.settle(entry))
    return Revision(gained, lost, any(selection.lets_in(entry, now) for entry in known))
