"""What became of the transaction around an emission.

Comes in: the methods of ``BaseDatabaseWrapper`` that begin and end transactions and savepoints,
wrapped while installed (never ``on_commit``: tests and apps see that list). ``atomic`` uses them,
and so does who manages transactions by hand. Goes out: the open blocks of this thread, for emissions
to note, and each block's end. An ``atomic`` that makes no savepoint is part of the block around it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import wraps
from time import perf_counter_ns as clock
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from ..causality import Block, this_thread
from .patching import Patches

_COMMITTED, _ROLLED_BACK = "committed", "rolled back"

# PQTRANS_INERROR of libpq, to psycopg 3 and psycopg2 alike.
_IN_ERROR = 3


class OutcomeReceiver(Protocol):
    """Who is told how blocks end: the recorder."""

    def outcome(self, block: Block, state: str) -> None:
        """Take a block that ended ``committed`` or ``rolled back``. Never raises."""


class _Open(threading.local):
    """The blocks that this thread has open on each connection, outermost first, with their savepoint's id.

    By the connection's id: a second one with the same alias (``connection.copy()``) has its own. What
    was left by an end that nobody saw (uninstalled meanwhile) goes when a transaction begins anew.
    """

    def __init__(self) -> None:
        self.on: dict[int, list[tuple[str | None, Block]]] = {}


_open = _Open()
_patches = Patches()
# Apart from the emissions' numbers only in their highest bit: both become ids of eight bytes.
_numbers = itertools.count(1 << 31)


def install(heard: OutcomeReceiver) -> None:
    """Report how transactions end from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    _watch_autocommit(heard)
    _watch_ends(heard)
    _watch_savepoints(heard)


def uninstall() -> None:
    """Leave connections as they were found. Uninstalling twice changes nothing."""
    _patches.restore()
    _open.on.clear()
    this_thread.here.blocks = ()


def planned_in(connection: BaseDatabaseWrapper) -> tuple[Block, ...]:
    """Return the blocks that take an ``on_commit`` planned now with them when they are rolled back.

    A savepoint made by hand is none: ``savepoint_rollback`` in django/db/backends/base/base.py drops the
    callbacks of savepoints that ``atomic`` made.
    """
    known = connection.savepoint_ids
    return tuple(block for sid, block in _open.on.get(id(connection), ()) if sid is None or sid in known)


# --- what begins and ends them -----------------------------------------------------------------


def _watch_autocommit(heard: OutcomeReceiver) -> None:
    plain = BaseDatabaseWrapper.set_autocommit

    @wraps(plain)
    def set_autocommit(self: BaseDatabaseWrapper, autocommit: bool, *args: Any, **kwargs: Any) -> None:
        if not autocommit:
            begins = self.autocommit
            plain(self, autocommit, *args, **kwargs)
            if begins or id(self) not in _open.on:
                _take(self)
                _begin(self)
            return
        # It runs the hooks of ``on_commit``: outside of the transaction that they waited for.
        held, around = _open.on.get(id(self)), this_thread.here.blocks
        taken = _take(self)
        try:
            plain(self, autocommit, *args, **kwargs)
        finally:
            if self.autocommit:
                _report(heard, taken, _COMMITTED)
            elif held is not None:
                _open.on[id(self)] = held
                this_thread.here.blocks = around

    _patches.replace(BaseDatabaseWrapper, "set_autocommit", set_autocommit)


def _watch_ends(heard: OutcomeReceiver) -> None:
    def watch(name: str, state: str) -> None:
        plain: Callable[[BaseDatabaseWrapper], None] = vars(BaseDatabaseWrapper)[name]

        @wraps(plain)
        def end(self: BaseDatabaseWrapper) -> None:
            becomes = _ROLLED_BACK if _is_aborted(self) else state
            plain(self)
            _end(heard, self, becomes)

        _patches.replace(BaseDatabaseWrapper, name, end)

    watch("commit", _COMMITTED)
    watch("rollback", _ROLLED_BACK)
    plain_close = BaseDatabaseWrapper.close

    @wraps(plain_close)
    def close(self: BaseDatabaseWrapper) -> None:
        try:
            plain_close(self)
        finally:
            _report(heard, _take(self), _ROLLED_BACK)

    _patches.replace(BaseDatabaseWrapper, "close", close)


