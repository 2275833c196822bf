"""Rows changed with no signal: bulk operations, fast deletes, m2m changes nobody listens to.

Comes in: the ``QuerySet`` methods that write without signals, the deletion collector and its queries,
wrapped while installed. Goes out: one bypass each, with the signals that were not sent. What Django does
under a signal that it does send (a save, an announced m2m change, an ordinary delete) is none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
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
from django.db.models.sql.subqueries import DeleteQuery, UpdateQuery

from ..causality import Running, current
from ..dispatcher import sends
from .patching import Patches

MAX_FRAMES = 64
"""So far up the stack it is looked for who asked for a change."""

_BULK_UPDATE = QuerySet.bulk_update.__code__

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
# The model of the bulk_update() that runs now: the update() it is made of is not told again.
_bulk_updated: ContextVar[type[Model] | None] = ContextVar("signalscope_bulk_update", default=None)
# The deletion that runs now, from which cascades come, and the call that it runs in.
_collector: ContextVar[tuple[Collector | None, Running | None]] = ContextVar(
    "signalscope_collector", default=(None, None)
)


def install(heard: BypassReceiver) -> None:
    """Report bypasses from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    _watch_bulk(heard, "update", "update()")
    _watch_bulk(heard, "bulk_create", "bulk_create()")
    _watch_bulk_update(heard)
    _watch_raw_delete(heard)
    _watch_batches(heard)
    _watch_collector(heard)


def uninstall() -> None:
    """Leave ``QuerySet``, ``Collector`` and its queries as they were found. Twice changes nothing."""
    _patches.restore()


# --- query sets ----------------------------------------------------------------------------------


def _watch_bulk(heard: BypassReceiver, name: str, operation: str) -> None:
    plain = vars(QuerySet)[name]

    @wraps(plain)
    def bulk(self: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        started = clock()
        result = plain(self, *args, **kwargs)
        rows = result if isinstance(result, int) else len(result)
        if not rows:
            return result
        # How many of them were there already, the database does not say.
        told = None if kwargs.get("ignore_conflicts") else rows
        model, using, frame = self.model, _alias(self), sys._getframe(1)
        if _is_of_related_manager(frame, model):
            if not m2m_changed.has_listeners(model):
                _tell(heard, "m2m add", model, M2M, told, using, started)
        elif model._meta.auto_created:
            _tell(heard, operation, model, M2M, told, using, started)
        elif not (_bulk_updated.get() is model and _is_of_bulk_update(frame, name)):
            name_now = operation if _deleting() is None else f"on_delete {operation}"
            _tell(heard, name_now, model, SAVE, told, using, started)
        return result

    _patches.replace(QuerySet, name, bulk)


def _watch_bulk_update(heard: BypassReceiver) -> None:
    plain = vars(QuerySet)["bulk_update"]

    @wraps(plain)
    def bulk_update(self: QuerySet[Any], *args: Any, **kwargs: Any) -> Any:
        started = clock()
        token = _bulk_updated.set(self.model)
        try:
            rows = plain(self, *args, **kwargs)
        finally:
            _bulk_updated.reset(token)
        if rows:
            signals = M2M if self.model._meta.auto_created else SAVE
            _tell(heard, "bulk_update()", self.model, signals, rows, _alias(self), started)
        return rows

    _patches.replace(QuerySet, "bulk_update", bulk_update)


def _alias(queryset: QuerySet[Any]) -> str:
    """Return the database a query set wrote to, or ``""``: asking a router again would be a call too many."""
    chosen = vars(queryset).get("_db")
    return chosen or ("" if router.routers else DEFAULT_DB_ALIAS)


def _is_of_related_manager(frame: FrameType | None, model: type[Model]) -> bool:
    """Return whether the many-to-many manager of these rows asked for this: it announces what it does itself.

    Its ``add``, ``remove`` and ``clear`` are closures in django/db/models/fields/related_descriptors.py,
    their manager knows the model as ``through``. What a receiver does that they called is its own.
    """
    for one in _frames(frame):
        if one.f_code.co_filename == related_descriptors.__file__:
            manager = getattr(one.f_locals.get("self"), "__dict__", {})
            if manager.get("through") is model:
                return True
    return False


def _is_of_bulk_update(frame: FrameType | None, name: str) -> bool:
    """Return whether Django's ``bulk_update`` called this ``update``, or the app's own in front of it.

    Anything else below it is code that makes the objects: a generator, say.
    """
    called = name
    for one in _frames(frame):
        if one.f_code is _BULK_UPDATE:
            return name == called == "update"
        called = one.f_code.co_name
    return False


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames from this one up, as far as to where a signal was sent."""
    for _ in range(MAX_FRAMES):
        if frame is None or frame.f_code.co_filename == sends.__file__:
            return
        yield frame
        frame = frame.f_back


def _deleting() -> Collector | None:
    """Return the deletion that runs now, unless a receiver of its signals does."""
    collector, call = _collector.get()
    return collector if call is current.get() else None


# --- deletions -----------------------------------------------------------------------------------


def _watch_raw_delete(heard: BypassReceiver) -> None:
    plain = vars(QuerySet)["_raw_delete"]

    @wraps(plain)
    def _raw_delete(self: QuerySet[Any], using: str) -> Any:
        started = clock()
        rows = plain(self, using)
        model = self.model
        if not rows or _is_of_related_manager(sys._getframe(1), model):
            return rows
        signals = M2M if model._meta.auto_created else DELETE
        _tell(heard, _kind_of_delete(model), model, signals, rows, using, started)
        return rows

    _patches.replace(QuerySet, "_raw_delete", _raw_delete)


def _kind_of_delete(model: type[Model]) -> str:
    collector = _deleting()
    if collector is None:
        return "_raw_delete()"
    asked: Any = collector.origin
    if not model._meta.auto_created or getattr(asked, "model", type(asked)) is model:
        return "fast delete"
    return "cascade"


def _watch_batches(heard: BypassReceiver) -> None:
    """Watch what ``Collector.delete`` does to rows that it has fetched."""
    plain_update, plain_delete = vars(UpdateQuery)["update_batch"], vars(DeleteQuery)["delete_batch"]

    @wraps(plain_update)
    def update_batch(self: UpdateQuery, pk_list: list[Any], values: dict[str, Any], using: str) -> None:
        started = clock()
        plain_update(self, pk_list, values, using)
        if pk_list:
            model: Any = self.model
            _tell(heard, "on_delete update()", model, SAVE, len(pk_list), using, started)

    @wraps(plain_delete)
    def delete_batch(self: DeleteQuery, pk_list: list[Any], using: str) -> int:
        started = clock()
        rows: int = plain_delete(self, pk_list, using)
        model: Any = self.model
        # Through rows are fetched where somebody listens to all senders, and then deleted without a signal.
        if rows and model._meta.auto_created and not _is_of_related_manager(sys._getframe(1), model):
            _tell(heard, _kind_of_delete(model), model, M2M, rows, using, started)
        return rows

    _patches.replace(UpdateQuery, "update_batch", update_batch)
    _patches.replace(DeleteQuery, "delete_batch", delete_batch)


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
