"""A journal as the public may read it: each entry veiled as it is read, nothing written.

Comes in: a journal. Goes out: the same contract. Searches compare what is veiled, so that no filter can
find out what an entry held: indexes of what was stored are not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..events import Emission, Entry, encode
from ..veil import veiled
from .base import Bucket, Cursor, Extent, Journal, JournalError, Packed

AWAY = "The journal cannot be read now."
_READ_ONLY = "A public journal is only read: nothing can be stored or deleted through it."


@contextmanager
def _discreet() -> Iterator[None]:
    """Say of an error that there is one: its message names hosts and paths."""
    try:
        yield
    except JournalError as error:
        raise JournalError(AWAY) from error


class VeiledJournal(Journal):
    """Another journal, veiled. Closing it closes the other."""

    def __init__(self, held: Journal) -> None:
        self._held = held
        self.url = held.url

    def append_packed(self, batch: Sequence[Packed]) -> int:
        """Refuse, with ``JournalError``."""
        raise JournalError(_READ_ONLY)

    def prune(self, keep: int, older_than_s: float | None = None, chunk: int = 5_000) -> int:
        """Refuse, with ``JournalError``."""
        raise JournalError(_READ_ONLY)

    def head(self) -> Cursor:
        """Return the epoch and the newest ``seq``."""
        with _discreet():
            return self._held.head()

    def extent(self) -> Extent:
        """Return what is held now."""
        with _discreet():
            return self._held.extent()

    def read(self, after: int, limit: int) -> list[Entry]:
        """Return entries after a seq, oldest first."""
        with _discreet():
            return [*map(veiled, self._held.read(after, limit))]

    def read_back(self, before: int | None, limit: int) -> list[Entry]:
        """Return entries before a seq, newest first."""
        with _discreet():
            return [*map(veiled, self._held.read_back(before, limit))]

    def read_trace(self, trace: str, limit: int, after: int = 0) -> list[Entry]:
        """Return entries of one trace, oldest first."""
        with _discreet():
            return [*map(veiled, self._held.read_trace(trace, limit, after))]

    def read_bodies(self, after: int, limit: int, trace: str = "") -> list[tuple[Entry, bytes]]:
        """Return entries with the JSON of what is shown of them, never as it was stored."""
        entries = self.read_trace(trace, limit, after) if trace else self.read(after, limit)
        return [(entry, encode(entry)) for entry in entries]

    def read_object(self, model: str, pk: str, before: int | None, limit: int) -> list[Entry]:
        """Return emissions about one object, newest first; none for a key that is not shown."""
        if not (pk.isascii() and pk.isdigit()):
            return []
        with _discreet():
            return [*map(veiled, self._held.read_object(model, pk, before, limit))]

    def read_kind(self, kind: str, before: int | None, limit: int) -> list[Entry]:
        """Return entries of a kind, newest first."""
        with _discreet():
            return [*map(veiled, self._held.read_kind(kind, before, limit))]

    def find_emission(self, id: str) -> Emission | None:
        """Return the emission with this id."""
        with _discreet():
            found = self._held.find_emission(id)
        shown = None if found is None else veiled(found)
        return shown if isinstance(shown, Emission) else None

    def times(self) -> tuple[int, int] | None:
        """Return the earliest and the latest time held."""
        with _discreet():
            return self._held.times()

    def span(self, since_us: int, until_us: int) -> tuple[int, int]:
        """Return the lowest and the highest seq of a range of time."""
        with _discreet():
            return self._held.span(since_us, until_us)

    def counts(self, edges: Sequence[int]) -> list[Bucket]:
        """Return the emissions between each two neighbours of ``edges``."""
        with _discreet():
            return self._held.counts(edges)

    def changed(self, wait_s: float = 0.0) -> bool:
        """Return whether anything may have been stored since it was last called."""
        with _discreet():
            return self._held.changed(wait_s)

    def close(self) -> None:
        """Close the journal that is veiled."""
        self._held.close()
