"""What is kept of a signal's keyword arguments: plain values, bounded, redacted, never evaluated.

Comes in: the keyword arguments as the sender gave them. Goes out: a ``dict`` of JSON values, and
the instance's primary key (secrets inside free text are for the encoder). Nothing here runs code of
the app: no ``str()``, no ``repr()``, no attribute that could be deferred, lazy or a relation (each
may run SQL or raise).
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Mapping
from operator import itemgetter
from types import FunctionType, MethodType
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from django.db.models.fields.files import FieldFile

from . import naming
from .redaction import REDACTED, Redactor, is_secret_key, stand_in

MAX_TEXT = 200
MAX_PKS = 20
MAX_KEYS = 20
_MAX_JUDGED = 2_000
_MAX_INT = 2**63

Summary = Callable[[Mapping[str, Any]], dict[str, Any]]

_DATES = frozenset({dt.datetime, dt.date, dt.time})
_EXACT = frozenset({bool, type(None), float})


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it; anything but a plain value by its type only."""
    kind = type(value)
    if kind in _EXACT or (kind is int and -_MAX_INT <= value < _MAX_INT):
        return value
    if kind is str and len(value) <= MAX_TEXT and value.isascii():
        return value
    if issubclass(kind, str):
        return _text(value)
    if issubclass(kind, int):
        return _number(value)
    if kind in _DATES:
        return kind.isoformat(value)
    if kind is uuid.UUID or kind is decimal.Decimal or kind is dt.timedelta:
        return str(value)[:MAX_TEXT]
    return _described(value, kind)


def _text(value: str) -> str:
    length = str.__len__(value)
    text = str.__getitem__(value, slice(0, MAX_TEXT))
    # A lone surrogate is a legal str and no legal UTF-8.
    text = text.encode("utf-8", "replace").decode()
    return text if length <= MAX_TEXT else f"{text}… ({length:,} characters)"


def _number(value: int) -> int | str:
    number = int.__index__(value)
    return number if -_MAX_INT <= number < _MAX_INT else f"<int of {number.bit_length():,} bits>"


def _described(value: Any, kind: type) -> str:
    if issubclass(kind, Model):
        return _instance(value)
    if issubclass(kind, type):
        return f"<class {naming.sender_label(value)}>"
    if issubclass(kind, FieldFile):
        # Its name stands in its __dict__; nothing of the file is touched.
        return str(plain(vars(value).get("name") or ""))
    if kind is FunctionType or kind is MethodType:
        return f"<function {naming.receiver_name(value)}>"
    if issubclass(kind, (bytes, bytearray)):
        return f"<{kind.__name__} of {len(value):,}>"
    if kind in (list, tuple, set, frozenset, dict):
        return f"<{kind.__name__} of {len(value):,}>"
    return f"<{naming.type_name(kind)}>"


def _instance(instance: Model) -> str:
    options = type(instance)._meta
    pk = primary_key(instance)
    if pk is None:
        return f"{options.label} (new)"
    raw = instance.__dict__.get(options.pk.attname)
    if isinstance(raw, str) and is_secret_key(options.label, options.pk.attname):
        pk = stand_in(raw)
    return f"{options.label} #{pk}"


def primary_key(instance: Model) -> str | None:
    """Return the instance's primary key as text, from its ``__dict__`` alone; ``None`` when unset."""
    values = instance.__dict__
    key = values.get(type(instance)._meta.pk.attname)
    if key is None:
        return _composite_key(instance)
    return str(plain(key))


def _composite_key(instance: Model) -> str | None:
    # CompositePrimaryKey (Django 5.2) keeps no value of its own: django/db/models/fields/composite.py
    options = type(instance)._meta
    if not options.is_composite_pk:
        return None
    keys = [instance.__dict__.get(field.attname) for field in options.pk_fields]
    if any(key is None for key in keys):
        return None
    return f"({', '.join(str(plain(key)) for key in keys)})"


