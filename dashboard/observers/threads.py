"""Causality into threads: what a call hands to a thread or a pool is still caused by that call.

Comes in: ``Thread.start`` and ``ThreadPoolExecutor.submit``, wrapped while installed; a thread begins
with an empty context otherwise. Goes out: the running call as the thread's own. Pool threads inherit
nothing themselves, only the work they are given: they outlive whoever happened to start them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import thread as pool
from functools import wraps
from typing import Any

from ..causality import SUPPRESSED, Running, current
from .patching import Patches

_patches = Patches()
# By id, from start() to the thread's first step: a thread class of the app's may not be hashable.
_inherited: dict[int, Running] = {}


def install() -> None:
    """Carry the running call into threads from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    plain_start = threading.Thread.start
    plain_submit: Any = ThreadPoolExecutor.submit
    # The first thing that runs in the new thread; run() is often overridden.
    plain_bootstrap = vars(threading.Thread)["_bootstrap_inner"]

    @wraps(plain_start)
    def start(self: threading.Thread) -> None:
        call = current.get()
        if call is None or call is SUPPRESSED or _is_of_pool(self):
            return plain_start(self)
        _inherited[id(self)] = call
        try:
            plain_start(self)
        finally:
            # Taken by the thread by now, unless it could not start.
            _inherited.pop(id(self), None)

    @wraps(plain_bootstrap)
    def _bootstrap_inner(self: threading.Thread) -> None:
        call = _inherited.pop(id(self), None)
        if call is not None:
            current.set(call)
        plain_bootstrap(self)

    @wraps(plain_submit)
    def submit(self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        call = current.get()
        if call is None or call is SUPPRESSED:
            return plain_submit(self, fn, *args, **kwargs)
        return plain_submit(self, _carried, call, fn, *args, **kwargs)

    _patches.replace(threading.Thread, "start", start)
    _patches.replace(threading.Thread, "_bootstrap_inner", _bootstrap_inner)
    _patches.replace(ThreadPoolExecutor, "submit", submit)


def uninstall() -> None:
    """Leave threads and pools as they were found. Uninstalling twice changes nothing."""
    _patches.restore()
    _inherited.clear()


def _is_of_pool(thread: threading.Thread) -> bool:
    return getattr(thread, "_target", None) is vars(pool).get("_worker")


def _carried(call: Running, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    if current.get() is not None:
        # The work brought a context of its own (asyncio.to_thread, sync_to_async).
        return function(*args, **kwargs)
    token = current.set(call)
    try:
        return function(*args, **kwargs)
    finally:
        current.reset(token)
