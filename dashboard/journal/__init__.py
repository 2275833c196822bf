"""The ordered, stored log: ``base`` is the contract, every other module one way to keep it.

Comes in: a journal's URL. Goes out: the journal that keeps its entries there.
"""

from __future__ import annotations

from ..addresses import REMEDY, AddressError, SqliteAddress, parse, shown
from .base import Bucket, Cursor, Extent, Hits, Journal, JournalError, Packed, pack
from .narrow import Narrow, Trait
from .sqlite import SqliteJournal

__all__ = [
    "Bucket",
    "Cursor",
    "Extent",
    "Hits",
    "Journal",
    "JournalError",
    "Narrow",
    "Packed",
    "Trait",
    "open_journal",
    "pack",
]


def open_journal(url: str) -> Journal:
    """Return the journal at ``url``; nothing is opened or made before its first use.

    ``sqlite:///path``, ``redis://host:port/db``, ``rediss://…`` or ``unix:///path``: docs/settings.md.
    Raises ``JournalError`` for any other URL, and for Redis where its client library is missing.
    """
    try:
        address = parse(url)
    except AddressError as error:
        raise JournalError(f"The journal's URL names no journal: {shown(url)!r}: {error}. {REMEDY}") from None
    if isinstance(address, SqliteAddress):
        return SqliteJournal(address.path, url)
    # Only here: a process that keeps its journal in a file loads no client library.
    from .redis import RedisJournal

    return RedisJournal(address, url)
