"""A part of the journal, measured: what the graph and its sheets stand on.

Comes in: a window's length and its end. Goes out: its figures, and what is to be said about them: how far
they reach, and why the journal could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from .. import pipeline
from ..events import Bypass, Emission, Entry, Origin, Process
from ..journal.base import Journal, JournalError
from ..query import Background, Query
from ..registrations import Registration
from ..statistics import Statistics, collect, counted, orphans

MOST_ENTRIES = 50_000
_FIRST_CHUNK, _CHUNK = 500, 5_000
_MOST_ORPHANS = 100


class Stretch(NamedTuple):
    """A window's figures. ``cut`` is true when it held more entries than are read for a graph.

    ``processes`` are all that recorded in it, the busiest first, with how many emissions and bypasses.
    """

    statistics: Statistics
    since: datetime | None
    cut: bool = False
    error: str = ""
    processes: Sequence[tuple[Process, int]] = ()


class Read(NamedTuple):
    """The entries of a window, newest first; ``length_s`` is the time that rates are relative to."""

    entries: list[Entry]
    length_s: float
    since: datetime | None
    cut: bool


def measure(
    seconds: float | None,
    until: datetime,
    registered: Iterable[Registration],
    *,
    past: bool = False,
    query: Query | None = None,
    between: tuple[int, int] | None = None,
    process: str = "",
    recent: bool = False,
) -> Stretch:
    """Return the figures of the ``seconds`` before ``until``, or of all before it when ``None``.

    ``past`` says that ``until`` is not now; ``query`` leaves only the emissions and bypasses that it
    matches; ``between`` are the numbers ``(after, upto]`` of which these are the figures instead, and
    ``process`` is the name of the only process that counts. ``recent`` is for who asks again and again: of a
    busy minute only what is in memory anyway is counted then.
    """
    try:
        journal = pipeline.journal()
        if between is not None:
            entries, length, oldest, cut = _numbered(journal, *between)
        else:
            entries, length, oldest, cut = read(journal, seconds, until, past=past, recent=recent)
        known = _origins_of(journal, orphans(entries))
    except JournalError as error:
        return Stretch(Statistics(seconds or 1.0), None, error=str(error))
    processes = counted(entry.process for entry in entries if isinstance(entry, Emission | Bypass))
    if process:
        entries = [entry for entry in entries if entry.process and entry.process.name == process]
    if query is not None:
        entries = _matching(entries, known, query)
    for_all = {(one.signal, one.receiver) for one in registered if one.sender is None}
    statistics = collect(entries, length, for_all, known)
    return Stretch(statistics, oldest, cut, processes=processes)


def read(
    journal: Journal,
    seconds: float | None,
    until: datetime,
    *,
    past: bool = False,
    recent: bool = False,
) -> Read:
    """Return the entries of the ``seconds`` before ``until`` (``None``: of all), at most ``MOST_ENTRIES``.

    Rates are relative to the window, or to the time since the oldest entry where it is not (or not
    wholly) read. ``past`` says that ``until`` is not now, ``recent`` that what is in memory is enough where
    there is any. May raise ``JournalError``.
    """
    since = None if seconds is None else until - timedelta(seconds=seconds)
    if past:
        entries, cut = _read(journal, since, _seq_after(journal, until), [])
    else:
        held = pipeline.recent()[::-1]
        entries, cut = _read(journal, since, None, held, len(held) if recent and held else MOST_ENTRIES)
    oldest = min((entry.at for entry in entries), default=None)
    length = seconds
    if length is None or cut:
        length = max((until - oldest).total_seconds(), 1.0) if oldest else 1.0
    return Read(entries, length, oldest, cut)


def _numbered(journal: Journal, after: int, upto: int) -> Read:
    """Return the entries with ``after < seq <= upto``, the newest of them where they are too many."""
    first = max(after, upto - MOST_ENTRIES)
    entries: list[Entry] = []
    while first < upto and (chunk := journal.read(first, _CHUNK)):
        entries += [entry for entry in chunk if entry.seq <= upto]
        first = chunk[-1].seq
    times = [entry.at for entry in entries]
    length = (max(times) - min(times)).total_seconds() if times else 0.0
    return Read(
        entries[::-1], max(length, 1.0), min(times, default=None), upto - max(after, 0) > MOST_ENTRIES
    )


def _read(
    journal: Journal, since: datetime | None, before: int | None, held: list[Entry], most: int = MOST_ENTRIES
) -> tuple[list[Entry], bool]:
    """Return the entries since then, and whether there are more than ``most``; ``held`` are the newest."""
    entries: list[Entry] = []
    chunk, size, limit = held, _FIRST_CHUNK, 0
    while True:
        inside = [entry for entry in chunk if since is None or entry.at >= since]
        entries += inside
        if len(chunk) < limit or (chunk and not inside):
            return entries, False
        if chunk:
            before = chunk[-1].seq
        if len(entries) >= most:
            return entries, any(since is None or entry.at >= since for entry in journal.read_back(before, 1))
        limit = min(size, most - len(entries))
        chunk, size = journal.read_back(before, limit), _CHUNK


def _seq_after(journal: Journal, moment: datetime) -> int:
    """Return a seq that divides what was recorded until the moment from what came later.

    Processes journal in batches, so an entry of the last tenth of a second may be on the wrong side.
    """
    extent = journal.extent()
    low, high = extent.oldest, extent.newest + 1
    while low < high:
        middle = (low + high) // 2
        found = journal.read_back(middle + 1, 1)
        if not found or found[0].at <= moment:
            low = middle + 1
        else:
            high = middle
    return low


def _matching(entries: Sequence[Entry], known: Iterable[Origin], query: Query) -> list[Entry]:
    """Return what the query matches, the origins of that, and what says how transactions ended."""
    backgrounds: dict[str, Background] = {}
    for entry in (*known, *reversed(entries)):
        backgrounds[entry.trace] = backgrounds.get(entry.trace, Background()).with_entry(entry)
    sent = [entry for entry in entries if isinstance(entry, Emission | Bypass)]
    kept = {id(entry) for entry in sent if query.matches(entry, *backgrounds[entry.trace])}
    traces = {entry.trace for entry in sent if id(entry) in kept}
    return [
        entry
        for entry in entries
        if (id(entry) in kept if isinstance(entry, Emission | Bypass) else entry.trace in traces)
    ]


def _origins_of(journal: Journal, traces: Iterable[str]) -> Sequence[Origin]:
    """Return the origins of traces that began before the window: a shell, a long command."""
    found = []
    for trace in sorted(traces)[:_MOST_ORPHANS]:
        found += [entry for entry in journal.read_trace(trace, 1) if isinstance(entry, Origin)]
    return found
