"""The journal's contract: an ordered, bounded, append-only log that many processes share.

Comes in: entries without a ``seq``. Goes out: the same entries, numbered in the one order that
all readers see. ``tests/test_journal_contract.py`` is this contract as tests; each journal passes
all of it.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from ..events import Emission, Entry, Unknown, decode, encode, has_failed, kind_of
from .narrow import Narrow

_STEP = 1_000


class JournalError(Exception):
    """The journal cannot be read or written now: what is wrong, the value seen, the remedy."""


class Cursor(NamedTuple):
    """A place in one journal's life. ``epoch`` changes when the journal begins anew."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor written as ``epoch:seq``, or ``None`` when it is no cursor."""
        epoch, colon, seq = text.rpartition(":")
        if not (colon and epoch and epoch.isalnum() and seq.isascii() and seq.isdigit() and len(seq) < 19):
            return None
        return cls(epoch, int(seq))


class Extent(NamedTuple):
    """What the journal holds now: oldest and newest ``seq`` (0 when empty) and the entry count."""

    oldest: int
    newest: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


class Hits(NamedTuple):
    """What a search found, and how far it looked: each entry from ``reached`` on (or up to it) was looked at.

    ``reached`` is the last seq of the way, in the direction of the search.
    """

    entries: list[Entry]
    reached: int


class Bucket(NamedTuple):
    """How many emissions a stretch of time holds, and how many of them ``failed``."""

    emissions: int
    failed: int


class Packed(NamedTuple):
    """An entry ready to be stored: its JSON, and beside it what a journal can look entries up by.

    ``at_us`` is the time in microseconds since 1970 (UTC). ``model`` and ``pk`` name the object the
    emission is about. ``failed`` is 1 where ``events.has_failed``.
    """

    kind: str
    trace: str
    at_us: int
    signal: str | None
    sender: str | None
    model: str | None
    pk: str | None
    id: str | None
    duration_us: float
    failed: int
    body: bytes


def pack(entry: Entry) -> Packed:
    """Return the entry as it is stored. Pure computing: whoever must not hold the GIL for long slices it.

    Raises what ``events.encode`` raises for a value that JSON cannot express.
    """
    body = encode(entry)
    kind = kind_of(entry)
    at_us = round(entry.at.timestamp() * 1e6)
    if type(entry) is Emission:
        about = entry.instance
        return Packed(
            kind,
            entry.trace,
            at_us,
            entry.signal,
            entry.sender,
            (about.model or entry.sender) if about else None,
            about.pk if about else None,
            entry.id,
            entry.duration_us,
            int(has_failed(entry)),
            body,
        )
    return Packed(
        kind,
        entry.trace,
        at_us,
        None,
        getattr(entry, "sender", None),
        None,
        None,
        getattr(entry, "id", None),
        getattr(entry, "duration_us", 0.0),
        int(has_failed(entry)),
        body,
    )


def unpack(body: bytes, seq: int) -> Entry:
    """Return the entry stored under ``seq``; a body that is no JSON object any more is ``unreadable``."""
    try:
        return decode(body, seq)
    except (msgspec.MsgspecError, ValueError):
        fields: dict[str, Any] = {"kind": "unreadable", "bytes": len(body)}
        return Unknown(kind="unreadable", body=fields, at=datetime.fromtimestamp(0, UTC), seq=seq)


