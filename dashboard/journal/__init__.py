"""The ordered, stored log: ``base`` is the contract, every other module one way to keep it.

Comes in: a journal's URL. Goes out: the journal that keeps its entries there.
"""

from __future__ import annotations

from .base import Cursor, Extent, Journal, JournalError, Packed, pack
from .sqlite import SqliteJournal

__all__ = ["Cursor", "Extent", "Journal", "JournalError", "Packed", "open_journal", "pack"]

_PREFIX = "sqlite:///"


def open_journal(url: str) -> Journal:
    """Return the journal at ``url``; nothing is opened or made before its first use.

    ``sqlite:///relative/path`` or ``sqlite:////absolute/path``. Raises ``JournalError`` for any
    other URL.
    """
    path = url.removeprefix(_PREFIX)
    if path == url or path in ("", ":memory:"):
        raise JournalError(
            f"The journal's URL names no journal: {url!r}. "
            "Write sqlite:///relative/path or sqlite:////absolute/path: a file, which processes can share."
        )
    return SqliteJournal(path, url)