class Summaries:
    """Chooses how a signal's keyword arguments are summarised; one fast way per built-in signal."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._harmless: dict[tuple[str, ...], bool] = {}
        self._by_name: dict[str, Summary] = {
            "django.db.models.signals.pre_save": _before_save,
            "django.db.models.signals.post_save": _after_save,
            "django.db.models.signals.pre_delete": _deleted,
            "django.db.models.signals.post_delete": _deleted,
            "django.db.models.signals.m2m_changed": _m2m_changed,
            "django.core.signals.request_started": _nothing,
            "django.core.signals.request_finished": _nothing,
            "django.db.backends.signals.connection_created": _connection_created,
        }

    def for_signal(self, name: str) -> Summary:
        """Return the summary function for the signal with this dotted name."""
        return self._by_name.get(name, self.anything)

    def field(self, name: str, value: Any) -> Any:
        """Return a model field's value as it may be shown: plain, redacted by the field's name."""
        return REDACTED if self._redactor.is_secret(name) else plain(value)

    def anything(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Summarise arguments nothing is known about: at most ``MAX_KEYS``, redacted by name."""
        names = tuple(named)
        # A signal is sent with the same keywords again and again: their names are judged once.
        harmless = self._harmless.get(names)
        if harmless is None:
            harmless = self._judge(names)
        if harmless:
            return {
                key: plain(value) if type(value) is not dict else self._inside(value)
                for key, value in named.items()
            }
        return self._carefully(named)

    def _judge(self, names: tuple[str, ...]) -> bool:
        harmless = len(names) <= MAX_KEYS and not any(map(self._redactor.is_secret, names))
        if len(self._harmless) < _MAX_JUDGED:
            self._harmless[names] = harmless
        return harmless

    def _carefully(self, named: Mapping[str, Any]) -> dict[str, Any]:
        summary: dict[str, Any] = {}
        for key, value in named.items():
            if len(summary) == MAX_KEYS:
                summary["…"] = f"{len(named) - MAX_KEYS} more"
                break
            if self._redactor.is_secret(key):
                summary[key] = REDACTED
            else:
                summary[key] = self._inside(value) if type(value) is dict else plain(value)
        return summary

    def _inside(self, value: dict[Any, Any]) -> Any:
        if len(value) > MAX_KEYS:
            return plain(value)
        is_secret = self._redactor.is_secret
        names = [str(plain(inner)) for inner in value]
        held = zip(names, list(value.values()), strict=True)
        return {name: REDACTED if is_secret(name) else plain(one) for name, one in held}


class Usual(dict[str, Any]):
    """A summary that serves nearly every save: made once, of plain values only, changed by nobody."""

    __slots__ = ()


_before_save_of = itemgetter("raw", "update_fields", "using")
_after_save_of = itemgetter("raw", "update_fields", "using", "created")
# By database alias; apart for the two values of ``created``, and for ``pre_save``, which has none.
_BEFORE: dict[str, Usual] = {}
_CHANGED: dict[str, Usual] = {}
_CREATED: dict[str, Usual] = {}
_MAX_USUAL = 256


def _before_save(named: Mapping[str, Any]) -> dict[str, Any]:
    try:
        raw, update_fields, using = _before_save_of(named)
    except KeyError:
        return _saved(named, None)
    if raw is False and update_fields is None and type(using) is str:
        return _BEFORE.get(using) or _saved(named, _BEFORE)
    return _saved(named, None)


def _after_save(named: Mapping[str, Any]) -> dict[str, Any]:
    try:
        raw, update_fields, using, created = _after_save_of(named)
    except KeyError:
        return _saved(named, None)
    if raw is False and update_fields is None and type(using) is str and type(created) is bool:
        usual = _CREATED if created else _CHANGED
        return usual.get(using) or _saved(named, usual)
    return _saved(named, None)


def _saved(named: Mapping[str, Any], usual: dict[str, Usual] | None) -> dict[str, Any]:
    using, created = named.get("using"), named.get("created")
    summary = {
        "raw": plain(named.get("raw")),
        "using": plain(using),
        "update_fields": _names_of(named.get("update_fields")),
    }
    if created is not None:
        summary["created"] = plain(created)
    if usual is not None and len(usual) < _MAX_USUAL and len(str(using)) <= MAX_TEXT:
        summary = usual[str(using)] = Usual(summary)
    return summary


def _names_of(fields: Any) -> Any:
    if fields is None:
        return None
    if type(fields) not in (frozenset, set, list, tuple):
        return plain(fields)
    return sorted(str(plain(field)) for field in list(fields)[:MAX_KEYS])


def _deleted(named: Mapping[str, Any]) -> dict[str, Any]:
    origin: Any = named.get("origin")
    if issubclass(type(origin), QuerySet):
        return {"using": plain(named.get("using")), "origin": f"QuerySet of {origin.model._meta.label}"}
    return {"using": plain(named.get("using")), "origin": plain(origin)}


def _m2m_changed(named: Mapping[str, Any]) -> dict[str, Any]:
    pks: Any = named.get("pk_set")
    summary: dict[str, Any] = {
        "action": plain(named.get("action")),
        "reverse": plain(named.get("reverse")),
        "model": naming.sender_label(named.get("model")),
        "using": plain(named.get("using")),
        "pk_set": None,
    }
    if type(pks) in (set, frozenset):
        summary["pk_set"] = sorted(map(str, map(plain, list(pks)[:MAX_PKS])), key=lambda pk: (len(pk), pk))
        if len(pks) > MAX_PKS:
            summary["pk_count"] = len(pks)
    return summary


def _nothing(named: Mapping[str, Any]) -> dict[str, Any]:
    # The environ and the scope are the request: headers, cookies, credentials. The origin says the rest.
    return {}


def _connection_created(named: Mapping[str, Any]) -> dict[str, Any]:
    connection: Any = named.get("connection")
    if not issubclass(type(connection), BaseDatabaseWrapper):
        return {"connection": plain(connection)}
    return {"alias": plain(connection.alias), "vendor": plain(connection.vendor)}
