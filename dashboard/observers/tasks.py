"""Celery tasks as origins, where the project uses Celery.

Comes in: Celery's own signals before and after a task (they are not Django's, and are not watched).
Goes out: one origin for each task, with its state. A task run inside a request (``apply``, eager
mode) stays part of that request's trace.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

from ..causality import current
from .origins import Opened, Origins

_UID = "signalscope.tasks"

_running: dict[str, tuple[Opened, AbstractContextManager[None]]] = {}
_origins: Origins | None = None


def install(origins: Origins) -> None:
    """Open an origin for each task from now on, if Celery is imported. Installing twice changes nothing."""
    global _origins
    _origins = origins
    celery = sys.modules.get("celery.signals") or (_signals() if "celery" in sys.modules else None)
    if celery is not None:
        celery.task_prerun.connect(_begin, weak=False, dispatch_uid=_UID)
        celery.task_postrun.connect(_end, weak=False, dispatch_uid=_UID)


def uninstall() -> None:
    """Leave Celery's signals as they were found. Uninstalling twice changes nothing."""
    global _origins
    _origins = None
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.task_prerun.disconnect(dispatch_uid=_UID)
        celery.task_postrun.disconnect(dispatch_uid=_UID)
    _running.clear()


def _signals() -> Any:
    from celery import signals

    return signals


def _begin(task_id: str = "", task: Any = None, **_: Any) -> None:
    if _origins is None or current.get() is not None:
        return
    opened = _origins.open("task", "celery", str(getattr(task, "name", "task")))
    within = _origins.within(opened)
    within.__enter__()
    _running[task_id] = opened, within


def _end(task_id: str = "", state: str | None = None, **_: Any) -> None:
    known = _running.pop(task_id, None)
    if known is None or _origins is None:
        return
    opened, within = known
    within.__exit__(None, None, None)
    opened.status = (state or "").lower() or None
    _origins.close(opened)
