"""The life of a journal's SQLite file: made, opened, found replaced, moved aside.

Comes in: a path and the statements that make an empty file a journal. Goes out: connections, and
``JournalError`` for everything that can go wrong with a file.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

from .base import JournalError

if sys.platform != "win32":
    import fcntl

Identity = tuple[int, int]

# The last one: SQLite's message about a damaged schema quotes it, and sqlite3 cannot decode that.
Failure = sqlite3.Error | OSError | UnicodeDecodeError
FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)

MAKING_S = 10.0
"""So many seconds at least whoever finds a journal being made waits for it: many may, and it is rare."""

PAGE_BYTES = 16_384
"""A search goes through all pages: half as much of the processor as with 4,096, and storing takes no more."""

_serials = itertools.count(1)

_DAMAGED = "Recording moves it aside (nothing is deleted) and begins a new journal once it meets the damage."
_REMEDIES = {
    sqlite3.SQLITE_BUSY: "Another program has locked the file: close it; nothing has to be restarted.",
    sqlite3.SQLITE_LOCKED: "Another program has locked the file: close it; nothing has to be restarted.",
    sqlite3.SQLITE_READONLY: "Give this process's user write permission for the file and its folder.",
    sqlite3.SQLITE_PERM: "Give this process's user write permission for the file and its folder.",
    sqlite3.SQLITE_CANTOPEN: (
        "Check that the folder exists and that this process's user may write to the folder and the file."
    ),
    sqlite3.SQLITE_FULL: "Free some space on that disk; nothing has to be restarted.",
    sqlite3.SQLITE_IOERR: "Check that disk, its free space, its quota and the process's file size limit.",
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
}


class DamagedError(JournalError):
    """The file is no database, or a database with broken pages. ``identity`` says which file it was."""

    def __init__(self, message: str, identity: Identity | None) -> None:
        super().__init__(message)
        self.identity = identity


class Layout(NamedTuple):
    """What makes an empty file a journal: the statements, and how to know such a file again.

    ``upgrades`` hold for an older version what makes the next one of it.
    """

    application_id: int
    version: int
    statements: Sequence[str]
    upgrades: Mapping[int, Sequence[str]] = MappingProxyType({})


class Connection(sqlite3.Connection):
    """A connection that knows which file it has open. ``serial`` is never used twice.

    Whoever lets go of it closes it: from Python 3.13 on that alone would be a ResourceWarning
    (https://docs.python.org/3/library/sqlite3.html#sqlite3.Connection).
    """

    identity: Identity | None = None
    serial: int = 0
    sides: Sequence[Identity | None] = ()

    def __del__(self) -> None:
        self.close()


class SqliteFile:
    """One path, and whichever file is there now. ``busy_s`` is how many seconds to wait for a lock."""

    def __init__(self, path: Path, layout: Layout, busy_s: float) -> None:
        self.path = path.resolve()
        self._layout = layout
        self._busy_s = busy_s

    def current(self) -> Identity | None:
        """Return which file is at the path now, or ``None`` when there is none."""
        return _identity(self.path)

    def note_sides(self, connection: Connection) -> None:
        """Remember which WAL the connection uses, while its file is still the one at the path."""
        if not connection.sides and self.current() == connection.identity:
            connection.sides = [_identity(side) for side in self._sides()]

    def drop_sides(self, replaced: Connection) -> None:
        """Delete the WAL of a file that another has taken the place of, if it still lies there.

        SQLite would take it for the new file's and write its pages into that
        (https://www.sqlite.org/howtocorrupt.html, 1.4).
        """
        with self._folder_locked():
            for side, known in zip(self._sides(), replaced.sides, strict=False):
                if known is not None and _identity(side) == known:
                    side.unlink()

    def _sides(self) -> list[Path]:
        return [Path(f"{self.path}{suffix}") for suffix in ("-wal", "-shm")]

    def move_aside(self, damaged: Identity | None) -> Path | None:
        """Rename the damaged file and its side files; return the new path, ``None`` if it is gone.

        Nothing happens when another process has already done it.
        """
        try:
            with self._folder_locked():
                if damaged is None or self.current() != damaged:
                    return None
                aside = self._free_name()
                # The file first: whoever misses it waits for the folder's lock before making a new one.
                self.path.rename(aside)
                for side in self._sides():
                    if side.exists():
                        side.rename(side.name.replace(self.path.name, str(aside), 1))
                return aside
        except OSError as error:
            raise JournalError(
                f"The journal is damaged and cannot be moved aside: {self.path}: {error}. "
                "Give this process's user write permission for the folder, or move the file yourself."
            ) from error

    def open(self) -> Connection:
        """Return a new connection to the file that is at the path now; it is made if it is missing."""
        for _ in range(10):
            identity = self.current()
            if identity is None:
                self._make()
                continue
            connection = self._connect("rw", identity)
            try:
                ours = self._is_ours(connection)
                # A crash of the machine may cost the last moments of a journal, never its integrity:
                # https://www.sqlite.org/pragma.html#pragma_synchronous
                connection.execute("PRAGMA synchronous = NORMAL")
            except FAILURES as error:
                connection.close()
                raise self.explained(error, "opened", identity) from error
            except BaseException:
                connection.close()
                raise
            if ours and self.current() == identity:
                return connection
            connection.close()
            if not ours:
                self._make()
        raise JournalError(
            f"The journal cannot be opened: {self.path} was replaced 10 times in a row. "
            "Stop whatever keeps writing that file, or set SIGNALSCOPE['JOURNAL'] to another one."
        )

    def _connect(self, mode: str, identity: Identity | None) -> Connection:
        connection: Connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}",
            uri=True,
            timeout=self._busy_s,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
        )
        connection.identity = identity
        connection.serial = next(_serials)
        return connection

    def _is_ours(self, connection: Connection) -> bool:
        """Return whether the file is a journal of this layout already.

        False for an empty file and for an older layout that can be upgraded, an error for others.
        """
        # Asked first: a journal gets its tables and its ids in one transaction, perhaps just now.
        if _pragma(connection, "schema_version") == 0:
            return False
        application_id = _pragma(connection, "application_id")
        version = _pragma(connection, "user_version")
        if application_id == self._layout.application_id and version == self._layout.version:
            return True
        if application_id == self._layout.application_id and version in self._layout.upgrades:
            return False
        if application_id == self._layout.application_id:
            raise JournalError(
                f"Another version of Signalscope wrote the journal: {self.path} has layout {version}, "
                f"this version knows {self._layout.version}. "
                "Install that version, or set SIGNALSCOPE['JOURNAL'] to a new file."
            )
        raise JournalError(
            f"The journal's file belongs to another program: {self.path} is a database with application_id "
            f"{application_id}. It was left alone: set SIGNALSCOPE['JOURNAL'] to a file of its own."
        )

    def _make(self) -> None:
        with self._folder_locked():
            identity = self.current()
            if identity is None:
                # What a deleted journal left behind: an open process still has it mapped, and SQLite
                # would take it for the new file's (https://www.sqlite.org/howtocorrupt.html, 1.4).
                for side in self._sides():
                    side.unlink(missing_ok=True)
            connection = self._connect("rwc", identity)
            try:
                if self._is_ours(connection):
                    return
                # Of a file that is no longer empty this changes nothing.
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in self._steps(connection):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {self._layout.application_id}")
                connection.execute(f"PRAGMA user_version = {self._layout.version}")
                connection.execute("COMMIT")
            finally:
                connection.close()

    def _steps(self, connection: Connection) -> Sequence[str]:
        """Return what makes the file a journal of this layout. Asked within the transaction."""
        if _pragma(connection, "schema_version") == 0:
            return self._layout.statements
        versions = range(_pragma(connection, "user_version"), self._layout.version)
        return [statement for version in versions for statement in self._layout.upgrades[version]]

    @contextmanager
    def _folder_locked(self) -> Iterator[None]:
        """Hold the one lock under which a journal is made or moved; processes wait for each other."""
        if sys.platform == "win32":
            # Windows does not delete or rename a file that is open: there is nothing to guard.
            yield
            return
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            deadline = time.monotonic() + max(self._busy_s, MAKING_S)
            while not _try_lock(folder):
                if time.monotonic() > deadline:
                    raise JournalError(
                        f"The journal cannot be made: the folder is locked: {self.path.parent}. "
                        "Close that program, or set SIGNALSCOPE['JOURNAL'] to a file in another folder."
                    )
                time.sleep(0.01)
            yield
        finally:
            # Unlocked by name: a child forked in between holds the same lock until it exits.
            fcntl.flock(folder, fcntl.LOCK_UN)
            os.close(folder)

    def _free_name(self) -> Path:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        names = (f"{self.path}.damaged-{stamp}{count}" for count in ("", *(f"-{n}" for n in range(2, 1000))))
        return next(path for path in map(Path, names) if not path.exists())

    def explained(self, error: Failure, doing: str, identity: Identity | None) -> JournalError:
        """Return the error in three parts. ``doing`` is what failed, as a participle: ``written``."""
        # The low byte is the primary code: https://www.sqlite.org/rescode.html
        code = _code(error) & 0xFF
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        remedy = _REMEDIES.get(code, f"Look up {name} at https://www.sqlite.org/rescode.html.")
        seen = "malformed database schema" if isinstance(error, UnicodeDecodeError) else str(error)
        message = f"The journal cannot be {doing}: {self.path}: {seen}. {remedy}"
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return DamagedError(message, identity)
        return JournalError(message)


def _code(error: Failure) -> int:
    if isinstance(error, UnicodeDecodeError):
        return sqlite3.SQLITE_CORRUPT
    if isinstance(error, OSError):
        return sqlite3.SQLITE_CANTOPEN
    return getattr(error, "sqlite_errorcode", 0)


def _identity(path: Path) -> Identity | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
