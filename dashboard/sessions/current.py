"""Which imported session is shown: a context variable, set for a request, or for a frame of a replay.

Comes in: a session, opened. Goes out: the same, to whoever must know (the journal to read, the addresses
to link to, what is said of the present); ``None`` for the live journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from ..journal.base import Journal
from .store import Session


class Shown(NamedTuple):
    """The session that is shown, and its journal."""

    session: Session
    journal: Journal


_current: ContextVar[Shown | None] = ContextVar("signalscope_session", default=None)


def shown() -> Shown | None:
    """Return the session that is shown, or ``None``."""
    return _current.get()


@contextmanager
def showing(shown: Shown | None) -> Iterator[None]:
    """Show the session inside; the live journal for ``None``."""
    token = _current.set(shown)
    try:
        yield
    finally:
        _current.reset(token)