class Journal(ABC):
    """An ordered log of entries. Every method may raise ``JournalError``, and nothing else.

    One object may be used from several threads at once.
    """

    url: str

    def append(self, entries: Sequence[Entry]) -> int:
        """Store the entries in one transaction, all or none, and return the newest ``seq``."""
        return self.append_packed([pack(entry) for entry in entries])

    @abstractmethod
    def append_packed(self, batch: Sequence[Packed]) -> int:
        """Store the batch in one transaction, all or none, and return the newest ``seq``."""

    @abstractmethod
    def head(self) -> Cursor:
        """Return the epoch and the newest ``seq`` (0 when nothing was ever stored)."""

    @abstractmethod
    def extent(self) -> Extent:
        """Return what is held now."""

    @abstractmethod
    def read(self, after: int, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries with ``seq > after``, oldest first."""

    @abstractmethod
    def read_back(self, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries with ``seq < before`` (``None``: from the end), newest first."""

    @abstractmethod
    def read_trace(self, trace: str, limit: int, after: int = 0) -> list[Entry]:
        """Return at most ``limit`` entries of one trace with ``seq > after``, oldest first."""

    @abstractmethod
    def read_bodies(self, after: int, limit: int, trace: str = "") -> list[tuple[Entry, bytes]]:
        """Return what ``read`` returns, or with ``trace`` ``read_trace``, each entry with its JSON as stored.

        Fields of a newer version are in that alone.
        """

    @abstractmethod
    def read_object(self, model: str, pk: str, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` emissions about one object with ``seq < before``, newest first.

        ``model`` is the object's own label, also where the sender is another (an m2m through model).
        """

    @abstractmethod
    def read_kind(self, kind: str, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries of a kind with ``seq < before``, newest first.

        ``origin`` lists the traces without reading what they caused.
        """

    @abstractmethod
    def find_emission(self, id: str) -> Emission | None:
        """Return the emission with this id, or ``None`` when it is not (or no longer) held."""

    # --- the whole journal: slow but right here; a journal that keeps indexes does better -----------

    def search(
        self,
        narrow: Narrow,
        limit: int,
        *,
        before: int | None = None,
        after: int = 0,
        newest_first: bool = True,
        patience_s: float = 1.0,
    ) -> Hits:
        """Return at most ``limit`` entries with ``after < seq < before`` that ``narrow`` admits.

        Ends early once ``patience_s`` seconds have passed, at least one step on: the caller goes on from
        ``reached``. It is ``after + 1`` (or ``before - 1``, oldest first) when the whole way was gone.
        """
        before = self.head().seq + 1 if before is None else before
        deadline = time.monotonic() + patience_s
        found: list[Entry] = []
        at = before if newest_first else after
        while True:
            read = self.read_back(at, _STEP) if newest_first else self.read(at, _STEP)
            chunk = [entry for entry in read if after < entry.seq < before]
            for entry in chunk:
                if narrow.admits(pack(entry)):
                    found.append(entry)
                    if len(found) == limit:
                        return Hits(found, entry.seq)
            if len(chunk) < _STEP:
                return Hits(found, after + 1 if newest_first else before - 1)
            at = chunk[-1].seq
            if time.monotonic() >= deadline:
                return Hits(found, at)

    def times(self) -> tuple[int, int] | None:
        """Return the earliest and the latest ``at_us`` held, ``None`` when nothing is."""
        times = [at for _, at, _ in self._times()]
        return (min(times), max(times)) if times else None

    def span(self, since_us: int, until_us: int) -> tuple[int, int]:
        """Return the lowest and the highest seq of what happened in ``[since_us, until_us)``; zeros if none.

        Entries of another time may stand between them: what is journalled at its end began earlier.
        """
        seqs = [seq for seq, at, _ in self._times() if since_us <= at < until_us]
        return (min(seqs), max(seqs)) if seqs else (0, 0)

    def counts(self, edges: Sequence[int]) -> list[Bucket]:
        """Return the emissions between each two neighbours of ``edges``, ascending times in microseconds."""
        counted = [[0, 0] for _ in edges[1:]]
        for _, at, failed in self._times():
            place = bisect_right(edges, at) - 1
            if failed is not None and 0 <= place < len(counted):
                counted[place][0] += 1
                counted[place][1] += failed
        return [Bucket(*pair) for pair in counted]

    def _times(self) -> Iterator[tuple[int, int, int | None]]:
        """Yield seq, time, and of emissions whether they failed, of everything held."""
        after = 0
        while entries := self.read(after, _STEP):
            for entry in entries:
                at_us = round(entry.at.timestamp() * 1e6)
                yield entry.seq, at_us, int(has_failed(entry)) if isinstance(entry, Emission) else None
            after = entries[-1].seq

    # --- following, keeping, ending -----------------------------------------------------------------

    @abstractmethod
    def changed(self, wait_s: float = 0.0) -> bool:
        """Return whether anything may have been stored since this method was last called.

        Cheap enough to ask every 50 ms. A journal that can wait for a change without asking waits for
        at most ``wait_s`` seconds; one that cannot answers at once. Each caller that wants its own
        answer makes its own journal object.
        """

    @abstractmethod
    def prune(self, keep: int, older_than_s: float | None = None, chunk: int = 5_000) -> int:
        """Delete at most ``chunk`` of the oldest entries beyond ``keep`` or older than the age.

        Return how many were deleted; the caller repeats until it is 0.
        """

    @abstractmethod
    def close(self) -> None:
        """Release files and connections. Calling it twice does nothing more."""
