"""A few connections to one SQLite file, each lent to one thread at a time, none across a fork.

Comes in: the file. Goes out: connections that are known to be to the file that is there now, and
``JournalError`` for what fails while one is lent.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from .base import JournalError
from .sqlite_file import FAILURES, Connection, SqliteFile

IDLE_LIMIT = 4
FORK_WAIT_S = 0.25


class SqlitePool:
    """The open connections to one file. Usable from any thread."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._closed = False
        self._begin()
        _pools.add(self)

    def _begin(self) -> None:
        self._state = threading.Condition()
        self._idle: list[Connection] = []
        self._watching: list[Connection] = []
        self._in_use = 0
        self._forking = False

    @contextmanager
    def lend(self, doing: str, *, watching: bool = False) -> Iterator[Connection]:
        """Lend a connection to the file that is at the path now; the file is made if it is missing.

        ``doing`` (``read``, ``written`` …) goes into the ``JournalError`` for what fails inside.
        ``watching`` lends the same connection every time, as ``PRAGMA data_version`` needs.
        """
        kept = self._watching if watching else self._idle
        connection: Connection | None = None
        healthy = False
        with self._state:
            while self._forking:
                self._state.wait()
            if self._closed:
                raise JournalError(
                    f"The journal is closed: {self._file.path}. Open it again with open_journal()."
                )
            self._in_use += 1
        try:
            connection = self._take(kept)
            yield connection
            self._file.note_sides(connection)
            healthy = True
        except FAILURES as error:
            identity = connection.identity if connection is not None else None
            raise self._file.explained(error, doing, identity) from error
        finally:
            self._give_back(connection, kept if healthy else None)

    def close(self) -> None:
        """Close every connection, those in use when they come back."""
        with self._state:
            self._closed = True
            self._close_kept()

    def _take(self, kept: list[Connection]) -> Connection:
        current = self._file.current()
        with self._state:
            while kept:
                connection = kept.pop()
                if connection.identity == current:
                    return connection
                # Closing a connection whose file was moved leaves the new file's WAL alone: see
                # databaseIsUnmoved in https://sqlite.org/src/file/src/pager.c
                connection.close()
                if current is not None:
                    self._file.drop_sides(connection)
        return self._file.open()

    def _give_back(self, connection: Connection | None, kept: list[Connection] | None) -> None:
        with self._state:
            self._in_use -= 1
            limit = 1 if kept is self._watching else IDLE_LIMIT
            if connection is not None and kept is not None and not self._closed and len(kept) < limit:
                kept.append(connection)
            elif connection is not None:
                connection.close()
            self._state.notify_all()

    def _close_kept(self) -> None:
        for connection in (*self._idle, *self._watching):
            connection.close()
        self._idle.clear()
        self._watching.clear()

    def _before_fork(self, deadline: float) -> None:
        with self._state:
            self._forking = True
            while self._in_use and time.monotonic() < deadline:
                self._state.wait(deadline - time.monotonic())
            self._close_kept()

    def _after_fork_in_parent(self) -> None:
        with self._state:
            self._forking = False
            self._state.notify_all()

    def _after_fork_in_child(self) -> None:
        _abandoned.extend((*self._idle, *self._watching))
        self._begin()


# A connection must not cross a fork, not even to be closed (https://www.sqlite.org/howtocorrupt.html,
# 2.6), and a thread inside SQLite at that moment leaves its mutexes locked in the child for good. So all
# connections are closed before, and what was in use after a short wait is never touched by the child.
_pools: WeakSet[SqlitePool] = WeakSet()
_abandoned: list[Connection] = []


def _before_fork() -> None:
    deadline = time.monotonic() + FORK_WAIT_S
    for pool in list(_pools):
        pool._before_fork(deadline)


def _after_fork_in_parent() -> None:
    for pool in list(_pools):
        pool._after_fork_in_parent()


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool._after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
