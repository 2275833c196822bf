"""The newest part of the journal, measured: what the graph and its sheets stand on.

Comes in: a window's length. Goes out: its figures, and what is to be said about them: how far
they reach, and why the journal could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from .. import pipeline
from ..events import Entry, Origin
from ..journal.base import Journal, JournalError
from ..registrations import Registration
from ..statistics import Statistics, collect, orphans

MOST_ENTRIES = 50_000
_FIRST_CHUNK, _CHUNK = 500, 5_000
_MOST_ORPHANS = 100


class Stretch(NamedTuple):
    """A window's figures. ``cut`` is true when it held more entries than are read for a graph."""

    statistics: Statistics
    since: datetime | None
    cut: bool = False
    error: str = ""


class Read(NamedTuple):
    """The entries of a window, newest first; ``length_s`` is the time that rates are relative to."""

    entries: list[Entry]
    length_s: float
    since: datetime | None
    cut: bool


def measure(seconds: float | None, now: datetime, registered: Iterable[Registration]) -> Stretch:
    """Return the figures of the last ``seconds``, or of all that is held when ``None``."""
    try:
        journal = pipeline.journal()
        entries, length, oldest, cut = read(journal, seconds, now)
        known = _origins_of(journal, orphans(entries))
    except JournalError as error:
        return Stretch(Statistics(seconds or 1.0), None, error=str(error))
    for_all = {(one.signal, one.receiver) for one in registered if one.sender is None}
    return Stretch(collect(entries, length, for_all, known), oldest, cut)


def read(journal: Journal, seconds: float | None, now: datetime) -> Read:
    """Return the newest entries of the last ``seconds`` (``None``: of all), at most ``MOST_ENTRIES``.

    Rates are relative to the window, or to the time since the oldest entry where it is not (or not
    wholly) read. May raise ``JournalError``.
    """
    entries, cut = _read(journal, None if seconds is None else now - timedelta(seconds=seconds))
    oldest = min((entry.at for entry in entries), default=None)
    length = seconds
    if length is None or cut:
        length = max((now - oldest).total_seconds(), 1.0) if oldest else 1.0
    return Read(entries, length, oldest, cut)


def _read(journal: Journal, since: datetime | None) -> tuple[list[Entry], bool]:
    entries: list[Entry] = []
    before, size = None, _FIRST_CHUNK
    while len(entries) < MOST_ENTRIES:
        limit = min(size, MOST_ENTRIES - len(entries))
        chunk = journal.read_back(before, limit)
        inside = [entry for entry in chunk if since is None or entry.at >= since]
        entries += inside
        if not inside or len(chunk) < limit:
            return entries, False
        before, size = chunk[-1].seq, _CHUNK
    return entries, bool(journal.read_back(before, 1))


def _origins_of(journal: Journal, traces: Iterable[str]) -> Sequence[Origin]:
    """Return the origins of traces that began before the window: a shell, a long command."""
    found = []
    for trace in sorted(traces)[:_MOST_ORPHANS]:
        found += [entry for entry in journal.read_trace(trace, 1) if isinstance(entry, Origin)]
    return found
