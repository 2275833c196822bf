"""The journal in a SQLite file of its own: nothing to set up, shared by the processes of one host.

Comes in: packed entries. Goes out: entries in the order of their ``seq``, which is one order for all
processes because SQLite has one writer at a time.

A batch goes in as one statement: SQLite reads the columns from one JSON array and cuts the bodies out
of one blob, all without the GIL. ``executemany`` takes the GIL back after every row, and beside a
thread that computes waits the switch interval each time: 200 to 800 rows/s, where one statement stores
30,000 and the thread keeps 94 % of its speed (``benchmarks/journal.py``). One statement with thousands
of ``?`` is as fast, but holds the GIL twice as long for binding them. Reads likewise fetch one row,
whatever the number of entries.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from pathlib import Path

import msgspec

from ..events import Emission, Entry, Gap
from ..processes import this_process
from .base import Bucket, Cursor, Extent, Hits, Journal, JournalError, Packed, pack, unpack
from .narrow import Narrow
from .sqlite_file import DamagedError, Layout, SqliteFile
from .sqlite_pool import SqlitePool
from .sqlite_search import Stretch, go, is_pointed, stretches, where

_BUSY_S = 1.0
_REPLACED_LIMIT = 10
_SEPARATOR = b"\x1e"  # cannot stand in JSON text: https://www.rfc-editor.org/rfc/rfc7464

_FOR_SEARCH = (
    "CREATE INDEX entries_pk ON entries (pk COLLATE NOCASE) WHERE pk IS NOT NULL",
    "CREATE INDEX entries_failed ON entries (failed) WHERE failed = 1",
    # All that the histogram and a range of time ask for, so that neither touches the table.
    "CREATE INDEX entries_at ON entries (at, kind, failed)",
)

LAYOUT = Layout(
    application_id=0x53_43_4F_50,  # "SCOP"
    version=2,
    statements=(
        # Layout history
        # 1: first layout. `at` is in microseconds, `model` and `pk` name the object an emission is about,
        #    `failed` is 1 when a call raised or an origin ended with an error, `body` is the whole entry.
        #    `meta` holds the epoch: random, made once, so another file is another life of the journal.
        # 2: for the search of the whole journal: entries_pk instead of an index of model and pk (with any
        #    case of letters, as the filter language compares), entries_failed, entries_at. `failed` is 1
        #    for answers from 500 on too. Version 1 is brought here by `upgrades`.
        """CREATE TABLE entries (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            trace TEXT NOT NULL,
            at INTEGER NOT NULL,
            signal TEXT,
            sender TEXT,
            model TEXT,
            pk TEXT,
            id TEXT,
            duration_us REAL NOT NULL,
            failed INTEGER NOT NULL,
            body TEXT NOT NULL
        )""",
        # Not partial: it is also what count(*) reads.
        "CREATE INDEX entries_trace ON entries (trace)",
        "CREATE INDEX entries_id ON entries (id) WHERE id IS NOT NULL",
        "CREATE INDEX entries_kind ON entries (kind) WHERE kind <> 'emission'",
        *_FOR_SEARCH,
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(8))))",
    ),
    upgrades={
        1: (
            "DROP INDEX entries_object",
            *_FOR_SEARCH,
            """UPDATE entries SET failed = 1 WHERE kind = 'origin' AND kind <> 'emission' AND failed = 0
               AND (body LIKE '%"status":"failed"%'
                    OR body LIKE '%"type":"request"%' AND body LIKE '%"status":"5__"%')""",
        ),
    },
)

_COLUMNS = Packed._fields[:-1]
_START, _LENGTH = len(_COLUMNS), len(_COLUMNS) + 1
_INSERT = f"""
INSERT INTO entries (kind, trace, at, signal, sender, model, pk, id, duration_us, failed, body)
SELECT {", ".join(f"json_extract(value, '$[{index}]')" for index in range(len(_COLUMNS)))},
    CAST(substr(?2, json_extract(value, '$[{_START}]'), json_extract(value, '$[{_LENGTH}]')) AS TEXT)
