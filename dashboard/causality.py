"""Which call is running now: the context variable that links an emission to its cause.

Comes in: the recorder sets the running call, an origin sets itself, Signalscope's own work sets
``SUPPRESSED``. Goes out: whoever is about to record reads the variable once. A context variable
follows tasks, ``sync_to_async`` and copied contexts, and is always reset by token in ``finally``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

from .events import CallOutcome, Cause


class Trace(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Everything that one origin causes, while it runs. ``id`` is 32 hex digits.

    In a task that goes on with the trace in another process: ``task`` is the id of its entry, and ``cause``
    what it was sent during, which is the cause of all that has no nearer one.
    """

    id: str
    task: str = ""
    cause: Cause | None = None


# ``gc=False``: thousands of these wait for the writer, none is ever part of a cycle, and the garbage
# collector of the watched process need not walk through them
# (https://jcristharif.com/msgspec/structs.html#disabling-garbage-collection).


class Head(msgspec.Struct, eq=False, gc=False):
    """An emission as its calls know it: its number in this process, its signal, sender and instance.

    ``signal`` stands for the signal without holding it, ``cause`` is the call that sent it. The
    recorder's own kind says more.
    """

    number: int
    signal: Any
    sender: str | None
    pk: Any
    trace: Trace
    cause: Running | None


class Ran(msgspec.Struct, eq=False, gc=False):
    """A statement that a call ran: how often, in all how long, and when first; nanoseconds."""

    times: int = 0
    duration: int = 0
    starts: list[int] = []


class Running(msgspec.Struct, eq=False, gc=False):
    """A call while it runs, or an origin (no ``head``): what an emission sent now is caused by.

    ``index`` is the call's place in its emission, ``parent`` the call around the emission.
    ``started`` and ``ended`` are ``perf_counter_ns``. The rest is what observers note.
    """

    trace: Trace
    head: Head | None = None
    index: int = 0
    parent: Running | None = None
    is_async: bool = False
    started: int = 0
    ended: int = 0
    outcome: CallOutcome = "returned"
    error: Any = None
    queries: int = 0
    query_ns: int = 0
    statements: dict[tuple[str, str], Ran] | None = None
    effects: list[tuple[str, str, int, tuple[Block, ...]]] | None = None
    mutations: dict[str, list[Any]] | None = None


class Block(msgspec.Struct, eq=False, gc=False):
    """A transaction or a savepoint while it is open.

    ``trace`` is set by the first thing inside that its end matters to: an emission, a bypass, an effect.
    ``emissions`` counts the first of these.
    """

    number: int
    alias: str
    savepoint: bool
    started: int
    emissions: int = 0
    trace: Trace | None = None


class Here(msgspec.Struct, eq=False):
    """A thread as recording sees it. One look-up in a ``threading.local`` costs as much as ten fields.

    ``blocks`` are those open in this thread, outermost first: connections belong to one thread.
    ``trace`` is the one the thread is in while it has no origin, ``seen`` when it last sent something;
    both are of ``recorder`` only.
    """

    name: str
    blocks: tuple[Block, ...] = ()
    trace: Trace = Trace("")
    seen: int = 0
    recorder: object = None


class _Threads(threading.local):
    def __init__(self) -> None:
        self.here = Here(threading.current_thread().name)


this_thread = _Threads()


def new_trace() -> Trace:
    """Return a trace with an id of its own: 16 random bytes, as OpenTelemetry's are."""
    return Trace(os.urandom(16).hex())


def new_task() -> str:
    """Return an id for the entry of a task: 8 random bytes, as an OpenTelemetry span's are."""
    return os.urandom(8).hex()


SUPPRESSED = Running(trace=Trace(id=""))

current: ContextVar[Running | None] = ContextVar("signalscope_current", default=None)


@contextmanager
def suppressed() -> Iterator[None]:
    """Record nothing that happens inside: for Signalscope's own pages, journal and threads."""
    token = current.set(SUPPRESSED)
    try:
        yield
    finally:
        current.reset(token)
