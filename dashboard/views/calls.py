"""The figures of the registrations' calls over a window, kept for a moment.

Comes in: a window and what is registered. Goes out: figures read from the journal. Sorting, filtering
and unfolding a row use those of the page that the reader looks at; a whole page reads anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from .. import pipeline
from ..journal.base import Cursor, JournalError
from ..registrations import Registration
from ..statistics import Ran, calls_of
from .stretch import read
from .windows import Window

KEPT = timedelta(seconds=15)


class Calls(NamedTuple):
    """Figures, read at a time.

    ``since`` is when the oldest entry was written that they are of, ``seq`` the newest entry that there was.
    ``cut`` is true when the window held more entries than are read, ``ran`` is ``None`` when the
    journal could not be read: ``error`` says why.
    """

    ran: Ran | None
    read_at: datetime
    since: datetime | None = None
    cut: bool = False
    error: str = ""
    seq: int = 0


class _Kept(NamedTuple):
    what: tuple[str, datetime | None, str, tuple[str, ...]]
    head: Cursor
    calls: Calls


_kept: list[_Kept] = []


def calls(
    window: Window, registered: Sequence[Registration], until: datetime | None = None, *, fresh: bool = True
) -> Calls:
    """Return the figures of a window that ends then, ``None`` for now.

    Not ``fresh``, they may be as old as ``KEPT``.
    """
    now = pipeline.now()
    try:
        journal = pipeline.journal()
        head = journal.head()
        what = (window.key, until, head.epoch, tuple(one.key for one in registered))
        for known in _kept[:1]:
            unchanged = known.head == head and (window.seconds is None or until is not None)
            if known.what == what and (unchanged or (not fresh and now - known.calls.read_at < KEPT)):
                return known.calls
        entries, length, since, cut = read(journal, window.seconds, until or now, past=until is not None)
    except JournalError as error:
        return Calls(None, now, error=str(error))
    measured = Calls(calls_of(entries, registered, length), now, since, cut, seq=head.seq)
    _kept[:] = [_Kept(what, head, measured)]
    return measured
