"""What is compared with what: the two sides as an address names them, read from their journals.

Comes in: an address's ``a``, ``a_session``, ``a_q``, ``a_since``, ``a_until``, the same for ``b``. Goes out:
the sides, read and described, or why one cannot be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from .. import conf, links, pipeline
from ..events import Entry, Origin
from ..journal.base import Journal
from ..sessions import LIVE, Asked, SessionError, current
from ..sessions.stretch import read
from ..statistics.origins import origin_label
from ..traces.summaries import TraceSummary, summarise

MOST_ENTRIES = 50_000
MOST_ALIKE = 8
_SEARCHED = 3_000
_CHUNK = 500


class Pick(NamedTuple):
    """What one side is: a trace, or a stretch, of the live journal or of a session."""

    side: str
    session: str
    trace: str
    asked: Asked
    given: bool

    @classmethod
    def of(cls, side: str, parameters: QueryDict) -> Pick:
        """Read the address."""
        shown = current.shown()
        here = shown.session.name if shown else LIVE
        trace = parameters.get(side, "").strip()[:64]
        words = {
            name: parameters.get(f"{side}_{key}", "").strip()
            for key, name in (("q", "filter"), ("since", "since"), ("until", "until"))
        }
        session = parameters.get(f"{side}_session", "")[:64]
        given = bool(trace or session or any(words.values()))
        return cls(side, session or here, trace, Asked(**words), given)

    @property
    def parameters(self) -> dict[str, str]:
        """The part of an address that names this side."""
        values = {
            self.side: self.trace,
            f"{self.side}_session": self.session,
            f"{self.side}_q": self.asked.filter,
            f"{self.side}_since": self.asked.since,
            f"{self.side}_until": self.asked.until,
        }
        return {name: value for name, value in values.items() if value}

    @property
    def link_session(self) -> str:
        """The session as ``links.in_session`` takes it."""
        return "" if self.session == LIVE else self.session

    def at(self, side: str) -> Pick:
        """Return the same on this side."""
        return self._replace(side=side)


class Read(NamedTuple):
    """A side that was read. ``summary`` is its trace's; ``cut`` says that it goes on beyond what is read."""

    pick: Pick
    entries: Sequence[Entry]
    summary: TraceSummary | None
    cut: bool
    left_out: int = 0

    @property
    def address(self) -> str:
        """Where to look at it."""
        if self.pick.trace:
            return links.in_session(self.pick.link_session, "signalscope:trace", [self.pick.trace])
        page = links.in_session(self.pick.link_session, "signalscope:live")
        query = self.pick.asked.filter
        return f"{page}?{urlencode({'q': query})}" if query else page


def read_side(pick: Pick) -> Read:
    """Read a side. Raises ``SessionError`` or ``JournalError`` when it cannot be, or is empty."""
    slow_ms = conf.get().SLOW_MS
    with pipeline.reading(pick.session) as journal:
        if pick.trace:
            entries = journal.read_trace(pick.trace, MOST_ENTRIES)
        else:
            stretch = read(journal, pick.asked.wanted(slow_ms))
            entries = [entry for entry, _ in islice(stretch, MOST_ENTRIES)]
    if not entries:
        raise SessionError(_nothing(pick))
    summary = summarise(entries, slow_ms) if pick.trace else None
    return Read(pick, entries, summary, len(entries) >= MOST_ENTRIES)


def _nothing(pick: Pick) -> str:
    where = "the live journal" if pick.session == LIVE else f"session {pick.session!r}"
    what = f"trace {pick.trace!r}" if pick.trace else "what was asked for"
    return f"{pick.side.upper()} is empty: {what} is not, or no longer, in {where}. Choose another one."


class Alike(NamedTuple):
    """A trace that the same origin started: its end (or beginning), and the address that compares it."""

    origin: Origin
    address: str
    chosen: bool


def alike(pick: Pick, journal: Journal) -> list[Origin]:
    """Return the newest other traces of the origin that started this one, those before it first."""
    first = journal.read_trace(pick.trace, 1)
    opened = first[0] if first else None
    if not isinstance(opened, Origin):
        return []
    label = origin_label(opened)
    found: dict[str, Origin] = {}
    before, searched = None, 0
    while searched < _SEARCHED and len(found) < 3 * MOST_ALIKE:
        chunk = journal.read_kind("origin", before, _CHUNK)
        for origin in chunk:
            if isinstance(origin, Origin) and origin.trace != pick.trace and origin_label(origin) == label:
                found.setdefault(origin.trace, origin)
        if len(chunk) < _CHUNK:
            break
        before, searched = chunk[-1].seq, searched + len(chunk)
    earlier = [one for one in found.values() if one.seq < opened.seq]
    later = [one for one in found.values() if one.seq > opened.seq]
    return [*earlier[:MOST_ALIKE], *later[::-1]][:MOST_ALIKE]
