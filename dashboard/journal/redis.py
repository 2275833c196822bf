"""The journal in a Redis stream: shared by the processes of many hosts.

Comes in: packed entries. Goes out: entries in the order of their ``seq``, which is one order for all
hosts because Redis numbers and stores a batch in one script (``redis_scripts`` has the layout).

``seq`` has no holes but what was pruned, and the stream's ids are seqs: a range of entries is a range
of chunks, plus the first one beyond it, which may begin before the range ends.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain

from ..addresses import RedisAddress, shown
from ..events import Emission, Entry, Gap
from ..processes import this_process
from . import redis_scripts
from .base import Cursor, Extent, Hits, Journal, JournalError, Packed, pack, unpack
from .chunks import SHARD, Chunk, Row, cut, rows, term
from .narrow import Narrow
from .redis_link import RedisLink
from .redis_receipts import LIVES_S, Receipts
from .redis_search import go, terms_of

_PAGE = 2_000
_CHUNKS_FIRST, _CHUNKS_MOST = 8, 64
_END = 2**63 - 1

_LARGEST = 2**48 - 1  # what six bytes of the index hold

Matches = Callable[[Packed], bool]
Element = tuple[bytes, dict[bytes, bytes]]


class RedisJournal(Journal):
    """A journal in one Redis database, under one prefix."""

    def __init__(self, address: RedisAddress, url: str) -> None:
        self.url = shown(url)
        self._link = RedisLink(address, self.url)
        tag = f"{{{address.prefix}}}:"
        self._entries, self._meta, self._index = f"{tag}entries", f"{tag}meta", f"{tag}index:"
        self._writer = f"{tag}writer:"
        self._append, self._prune, self._begin = map(
            self._link.client.register_script,
            (redis_scripts.APPEND, redis_scripts.PRUNE, redis_scripts.BEGIN),
        )
        self._timeout_s = address.timeout_s
        self._seen: Cursor | None = None
        self._start()

    def _start(self) -> None:
        """Set what a forked child must not share: two processes under one token would seem one."""
        self._pid = os.getpid()
        self._appending = threading.Lock()
        self._receipts = Receipts()
        self._notices: list[Packed] = []

    def append_packed(self, batch: Sequence[Packed]) -> int:
        """Store the batch in one transaction, all or none, and return the newest ``seq``.

        Once: a batch whose answer was lost is not stored again when it is given again. If Redis came
        back without entries it had acknowledged to this process, a gap entry counts them.
        """
        if self._pid != os.getpid():
            self._start()
        with self._appending:
            if not batch and not self._notices:
                return self.head().seq
            answer = self._store(batch)
            if answer[0] == b"lost":
                self._note_loss(answer)
                answer = self._store(batch, renew=True)
            epoch, newest, floor = answer[1].decode(), int(answer[2]), int(answer[3])
            self._receipts.stored(epoch, newest, floor)
            self._notices.clear()
            return newest

    def _store(self, batch: Sequence[Packed], *, renew: bool = False) -> list[bytes]:
        receipts = self._receipts
        entries = [*self._notices, *batch]
        number = receipts.number(entries)
        chunks = [part for chunk in cut(entries) for part in _fields(chunk)]
        known = receipts.epoch, receipts.acknowledged, int(renew), number
        with self._link.use("written"):
            answer: list[bytes] = self._append(
                [self._entries, self._meta, self._writer + receipts.token],
                [self._index, _epoch(), redis_scripts.LAYOUT, LIVES_S, *known, *chunks],
            )
        return self._known(answer)

    def _note_loss(self, answer: list[bytes]) -> None:
        begun_anew = answer[1].decode() != self._receipts.epoch
        lost = self._receipts.lost(int(answer[2]))
        if lost:
            came_back = "empty, or as another journal" if begun_anew else "as it was earlier"
            reason = (
                f"Redis had stored these, and came back {came_back}. Entries survive its restart if it "
                "writes them to its disk (appendonly yes), and its memory policy is noeviction."
            )
            process = this_process()
            self._notices.append(
                pack(Gap(at=datetime.now(UTC), dropped=lost, reason=reason, process=process))
            )

    def _known(self, answer: list[bytes]) -> list[bytes]:
        """Return the answer, unless it says that another version made these keys."""
        if answer[0] == b"layout":
            raise JournalError(
                f"The journal cannot be used: {self.url}: its layout is {answer[1].decode()}, and this "
                f"version of Signalscope knows {redis_scripts.LAYOUT}. Upgrade Signalscope in this process, "
                "or choose another prefix: redis://host:6379/0?prefix=name."
            )
        return answer

    def head(self) -> Cursor:
        """Return the epoch and the newest ``seq`` (0 when nothing was ever stored)."""
        epoch, newest, _ = self._state()
        return Cursor(epoch, newest)

    def extent(self) -> Extent:
        """Return what is held now."""
        _, newest, floor = self._state()
        return Extent(floor + 1, newest, newest - floor) if newest > floor else Extent(0, 0, 0)

    def _state(self) -> tuple[str, int, int]:
        """Return epoch, newest and floor. The first to ask an empty journal gives it its epoch."""
        with self._link.use("read") as client:
            epoch, newest, floor, layout = client.hmget(self._meta, "epoch", "seq", "floor", "layout")
            if epoch is None or layout != redis_scripts.LAYOUT.encode():
                answer = self._begin([self._entries, self._meta], [redis_scripts.LAYOUT, _epoch()])
                _, epoch, newest, floor = self._known(answer)
        return epoch.decode(), int(newest), int(floor)

    def read(self, after: int, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries with ``seq > after``, oldest first."""
        return _decoded(self._after(after, limit))

    def _after(self, after: int, limit: int) -> list[Row]:
        found: list[Row] = []
        more = True
        while more and len(found) < limit:
            end = after + min(limit - len(found), _PAGE)
            with self._link.use("read") as client:
                pipe = client.pipeline(transaction=False)
                pipe.hget(self._meta, "floor")
                pipe.xrange(self._entries, after + 1, end)
                pipe.xrange(self._entries, end + 1, "+", 1)
                floor, inside, beyond = pipe.execute()
            found += [row for row in _rows([*inside, *beyond], int(floor or 0)) if row.seq > after]
            after = _last(beyond[0]) if beyond else end
            more = bool(beyond)
        return found[:limit]

    def read_back(self, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries with ``seq < before`` (``None``: from the end), newest first."""
        return _decoded(self._before(before, limit))

    def _before(self, before: int | None, limit: int) -> list[Row]:
        found: list[Row] = []
        top, before = self._top(before)
        while top > 0 and len(found) < limit:
            bottom = max(1, min(before, top + 1) - min(limit - len(found), _PAGE))
            with self._link.use("read") as client:
                pipe = client.pipeline(transaction=False)
                pipe.hget(self._meta, "floor")
                pipe.xrevrange(self._entries, top, bottom)
                pipe.xrevrange(self._entries, bottom - 1, "-", 1)
                floor, inside, beyond = pipe.execute()
            newest_first = reversed(_rows(reversed([*inside, *beyond]), int(floor or 0)))
            found += [row for row in newest_first if row.seq < before]
            top = _first(beyond[0]) - 1 if beyond else 0
        return found[:limit]

    def read_trace(self, trace: str, limit: int, after: int = 0) -> list[Entry]:
        """Return at most ``limit`` entries of one trace with ``seq > after``, oldest first."""
        return _decoded(self._of_trace(trace, limit, after))

    def _of_trace(self, trace: str, limit: int, after: int) -> list[Row]:
        return self._find(term("trace", trace), lambda packed: packed.trace == trace, limit, after=after)

    def read_bodies(self, after: int, limit: int, trace: str = "") -> list[tuple[Entry, bytes]]:
        """Return entries with ``seq > after``, of one trace if given, each with its JSON as stored."""
        rows = self._of_trace(trace, limit, after) if trace else self._after(after, limit)
        return [(unpack(row.packed.body, row.seq), row.packed.body) for row in rows]

    def read_object(self, model: str, pk: str, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` emissions about one object with ``seq < before``, newest first."""

        def matches(packed: Packed) -> bool:
            return packed.model == model and packed.pk == pk

        return self._find_back(term("object", model, pk), matches, limit, before)

    def read_kind(self, kind: str, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries of a kind with ``seq < before``, newest first."""
        return self._find_back(term("kind", kind), lambda packed: packed.kind == kind, limit, before)

    def find_emission(self, id: str) -> Emission | None:
        """Return the emission with this id, or ``None`` when it is not (or no longer) held."""
        found = self._find_back(term("emission", id), lambda packed: packed.id == id, 1, None)
        return found[0] if found and isinstance(found[0], Emission) else None

    def _find(self, wanted: bytes, matches: Matches, limit: int, *, after: int) -> list[Row]:
        """Return the first entries after ``after`` that have the term and match."""
        found: list[Row] = []
        low, width = after + 1, min(limit, _CHUNKS_FIRST)
        while len(found) < limit:
            with self._link.use("read") as client:
                key, lowest, highest = self._places(wanted, low, _END)
                places = _seqs(client.zrangebylex(key, lowest, highest, 0, width))
            found += [row for row in self._rows_of(places) if row.seq > after and matches(row.packed)]
            if len(places) < width:
                break
            low, width = places[-1] + 1, min(width * 2, _CHUNKS_MOST)
        return found[:limit]

    def _find_back(self, wanted: bytes, matches: Matches, limit: int, before: int | None) -> list[Entry]:
        """Return the last entries before ``before`` that have the term and match, newest first."""
        found: list[Row] = []
        top, before = self._top(before)
        width = min(limit, _CHUNKS_FIRST)
        while len(found) < limit:
            with self._link.use("read") as client:
                key, lowest, highest = self._places(wanted, 1, top)
                places = _seqs(client.zrevrangebylex(key, highest, lowest, 0, width))
            rows = reversed(self._rows_of(reversed(places)))
            found += [row for row in rows if row.seq < before and matches(row.packed)]
            if len(places) < width:
                break
            top, width = places[-1] - 1, min(width * 2, _CHUNKS_MOST)
        return _decoded(found[:limit])

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
        """Return what ``Journal.search`` does; only what is admitted is decoded.

        Of given traces, and of kinds but emissions, only the chunks that hold them are read.
        """
        before = self.head().seq + 1 if before is None else before
        wanted = terms_of(narrow)
        if wanted is None:
            steps = self._walk(after, before, newest_first=newest_first)
        else:
            steps = self._walk_to(wanted, after, before, newest_first=newest_first)
        return go(steps, narrow, limit, after + 1 if newest_first else before - 1, patience_s)

    def _walk(self, after: int, before: int, *, newest_first: bool) -> Iterator[list[Row]]:
        """Yield all rows between, step by step."""
        at = before if newest_first else after
        while step := self._before(at, _PAGE) if newest_first else self._after(at, _PAGE):
            at = step[-1].seq
            inside = [row for row in step if after < row.seq < before]
            if not inside:
                return
            yield inside

    def _walk_to(
        self, wanted: list[bytes], after: int, before: int, *, newest_first: bool
    ) -> Iterator[list[Row]]:
        """Yield the rows between that stand in chunks with one of the terms, step by step."""
        top, _ = self._top(before)
        places: set[int] = set()
        for start in range(0, len(wanted), _PAGE):
            with self._link.use("read") as client:
                pipe = client.pipeline(transaction=False)
                for one in wanted[start : start + _PAGE]:
                    pipe.zrangebylex(*self._places(one, after + 1, top))
                places.update(chain.from_iterable(map(_seqs, pipe.execute())))
        way = sorted(places, reverse=newest_first)
        for start in range(0, len(way), _CHUNKS_MOST):
            step = self._rows_of(sorted(way[start : start + _CHUNKS_MOST]))
            inside = [row for row in step if after < row.seq < before]
            if inside:
                yield inside[::-1] if newest_first else inside

    def _times(self) -> Iterator[tuple[int, int, int | None]]:
        for step in self._walk(0, self.head().seq + 1, newest_first=False):
            for seq, packed in step:
                yield seq, packed.at_us, packed.failed if packed.kind == "emission" else None

    def _places(self, wanted: bytes, low: int, high: int) -> tuple[str, bytes, bytes]:
        """Return the index's key for a term, and the range in it of chunks from id ``low`` to ``high``."""
        key = f"{self._index}{wanted[:SHARD].decode()}"
        first, last = (min(seq, _LARGEST).to_bytes(6, "big") for seq in (low, high))
        return key, b"[" + wanted[SHARD:] + first, b"[" + wanted[SHARD:] + last

    def _rows_of(self, places: Iterable[int]) -> list[Row]:
        """Return the rows of these chunks that are not pruned, oldest first."""
        with self._link.use("read") as client:
            pipe = client.pipeline(transaction=False)
            pipe.hget(self._meta, "floor")
            for place in places:
                pipe.xrange(self._entries, place, place)
            floor, *chunks = pipe.execute()
        return _rows(chain.from_iterable(chunks), int(floor or 0))

    def _top(self, before: int | None) -> tuple[int, int]:
        """Return the id of the highest chunk that can hold an entry before ``before``, and that as a seq."""
        if before is None:
            return _END, _END
        with self._link.use("read") as client:
            chunk = client.xrange(self._entries, before, "+", 1)
        return (_last(chunk[0]) if chunk else _END), before

    def changed(self, wait_s: float = 0.0) -> bool:
        """Return whether anything may have been stored since this method was last called.

        Two round trips at most, and one that waits inside Redis until something is.
        """
        wait_s = min(wait_s, self._timeout_s / 2)
        if wait_s > 0 and self._seen is not None:
            with self._link.use("read") as client:
                # A journal that began anew counts from 1 and wakes nobody here: asked below.
                client.xread({self._entries: f"{self._seen.seq}-0"}, count=1, block=max(1, int(wait_s * 1e3)))
        seen, self._seen = self._seen, self.head()
        return seen != self._seen

    def prune(self, keep: int, older_than_s: float | None = None, chunk: int = 5_000) -> int:
        """Delete at most ``chunk`` of the oldest entries beyond ``keep`` or older than the age.

        Return how many were deleted; the caller repeats until it is 0. What is old is said by the clock
        of Redis, which all hosts share; a newer entry keeps the older ones behind it.
        """
        age_us = -1 if older_than_s is None else int(older_than_s * 1e6)
        with self._link.use("pruned"):
            answer = self._prune(
                [self._entries, self._meta],
                [self._index, redis_scripts.LAYOUT, min(keep, _LARGEST), age_us, chunk],
            )
        return int(self._known(answer)[1])

    def close(self) -> None:
        """Release files and connections. Calling it twice does nothing more."""
        self._link.close()


def _epoch() -> str:
    return uuid.uuid4().hex[:16]


def _fields(chunk: Chunk) -> tuple[int, bytes, bytes, bytes]:
    return chunk.entries, chunk.body, chunk.terms, chunk.times


def _last(element: Element) -> int:
    return int(element[0].partition(b"-")[0])


def _first(element: Element) -> int:
    return _last(element) - int(element[1][b"n"]) + 1


def _rows(elements: Iterable[Element], floor: int) -> list[Row]:
    found: list[Row] = []
    for element in elements:
        fields = element[1]
        found += rows(fields[b"b"], int(fields[b"n"]), _last(element))
    return [row for row in found if row.seq > floor]


def _seqs(members: Iterable[bytes]) -> list[int]:
    return [int.from_bytes(member[6:], "big") for member in members]


def _decoded(found: Iterable[Row]) -> list[Entry]:
    return [unpack(row.packed.body, row.seq) for row in found]