def _watch_savepoints(heard: OutcomeReceiver) -> None:
    plain_savepoint = BaseDatabaseWrapper.savepoint
    plain_rollback = BaseDatabaseWrapper.savepoint_rollback
    plain_commit = BaseDatabaseWrapper.savepoint_commit

    @wraps(plain_savepoint)
    def savepoint(self: BaseDatabaseWrapper) -> str | None:
        sid: str | None = plain_savepoint(self)
        if sid is not None:
            _begin(self, sid)
        return sid

    @wraps(plain_rollback)
    def savepoint_rollback(self: BaseDatabaseWrapper, sid: str) -> None:
        plain_rollback(self, sid)
        if taken := _take_from(self, sid):
            _report(heard, taken, _ROLLED_BACK)
            # The savepoint stands, for what comes now, until it is released or rolled back again.
            _begin(self, sid)

    @wraps(plain_commit)
    def savepoint_commit(self: BaseDatabaseWrapper, sid: str) -> None:
        plain_commit(self, sid)
        if _take_from(self, sid) and _is_over(self):
            _end(heard, self, _COMMITTED)

    _patches.replace(BaseDatabaseWrapper, "savepoint", savepoint)
    _patches.replace(BaseDatabaseWrapper, "savepoint_rollback", savepoint_rollback)
    _patches.replace(BaseDatabaseWrapper, "savepoint_commit", savepoint_commit)


def _is_over(connection: BaseDatabaseWrapper) -> bool:
    """Return whether SQLite has committed: it does when the savepoint that began a transaction is released.

    So it is under ``set_autocommit(False)``, where Django sends no BEGIN:
    https://www.sqlite.org/lang_savepoint.html
    """
    if connection.vendor != "sqlite":
        return False
    return not getattr(connection.connection, "in_transaction", True)


def _is_aborted(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a statement failed in PostgreSQL, which then answers COMMIT with a rollback, silently.

    The driver knows without asking: ``libpq`` keeps the state that the server told with its last answer.
    https://www.postgresql.org/docs/current/tutorial-transactions.html
    """
    info = getattr(connection.connection, "info", None) if connection.vendor == "postgresql" else None
    return bool(getattr(info, "transaction_status", None) == _IN_ERROR)


# --- the blocks that are open ------------------------------------------------------------------


def _begin(connection: BaseDatabaseWrapper, sid: str | None = None) -> None:
    block = Block(next(_numbers), connection.alias, sid is not None, clock())
    _open.on.setdefault(id(connection), []).append((sid, block))
    here = this_thread.here
    here.blocks = (*here.blocks, block)


def _end(heard: OutcomeReceiver, connection: BaseDatabaseWrapper, state: str) -> None:
    """End the transaction with all in it. Without autocommit the next one begins at once."""
    _report(heard, _take(connection), state)
    if not connection.autocommit:
        _begin(connection)


def _take(connection: BaseDatabaseWrapper) -> list[Block]:
    return _close(_open.on.pop(id(connection), []))


def _take_from(connection: BaseDatabaseWrapper, sid: str) -> list[Block]:
    """Take the savepoint, if it is known, and those opened inside it."""
    held = _open.on.get(id(connection), [])
    for place, (known, _) in enumerate(held):
        if known == sid and known is not None:
            taken = _close(held[place:])
            del held[place:]
            return taken
    return []


def _close(levels: list[tuple[str | None, Block]]) -> list[Block]:
    taken = [block for _, block in levels]
    if taken:
        here = this_thread.here
        here.blocks = tuple(block for block in here.blocks if block not in taken)
    return taken


def _report(heard: OutcomeReceiver, taken: list[Block], state: str) -> None:
    """Report each block that was rolled back, the innermost first; of what was committed the outermost."""
    for block in reversed(taken):
        if state == _ROLLED_BACK or not block.savepoint:
            heard.outcome(block, state)
