"""What is worked out once per sender and model: its label, its key, its concrete fields.

Comes in: senders and instances' ``__dict__``. Goes out: labels, and the changes between two
snapshots of the fields. Lists and dicts that a field holds (JSON, say) are looked into, as far as they
are small. Deferred fields stay deferred.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeGuard
from uuid import UUID

import msgspec
from django.db.models import Model

from . import naming
from .redaction import REDACTED, is_secret_key

MAX_SHAPES = 10_000

MAX_INSIDE = 500
"""Lists and dicts with about this much in them, all told, are not looked into."""

Inside = tuple[int, list[Any]]
"""The length of a list or dict, then itself and all that is in it, flat."""

_ABSENT = object()
_PLAIN = frozenset({str, int, float, bool, type(None), Decimal, UUID, date, datetime, time, timedelta})
_CONTAINERS = frozenset({dict, list, tuple})
_MUTABLE = frozenset({dict, list})
# Django's own fields hold single values, except these.
_SINGLE, _JSON = "django.db.models.fields", "django.db.models.fields.json"


def _nothing(held: dict[str, Any]) -> tuple[Any, ...]:
    return ()


def _always(held: dict[str, Any], before: tuple[Any, ...]) -> bool:
    return True


class Shape(msgspec.Struct, eq=False):
    """A sender's label; for a model also its key's and its concrete fields' attribute names.

    ``values(instance.__dict__)`` returns the fields' values, as they are, in the order of ``fields``;
    ``same(instance.__dict__, values)`` says whether all of them are still the very same objects, and
    raises ``KeyError`` where a field is deferred. ``containers`` are the fields that can hold lists and
    dicts. ``secret_key``: a key that is a text is not to be shown.
    """

    label: str | None
    pk: str | None = None
    fields: tuple[str, ...] = ()
    values: Callable[[dict[str, Any]], tuple[Any, ...]] = _nothing
    containers: tuple[str, ...] = ()
    secret_key: bool = False
    same: Callable[[dict[str, Any], tuple[Any, ...]], bool] = _always

    def changes(
        self, before: tuple[Any, ...], after: tuple[Any, ...], show: Callable[[str, Any], Any]
    ) -> dict[str, list[Any]]:
        """Return ``[before, after]`` per changed field, as shown. Loading a deferred field changes nothing.

        No value of the app's is asked whether it is equal: plain ones are compared, containers by
        their JSON, others by how they are shown.
        """
        changed: dict[str, list[Any]] = {}
        for field, old, new in zip(self.fields, before, after, strict=False):
            if old is new or old is _ABSENT or _are_same(old, new):
                continue
            shown = [show(field, old), "(deferred)" if new is _ABSENT else show(field, new)]
            if shown[0] != shown[1] or type(old) in _CONTAINERS or shown[0] == REDACTED:
                changed[field] = shown
        return changed

    def insides(self, held: dict[str, Any]) -> dict[str, Inside]:
        """Return what is in the lists and dicts that its fields hold now, for ``changes_inside``."""
        found = ((field, inside(held.get(field))) for field in self.containers)
        return {field: parts for field, parts in found if parts is not None}

    def changes_inside(
        self, before: dict[str, Inside], after: dict[str, Inside], show: Callable[[str, Any], Any]
    ) -> dict[str, list[Any]]:
        """Return ``[before, after]`` per field whose list or dict is the same one and holds other things."""
        changed: dict[str, list[Any]] = {}
        for field, (size, old) in before.items():
            size_now, new = after.get(field, (0, [None]))
            if new[0] is not old[0] or (len(old) == len(new) and all(map(_are_equal, old, new))):
                continue
            kind = type(old[0]).__name__
            secret = show(field, "") == REDACTED
            shown = [f"<{kind} of {size:,}>", f"<{kind} of {size_now:,}, changed in place>"]
            changed[field] = [REDACTED, REDACTED] if secret else shown
        return changed


def inside(value: Any) -> Inside | None:
    """Return the length of a list or dict and all that is in it; ``None`` for others, and for large ones."""
    if type(value) not in _MUTABLE:
        return None
    flat: list[Any] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if len(flat) + 2 * len(one) >= MAX_INSIDE:
            return None
        parts = [*one, *one.values()] if type(one) is dict else [*one]
        flat += (one, *parts)
        waiting += [part for part in parts if type(part) in _MUTABLE]
    return len(value), flat


def _are_equal(old: Any, new: Any) -> bool:
    # ``==`` may be the app's: only plain values are asked.
    return old is new or (type(old) is type(new) and type(old) in _PLAIN and bool(old == new))


def _are_same(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    if type(old) in _PLAIN:
        return bool(old == new)
    if type(old) not in _CONTAINERS:
        return False
    try:
        return msgspec.json.encode(old) == msgspec.json.encode(new)
    except (TypeError, ValueError, msgspec.MsgspecError):
        return False


class Shapes:
    """The shapes of classes, each until its class dies. ``by_id`` is for the hot path to look in first."""

    def __init__(self) -> None:
        self.by_id: dict[int, Shape] = {}
        self._references: dict[int, weakref.ref[type]] = {}

    def of(self, sender: Any) -> Shape:
        """Return the shape of a sender; remembered when it is a class that is complete."""
        known = self.by_id.get(id(sender))
        if known is not None:
            return known
        # isinstance() would ask a lazy object for its class, and so evaluate it.
        if not issubclass(type(sender), type) or _is_unfinished(sender):
            return Shape(naming.sender_label(sender))
        shape = _model_shape(sender) if _is_model(sender) else Shape(naming.sender_label(sender))
        if len(self.by_id) < MAX_SHAPES:
            key = id(sender)
            self._references[key] = weakref.ref(sender, lambda _: self._forget(key))
            self.by_id[key] = shape
        return shape

    def _forget(self, key: int) -> None:
        self.by_id.pop(key, None)
        self._references.pop(key, None)


def _is_model(kind: type) -> TypeGuard[type[Model]]:
    return issubclass(kind, Model) and kind is not Model


def _is_unfinished(kind: type) -> bool:
    # class_prepared is sent before the model is registered, while fields and through models may still come.
    if not _is_model(kind):
        return False
    options = kind._meta
    return options.model_name not in options.apps.all_models.get(options.app_label, {})


def _model_shape(model: type[Model]) -> Shape:
    options = model._meta
    fields = tuple(field.attname for field in options.concrete_fields)
    label = naming.sender_label(model)
    # A composite key (Django 5.2) has no value of its own: payloads.primary_key puts it together. Not
    # by pk_fields: Django keeps what that once returned, and it raises where a named field is missing.
    composite = options.is_composite_pk
    pk = None if composite or options.pk is None else options.pk.attname
    secret = pk is not None and is_secret_key(options.label, pk)
    if len(fields) < 2:  # a key alone cannot change under its instance
        return Shape(label, pk, fields, secret_key=secret)
    containers = tuple(field.attname for field in options.concrete_fields if _can_hold_more(field))
    return Shape(label, pk, fields, _picker(fields), containers, secret, _comparison(fields))


def _can_hold_more(field: Any) -> bool:
    module = type(field).__module__
    return module == _JSON or not f"{module}.".startswith(f"{_SINGLE}.")


def _picker(fields: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    pick = itemgetter(*fields)

    def values(held: dict[str, Any]) -> tuple[Any, ...]:
        try:
            picked: tuple[Any, ...] = pick(held)
            return picked
        except KeyError:
            return tuple(held.get(field, _ABSENT) for field in fields)

    return values


def _comparison(fields: tuple[str, ...]) -> Callable[[dict[str, Any], tuple[Any, ...]], bool]:
    # Written out per model, as dataclasses and namedtuple do it: this runs after every call, and a loop
    # over the fields takes two to three times as long. Only identity is asked: ``==`` may be the app's.
    names = [f"v{number}" for number in range(len(fields))]
    tests = " and ".join(f"held[{field!r}] is {name}" for field, name in zip(fields, names, strict=True))
    scope: dict[str, Any] = {}
    exec(f"def same(held, before):\n    {', '.join(names)} = before\n    return {tests}", scope)  # noqa: S102
    same: Callable[[dict[str, Any], tuple[Any, ...]], bool] = scope["same"]
    return same
