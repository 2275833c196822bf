"""Celery tasks: origins of their own, or parts of the trace that sent them, where the project uses Celery.

Comes in: Celery's own signals before a message is sent, and before and after a task (they are not Django's,
and are not watched). Goes out: a header in each message that is sent within a trace; for each task that a
worker runs, its beginning and end, in that trace where the message names one. A task run inside a
request (``apply``, eager mode) stays part of that request's trace.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any

from ..causality import SUPPRESSED, current
from .headers import HEADER, read, written
from .origins import Opened, Origins

_UID = "signalscope.tasks"

_running: dict[str, tuple[Opened, AbstractContextManager[None]]] = {}
_origins: Origins | None = None


def install(origins: Origins) -> None:
    """Watch tasks from now on, if Celery is imported. Installing twice changes nothing."""
    global _origins
    _origins = origins
    celery = sys.modules.get("celery.signals") or (_signals() if sys.modules.get("celery") else None)
    if celery is not None:
        celery.before_task_publish.connect(_publish, weak=False, dispatch_uid=_UID)
        celery.task_prerun.connect(_begin, weak=False, dispatch_uid=_UID)
        celery.task_postrun.connect(_end, weak=False, dispatch_uid=_UID)


def uninstall() -> None:
    """Leave Celery's signals as they were found. Uninstalling twice changes nothing."""
    global _origins
    _origins = None
    celery = sys.modules.get("celery.signals")
    if celery is not None:
        celery.before_task_publish.disconnect(dispatch_uid=_UID)
        celery.task_prerun.disconnect(dispatch_uid=_UID)
        celery.task_postrun.disconnect(dispatch_uid=_UID)
    _running.clear()


def _signals() -> Any:
    from celery import signals

    return signals


def _publish(headers: Any = None, **_: Any) -> None:
    """Write down the trace that the message belongs to. ``headers`` is what is sent, not the caller's own."""
    running = current.get()
    if _origins is None or running is None or running is SUPPRESSED or type(headers) is not dict:
        return
    # A retry is sent by the attempt before it, which is not its cause: it keeps what caused both.
    if headers.get("retries") and read(headers.get(HEADER)) is not None:
        return
    headers[HEADER] = written(running.trace.id, running.trace.task, _origins.cause_of(running))


def _begin(task_id: str = "", task: Any = None, **_: Any) -> None:
    if _origins is None or current.get() is not None:
        return
    # Headers are attributes of the request: celery.app.task.Context.
    request = getattr(task, "request", None)
    opened = _origins.open(
        "task",
        "celery",
        str(getattr(task, "name", "task")),
        within=read(getattr(request, HEADER, None)),
        attempt=int(getattr(request, "retries", None) or 0),
    )
    within = _origins.within(opened)
    within.__enter__()
    _running[task_id] = opened, within


def _end(task_id: str = "", state: str | None = None, retval: Any = None, **_: Any) -> None:
    known = _running.pop(task_id, None)
    if known is None or _origins is None:
        return
    opened, within = known
    within.__exit__(None, None, None)
    opened.status = (state or "").lower() or None
    if state == "FAILURE" and isinstance(retval, BaseException):
        opened.error = type(retval).__name__
    _origins.close(opened)
