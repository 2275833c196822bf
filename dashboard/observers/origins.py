"""What starts a trace, while it runs: opened, carried in the context, closed.

Comes in: the observers of requests, commands and tasks say that something begins. Goes out: a new trace
in the context, and an origin entry when it opens and when it closes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec
from django.http import HttpRequest
from django.utils.functional import LazyObject, empty

from ..causality import Running, Trace, current, new_task, new_trace
from ..events import Cause
from ..payloads import plain

MAX_TITLE = 300
ANONYMOUS = "anonymous"


class OriginReceiver(Protocol):
    """Who is told of origins: the recorder."""

    def origin(self, trace: Trace, fields: dict[str, Any]) -> None:
        """Take the fields of an ``events.Origin`` that opened or closed now. Never raises."""

    def task(self, trace: Trace, around: Trace, fields: dict[str, Any]) -> None:
        """Take those of an ``events.Task``, which goes on with the trace ``around``. Never raises."""


class Opened(msgspec.Struct, eq=False):
    """An origin while it runs. ``request`` is let go when it closes.

    ``around`` is the trace as whoever sent a task was in it, ``attempt`` counts the task's retries.
    ``awaits_close``: the origin goes on until the response is closed, after the handler returned;
    ``answered``: there is such a response.
    """

    trace: Trace
    type: str
    verb: str
    title: str
    started: int
    around: Trace | None = None
    attempt: int = 0
    request: HttpRequest | None = None
    view: str | None = None
    status: str | None = None
    error: str | None = None
    awaits_close: bool = False
    answered: bool = False
    closed: bool = False


opened_now: ContextVar[Opened | None] = ContextVar("signalscope_origin", default=None)


class Origins:
    """Opens and closes origins. ``ignored`` counts the requests that were not recorded.

    ``cause_of`` names a call as other processes know it.
    ``is_own(path)`` says whether a request is for Signalscope itself; ``ignored_paths`` are the
    beginnings of paths that are not recorded.
    """

    def __init__(
        self,
        heard: OriginReceiver,
        is_own: Callable[[str], bool],
        ignored_paths: Sequence[str] = (),
        cause_of: Callable[[Running], Cause | None] = lambda running: running.trace.cause,
    ) -> None:
        self.ignored = 0
        self.cause_of = cause_of
        self._heard = heard
        self._is_own = is_own
        self._ignored_paths = tuple(ignored_paths)

    def hides(self, path: str) -> bool:
        """Return whether a request for this path runs suppressed."""
        if self._ignored_paths and path.startswith(self._ignored_paths):
            self.ignored += 1
            return True
        return self._is_own(path)

    def open(
        self, type: str, verb: str, title: str, *, within: Trace | None = None, attempt: int = 0
    ) -> Opened:
        """Begin a trace and report its origin; ``within`` a trace, go on with that and report the task."""
        title = str(plain(title))[:MAX_TITLE]
        trace = new_trace() if within is None else Trace(within.id, new_task(), within.cause)
        opened = Opened(trace, type, str(plain(verb)), title, time.perf_counter_ns(), within, attempt)
        self._report(opened, {"state": "opened"})
        return opened

    def close(self, opened: Opened) -> None:
        """Report that an origin ended, once."""
        if opened.closed:
            return
        opened.closed = True
        duration_us = (time.perf_counter_ns() - opened.started) / 1000
        fields = {
            "state": "closed",
            "status": opened.status,
            "error": opened.error,
            "duration_us": duration_us,
        }
        if opened.around is None:
            fields |= {"view": opened.view, "user": username(opened.request)}
        opened.request = None
        self._report(opened, fields)

    def _report(self, opened: Opened, fields: dict[str, Any]) -> None:
        fields |= {"verb": opened.verb, "title": opened.title}
        if opened.around is None:
            self._heard.origin(opened.trace, fields | {"type": opened.type})
        else:
            self._heard.task(opened.trace, opened.around, fields | {"attempt": opened.attempt})

    @contextmanager
    def within(self, opened: Opened) -> Iterator[None]:
        """Let what happens inside be caused by this origin."""
        token, opened_token = current.set(Running(opened.trace)), opened_now.set(opened)
        try:
            yield
        except BaseException as error:
            opened.error = type(error).__name__
            raise
        finally:
            opened_now.reset(opened_token)
            current.reset(token)


def username(request: HttpRequest | None) -> str | None:
    """Return who asked, if the app has found out itself: asking here could run SQL.

    Of a request that signs somebody in or out, that user: ``login()`` replaces ``user`` and leaves what was
    asked before in ``_cached_user`` (django/contrib/auth/__init__.py).
    """
    if request is None:
        return None
    known = request.__dict__
    names = [_name_of(known.get(where)) for where in ("user", "_cached_user", "_acached_user")]
    told = [name for name in names if name is not None]
    return next((name for name in told if name != ANONYMOUS), ANONYMOUS) if told else None


def _name_of(user: Any) -> str | None:
    if issubclass(type(user), LazyObject):
        user = user.__dict__.get("_wrapped", empty)
    if type(user).__name__ == "AnonymousUser":
        return ANONYMOUS
    field = _username_field(type(user))
    value = vars(user).get(field) if field else None
    return None if value is None else str(plain(value))


def _username_field(kind: type) -> str | None:
    for base in kind.__mro__:
        field = vars(base).get("USERNAME_FIELD")
        if isinstance(field, str):
            return field
    return None
