"""The ways a process ends, and what must be written before it does.

Comes in: keepers, which hold something back. Goes out: their ``stop`` or ``flush``, called at exit, on
SIGTERM where nobody else handles it, and at the end of a child of multiprocessing or of a Celery worker.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Protocol

TIMEOUT_S = 2.0
"""How long the end of a process may wait for one keeper."""


class Keeper(Protocol):
    """Whoever holds something back that a process must not end without."""

    def flush(self, timeout_s: float) -> bool:
        """Give out what is held back; return whether that was done in time."""

    def stop(self) -> None:
        """Give out what is held back, and end."""


_keepers: list[Keeper] = []
_finalised_pid = 0
_WORKER_UID = "signalscope.exits"


def register(keeper: Keeper) -> None:
    """Stop the keeper when the process exits, flush it when SIGTERM would kill the process."""
    _keepers.append(keeper)
    atexit.register(keeper.stop)
    if _in_main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _flush_and_die)


def unregister(keeper: Keeper) -> None:
    """Forget the keeper; with the last one SIGTERM gets its default back, if it is still ours to give."""
    if keeper in _keepers:
        _keepers.remove(keeper)
    atexit.unregister(keeper.stop)
    if not _keepers and _in_main_thread() and signal.getsignal(signal.SIGTERM) is _flush_and_die:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    celery: Any = sys.modules.get("celery.signals")
    if not _keepers and celery is not None:
        celery.worker_process_shutdown.disconnect(dispatch_uid=_WORKER_UID)


def watch_child() -> None:
    """In a multiprocessing child, flush before it ends: it leaves by ``os._exit``, without ``atexit``.

    So do the children of a Celery worker, which are billiard's and say it with a signal of Celery's.
    """
    global _finalised_pid
    celery: Any = sys.modules.get("celery.signals")
    if celery is not None:
        celery.worker_process_shutdown.connect(_flush_worker, weak=False, dispatch_uid=_WORKER_UID)
    # Looked up, not imported: a process that never used multiprocessing need not pay for it.
    process: Any = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    if process is None or util is None or process.parent_process() is None or _finalised_pid == os.getpid():
        return
    _finalised_pid = os.getpid()
    util.Finalize(None, _flush_all, exitpriority=0)


def _flush_worker(**_: Any) -> None:
    _flush_all()


def _flush_all() -> None:
    for keeper in (*_keepers,):
        keeper.flush(TIMEOUT_S)


def _flush_and_die(number: int, frame: FrameType | None) -> None:
    _flush_all()
    # A handler that took our place and calls us as its predecessor goes on: before us there was none to call.
    if signal.getsignal(number) is _flush_and_die:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
