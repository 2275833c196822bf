"""Rows changed with no signal: bulk operations, fast deletes, m2m changes nobody listens to.

Comes in: the ``QuerySet`` methods that write without signals, and the deletion collector, wrapped
while installed. Goes out: one bypass each, with the signals that were not sent. What Django does
under a signal that it does send (a save, an announced m2m change, an ordinary delete) is none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from time import perf_counter_ns as clock
from types import FrameType
from typing import Any, Protocol

from django.db import DEFAULT_DB_ALIAS, router
from django.db.models import Model, QuerySet
from django.db.models.deletion import Collector
from django.db.models.fields import related_descriptors
from django.db.models.signals import (
    ModelSignal,
    m2m_changed,
    post_delete,
    post_save,
    pre_delete,
    pre_save,
)

from ..causality import Running, current
from .patching import Patches

SAVE = (pre_save, post_save)
DELETE = (pre_delete, post_delete)
M2M = (m2m_changed,)


class BypassReceiver(Protocol):
    """Who is told of bypasses: the recorder."""

    def bypass(
        self,
        operation: str,
        model: type[Model],
        signals: tuple[ModelSignal, ...],
        *,
        rows: int | None,
        using: str,
        started: int,
        frame: FrameType | None,
    ) -> None:
        """Take a bypass that just happened. Never raises."""


_patches = Patches()
# The write that is being told already: what it is made of is not told again.
_telling: ContextVar[bool] = ContextVar("signalscope_bypass", default=False)
# The deletion that runs now, from which cascades come, and the call that it runs in.
_collector: ContextVar[tuple[Collector | None, Running | None]] = ContextVar(
    "signalscope_collector", default=(None, None)
)


def install(heard: BypassReceiver) -> None:
    """Report bypasses from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    _watch_bulk(heard, "update", "update()")
    _watch_bulk(heard, "bulk_update", "bulk_update()")
    _watch_bulk(heard, "bulk_create", "bulk_create()")
    _watch_raw_delete(heard)
    _watch_collector(heard)


def uninstall() -> None:
    """Leave ``QuerySet`` and ``Collector`` as they were found. Uninstalling twice changes nothing."""
    _patches.restore()


def _watch_bulk(heard: BypassReceiver, name: str, operation: str) -> None:
    plain = vars(QuerySet)[name]

    @wraps(plain)
    def bulk(self: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        if _telling.get():
            return plain(self, *args, **kwargs)
        started = clock()
        with _told():
            result = plain(self, *args, **kwargs)
        rows = result if isinstance(result, int) else len(result)
        if not rows:
            return result
        # How many of them were there already, the database does not say.
        told = None if kwargs.get("ignore_conflicts") else rows
        model, using = self.model, _alias(self)
        if _is_of_related_manager(sys._getframe(1)):
            if not m2m_changed.has_listeners(model):
                _tell(heard, "m2m add", model, M2M, told, using, started)
        elif model._meta.auto_created:
            _tell(heard, operation, model, M2M, told, using, started)
        else:
            name_now = operation if _deleting() is None else f"on_delete {operation}"
            _tell(heard, name_now, model, SAVE, told, using, started)
        return result

    _patches.replace(QuerySet, name, bulk)


def _alias(queryset: QuerySet[Any]) -> str:
    """Return the database a query set wrote to, or ``""``: asking a router again would be a call too many."""
    chosen = vars(queryset).get("_db")
    return chosen or ("" if router.routers else DEFAULT_DB_ALIAS)


def _is_of_related_manager(frame: FrameType | None) -> bool:
    """Return whether a many-to-many manager asked for this: it announces what it does itself.

    Its ``add``, ``remove`` and ``clear`` are closures in django/db/models/fields/related_descriptors.py.
    """
    for _ in range(6):
        if frame is None:
            return False
        if frame.f_code.co_filename == related_descriptors.__file__:
            return True
        frame = frame.f_back
    return False


def _deleting() -> Collector | None:
    """Return the deletion that runs now, unless a receiver of its signals does."""
    collector, call = _collector.get()
    return collector if call is current.get() else None


def _watch_raw_delete(heard: BypassReceiver) -> None:
    plain = vars(QuerySet)["_raw_delete"]

    @wraps(plain)
    def _raw_delete(self: QuerySet[Any], using: str) -> Any:
        started = clock()
        rows = plain(self, using)
        collector, model = _deleting(), self.model
        if not rows or _telling.get() or _is_of_related_manager(sys._getframe(1)):
            return rows
        if model._meta.auto_created:
            _tell(heard, "cascade", model, M2M, rows, using, started)
        else:
            _tell(heard, "fast delete" if collector else "_raw_delete()", model, DELETE, rows, using, started)
        return rows

    _patches.replace(QuerySet, "_raw_delete", _raw_delete)


def _watch_collector(heard: BypassReceiver) -> None:
    plain = vars(Collector)["delete"]

    @wraps(plain)
    def delete(self: Collector) -> Any:
        lonely = _deleted_unheard(self)
        started = clock()
        token = _collector.set((self, current.get()))
        try:
            result = plain(self)
        finally:
            _collector.reset(token)
        if lonely is not None and result[0]:
            _tell(heard, "fast delete", lonely, DELETE, result[0], self.using, started)
        return result

    _patches.replace(Collector, "delete", delete)


def _deleted_unheard(collector: Collector) -> type[Model] | None:
    """Return the model when Django deletes one instance without a signal.

    So it does where nobody listens and nothing depends on it: ``Collector.delete`` in
    django/db/models/deletion.py, "Optimize for the case with a single obj and no dependencies".
    """
    if len(collector.data) != 1:
        return None
    ((model, instances),) = collector.data.items()
    if len(instances) != 1 or model._meta.auto_created:
        return None
    (instance,) = instances
    return model if collector.can_fast_delete(instance) else None


@contextmanager
def _told() -> Iterator[None]:
    token = _telling.set(True)
    try:
        yield
    finally:
        _telling.reset(token)


def _tell(
    heard: BypassReceiver,
    operation: str,
    model: type[Model],
    signals: tuple[ModelSignal, ...],
    rows: int | None,
    using: str,
    started: int,
) -> None:
    frame = sys._getframe(2)
    heard.bypass(operation, model, signals, rows=rows, using=using, started=started, frame=frame)
