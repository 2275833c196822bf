"""SQL run inside a call: counted, timed, its text kept.

Comes in: every execution through Django's cursors, of every connection in every thread: watched on
``CursorWrapper``, because a wrapper in ``connection.execute_wrappers`` would be seen by the app
(Django's own tests look at that list). Goes out: to the call that is running now. Parameters are
never touched.
"""

from __future__ import annotations

from functools import wraps
from time import perf_counter_ns as clock
from typing import Any

from django.db.backends.utils import CursorWrapper

from ..causality import Ran, Running, current
from .patching import Patches

MAX_STATEMENTS = 500
"""So many different statements of one call are kept, each with its count; all are counted together."""

MAX_STARTS = 50
"""Of so many runs of one statement it is kept when they were."""

_patches = Patches()


def install() -> None:
    """Attribute queries to calls from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    plain_execute, plain_executemany = CursorWrapper.execute, CursorWrapper.executemany
    plain_callproc = CursorWrapper.callproc

    @wraps(plain_execute)
    def execute(self: CursorWrapper, sql: Any, params: Any = None) -> Any:
        call = current.get()
        if call is None or call.head is None:
            return plain_execute(self, sql, params)
        started = clock()
        try:
            return plain_execute(self, sql, params)
        finally:
            _note(call, self, sql, started)

    @wraps(plain_executemany)
    def executemany(self: CursorWrapper, sql: Any, param_list: Any) -> Any:
        call = current.get()
        if call is None or call.head is None:
            return plain_executemany(self, sql, param_list)
        started = clock()
        try:
            return plain_executemany(self, sql, param_list)
        finally:
            _note(call, self, sql, started)

    @wraps(plain_callproc)
    def callproc(self: CursorWrapper, procname: Any, *args: Any, **kwargs: Any) -> Any:
        call = current.get()
        if call is None or call.head is None:
            return plain_callproc(self, procname, *args, **kwargs)
        started = clock()
        try:
            return plain_callproc(self, procname, *args, **kwargs)
        finally:
            _note(call, self, f"CALL {procname}" if type(procname) is str else procname, started)

    _patches.replace(CursorWrapper, "callproc", callproc)
    _patches.replace(CursorWrapper, "execute", execute)
    _patches.replace(CursorWrapper, "executemany", executemany)


def uninstall() -> None:
    """Leave the cursors as they were found. Uninstalling twice changes nothing."""
    _patches.restore()


def _note(call: Running, cursor: CursorWrapper, sql: Any, started: int) -> None:
    duration = clock() - started
    call.queries += 1
    call.query_ns += duration
    # A psycopg Composed, say, is no text; its type is told.
    key = sql if type(sql) is str else type(sql).__name__, cursor.db.alias
    statements = call.statements
    if statements is None:
        statements = call.statements = {}
    ran = statements.get(key)
    if ran is None:
        if len(statements) >= MAX_STATEMENTS:
            return
        ran = statements[key] = Ran()
    ran.times += 1
    ran.duration += duration
    if len(ran.starts) < MAX_STARTS:
        ran.starts.append(started)