FROM json_each(?1)
"""  # noqa: S608
_READ = """
SELECT CAST(group_concat(seq || ':' || body, char(30)) AS BLOB)
FROM (SELECT seq, body FROM entries WHERE {where} ORDER BY seq {order} LIMIT ?)
"""
_HEAD = """
SELECT (SELECT value FROM meta WHERE key = 'epoch'),
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entries'), 0)
"""
_PRUNE = """
DELETE FROM entries WHERE seq IN (
    SELECT seq FROM (SELECT seq, at FROM entries ORDER BY seq LIMIT ?) WHERE at < ?
)
"""
# As one SELECT of three aggregates this would read the whole table.
_SPAN = "SELECT (SELECT min(seq) FROM entries), (SELECT max(seq) FROM entries)"
_COUNT = "SELECT count(*) FROM entries"
_TIMES = "SELECT (SELECT min(at) FROM entries), (SELECT max(at) FROM entries)"
_SPAN_OF_TIME = "SELECT min(seq), max(seq) FROM entries WHERE at >= ? AND at < ?"
_COUNT_OF_TIME = """
SELECT count(*), coalesce(sum(failed), 0) FROM entries WHERE at >= ? AND at < ? AND kind = 'emission'
"""
_END = 2**63 - 1


class SqliteJournal(Journal):
    """A journal in one SQLite file.

    ``url`` is only kept to be shown; ``busy_s`` is how many seconds to wait for a locked file.
    """

    def __init__(self, path: str | Path, url: str = "", busy_s: float = _BUSY_S) -> None:
        self._file = SqliteFile(Path(path), LAYOUT, busy_s)
        self._pool = SqlitePool(self._file)
        self.url = url or f"sqlite:///{self._file.path}"
        self._seen: tuple[int, int] | None = None
        self._notices: list[Packed] = []

    def append_packed(self, batch: Sequence[Packed]) -> int:
        """Store the batch in one transaction, all or none, and return the newest ``seq``.

        A damaged file is moved aside first, and a gap entry in the new journal says so.
        """
        if not batch and not self._notices:
            return self.head().seq
        try:
            return self._insert([*self._notices, *batch])
        except DamagedError:
            # Once more with new connections: another process may have put things right already.
            return self._insert_repairing(batch)

    def _insert_repairing(self, batch: Sequence[Packed]) -> int:
        try:
            return self._insert([*self._notices, *batch])
        except DamagedError as damaged:
            self._repair(damaged)
            return self._insert([*self._notices, *batch])

    def _insert(self, batch: Sequence[Packed]) -> int:
        columns, bodies = _parameters(batch)
        for _ in range(_REPLACED_LIMIT):
            with self._pool.lend("written") as connection:
                newest = connection.execute(_INSERT, (columns, bodies)).lastrowid
                # Stored in a file that was deleted or replaced meanwhile, nobody would ever see the batch.
                if self._file.current() == connection.identity:
                    self._notices.clear()
                    return newest or 0
        raise JournalError(
            f"The journal cannot be written: {self._file.path} was replaced {_REPLACED_LIMIT} times running. "
            "Stop whatever keeps replacing it, or set SIGNALSCOPE['JOURNAL'] to another file."
        )

    def _repair(self, damaged: DamagedError) -> None:
        aside = self._file.move_aside(damaged.identity)
        if aside is not None:
            reason = (
                f"The journal was damaged and a new one begun. The old one is kept as {aside}. ({damaged})"
            )
            process = this_process()
            self._notices.append(pack(Gap(at=datetime.now(UTC), dropped=0, reason=reason, process=process)))

    def head(self) -> Cursor:
        """Return the epoch and the newest ``seq`` (0 when nothing was ever stored)."""
        with self._pool.lend("read") as connection:
            return Cursor(*connection.execute(_HEAD).fetchone())

    def extent(self) -> Extent:
        """Return what is held now. Counting reads an index: about 1 ms for 100,000 entries."""
        with self._pool.lend("read") as connection:
            oldest, newest = connection.execute(_SPAN).fetchone()
            count = connection.execute(_COUNT).fetchone()[0]
            return Extent(oldest or 0, newest or 0, count)

    def read(self, after: int, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries with ``seq > after``, oldest first."""
        return self._read("seq > ?", (after,), limit)

    def read_back(self, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries with ``seq < before`` (``None``: from the end), newest first."""
        return self._read("seq < ?", (_END if before is None else before,), limit, newest_first=True)

    def read_trace(self, trace: str, limit: int, after: int = 0) -> list[Entry]:
        """Return at most ``limit`` entries of one trace with ``seq > after``, oldest first."""
        return self._read("trace = ? AND seq > ?", (trace, after), limit)

    def read_bodies(self, after: int, limit: int, trace: str = "") -> list[tuple[Entry, bytes]]:
        """Return entries with ``seq > after``, of one trace if given, each with its JSON as stored."""
        where, arguments = ("trace = ? AND seq > ?", (trace, after)) if trace else ("seq > ?", (after,))
        bodies = self._bodies(where, arguments, limit)
        return sorted(((unpack(body, seq), body) for seq, body in bodies), key=lambda pair: pair[0].seq)

    def read_object(self, model: str, pk: str, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` emissions about one object with ``seq < before``, newest first."""
        arguments = (pk, pk, model, _END if before is None else before)
        where = "pk = ? COLLATE NOCASE AND pk = ? AND model = ? AND seq < ?"
        return self._read(where, arguments, limit, newest_first=True)

    def read_kind(self, kind: str, before: int | None, limit: int) -> list[Entry]:
        """Return at most ``limit`` entries of a kind with ``seq < before``, newest first."""
        where = (
            "kind = ? AND seq < ?" if kind == "emission" else "kind = ? AND kind <> 'emission' AND seq < ?"
        )
        return self._read(where, (kind, _END if before is None else before), limit, newest_first=True)

    def find_emission(self, id: str) -> Emission | None:
        """Return the emission with this id, or ``None`` when it is not (or no longer) held."""
        found = self._read("id = ?", (id,), 1, newest_first=True)
        return found[0] if found and isinstance(found[0], Emission) else None

    def _read(
        self, where: str, arguments: tuple[object, ...], limit: int, *, newest_first: bool = False
    ) -> list[Entry]:
        bodies = self._bodies(where, arguments, limit, newest_first=newest_first)
        entries = [unpack(body, seq) for seq, body in bodies]
        # group_concat promises no order: https://www.sqlite.org/lang_aggfunc.html#group_concat
        entries.sort(key=lambda entry: entry.seq, reverse=newest_first)
        return entries

    def _bodies(
        self, where: str, arguments: tuple[object, ...], limit: int, *, newest_first: bool = False
    ) -> Iterator[tuple[int, bytes]]:
        sql = _READ.format(where=where, order="DESC" if newest_first else "ASC")
        with self._pool.lend("read") as connection:
            stored: bytes | None = connection.execute(sql, (*arguments, limit)).fetchone()[0]
        for part in (stored or b"").split(_SEPARATOR):
            seq, _, body = part.partition(b":")
            # No number: the rest of a body that got a separator by damage. Its first half is unreadable.
            if seq.isdigit():
                yield int(seq), body

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
        """Return what ``Journal.search`` does: SQLite checks the traits, without the GIL."""
        condition, arguments = where(narrow)
        oldest, newest = self._span()
        above = newest + 1 if before is None else before
        lowest, highest = max(after + 1, oldest), min(above - 1, newest)
        end = after + 1 if newest_first else above - 1
        if lowest > highest:
            return Hits([], end)

        def read(stretch: Stretch, limit: int) -> list[Entry]:
            return self._read(
                f"seq BETWEEN ? AND ?{condition}", (*stretch, *arguments), limit, newest_first=newest_first
            )

        way = stretches(lowest - 1, highest + 1, newest_first=newest_first, whole=is_pointed(narrow))
        hits = go(read, way, limit, newest_first=newest_first, patience_s=patience_s)
        is_done = len(hits.entries) < limit and hits.reached == (lowest if newest_first else highest)
        return Hits(hits.entries, end) if is_done else hits

    def times(self) -> tuple[int, int] | None:
        """Return the earliest and the latest ``at_us`` held, from the index."""
        with self._pool.lend("read") as connection:
            earliest, latest = connection.execute(_TIMES).fetchone()
        return None if earliest is None else (earliest, latest)

    def span(self, since_us: int, until_us: int) -> tuple[int, int]:
        """Return what ``Journal.span`` does: about 0.1 s for a million entries."""
        with self._pool.lend("read") as connection:
            lowest, highest = connection.execute(_SPAN_OF_TIME, (since_us, until_us)).fetchone()
        return lowest or 0, highest or 0

    def counts(self, edges: Sequence[int]) -> list[Bucket]:
        """Return what ``Journal.counts`` does: about 0.1 s for a million entries."""
        with self._pool.lend("read") as connection:
            return [Bucket(*connection.execute(_COUNT_OF_TIME, pair).fetchone()) for pair in pairwise(edges)]

    def _span(self) -> tuple[int, int]:
        with self._pool.lend("read") as connection:
            oldest, newest = connection.execute(_SPAN).fetchone()
        return oldest or 1, newest or 0

    def changed(self, wait_s: float = 0.0) -> bool:
        """Return whether anything may have been stored since this method was last called, at once.

        ``PRAGMA data_version`` and the file's identity: about 10 µs.
        """
        with self._pool.lend("read", watching=True) as connection:
            version = int(connection.execute("PRAGMA data_version").fetchone()[0])
        seen, self._seen = self._seen, (connection.serial, version)
        return seen != self._seen

    def prune(self, keep: int, older_than_s: float | None = None, chunk: int = 5_000) -> int:
        """Delete at most ``chunk`` of the oldest entries beyond ``keep`` or older than the age.

        Return how many were deleted; the caller repeats until it is 0.
        """
        try:
            with self._pool.lend("pruned") as connection:
                return _prune(connection, keep, older_than_s, chunk)
        except DamagedError as damaged:
            self._repair(damaged)
            raise

    def close(self) -> None:
        """Release files and connections. Calling it twice does nothing more."""
        self._pool.close()


def _parameters(batch: Sequence[Packed]) -> tuple[str, bytes]:
    """Return the columns as one JSON array of arrays, and the bodies one after another."""
    ends = accumulate(len(packed.body) for packed in batch)
    rows = [
        (*packed[:-1], end - len(packed.body) + 1, len(packed.body))
        for packed, end in zip(batch, ends, strict=True)
    ]
    return msgspec.json.encode(rows).decode(), b"".join([packed.body for packed in batch])


def _prune(connection: sqlite3.Connection, keep: int, older_than_s: float | None, chunk: int) -> int:
    oldest, newest = connection.execute(_SPAN).fetchone()
    if oldest is None:
        return 0
    excess = newest - oldest + 1 - keep
    if excess > 0:
        # The span overstates where entries are missing in between; counting is dearer.
        excess = connection.execute(_COUNT).fetchone()[0] - keep
    if excess > 0:
        return connection.execute(_PRUNE, (min(excess, chunk), _END)).rowcount
    if older_than_s is None:
        return 0
    return connection.execute(_PRUNE, (chunk, int((time.time() - older_than_s) * 1e6))).rowcount
