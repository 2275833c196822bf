"""Names for signals, senders and receivers, the same wherever they are shown.

Comes in: live objects. Goes out: text. A receiver is never asked anything that it could answer
itself (a ``Mock`` answers everything): only its type, and what plain functions always have.
"""

from __future__ import annotations

import functools
import linecache
import re
import sys
import threading
import weakref
from collections.abc import Hashable
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from django.apps import AppConfig, apps
from django.db.models import Model
from django.db.models.base import ModelBase
from django.dispatch import Signal

from . import sites
from .slices import sliced

FAMILIES = ("save", "delete", "m2m", "request", "auth", "custom", "db", "migrate", "init")

_FAMILY = {
    "django.db.models.signals.pre_save": "save",
    "django.db.models.signals.post_save": "save",
    "django.db.models.signals.pre_delete": "delete",
    "django.db.models.signals.post_delete": "delete",
    "django.db.models.signals.m2m_changed": "m2m",
    "django.db.models.signals.pre_init": "init",
    "django.db.models.signals.post_init": "init",
    "django.db.models.signals.class_prepared": "init",
    "django.db.models.signals.pre_migrate": "migrate",
    "django.db.models.signals.post_migrate": "migrate",
    "django.core.signals.request_started": "request",
    "django.core.signals.request_finished": "request",
    "django.core.signals.got_request_exception": "request",
    "django.contrib.auth.signals.user_logged_in": "auth",
    "django.contrib.auth.signals.user_logged_out": "auth",
    "django.contrib.auth.signals.user_login_failed": "auth",
    "django.db.backends.signals.connection_created": "db",
}

BUILTIN_SIGNALS = tuple(_FAMILY)
"""The dotted names of Django's own signals, each defined in the module that the name says."""

_MAX_NAME = 200


OF_MODELS = frozenset({"save", "delete", "m2m"})
"""Families whose signals have a database of their own, by the name of ``using``."""


def family_of(signal_name: str) -> str:
    """Return the family of the signal with this dotted name; ``custom`` when it is not Django's."""
    return _FAMILY.get(signal_name, "custom")


def app_of(name: str) -> str:
    """Return the label of the app that a signal, sender or receiver belongs to by its dotted name.

    What belongs to no installed app is given its top package; a name without dots is its own.
    """
    own = name.removesuffix(" (app)")
    holders = [one for one in apps.get_app_configs() if f"{own}.".startswith(f"{one.name}.")]
    if holders:
        return max(holders, key=lambda one: len(one.name)).label
    return own.partition(".")[0]


def type_name(kind: type) -> str:
    """Return a class's dotted name; builtins without their module."""
    module = type.__getattribute__(kind, "__module__")
    name = type.__getattribute__(kind, "__qualname__")
    return name if module == "builtins" else f"{module}.{name}"[:_MAX_NAME]


# --- senders ---------------------------------------------------------------------------------


def sender_label(sender: Any) -> str | None:
    """Return ``app.Model`` for a model, ``app.Model.field`` for a many-to-many's through model.

    Other classes by dotted name, text and modules as they are, any other object by its type;
    ``None`` for ``None``.
    """
    if sender is None:
        return None
    kind = type(sender)
    if issubclass(kind, ModelBase) and hasattr(sender, "_meta"):  # Model itself has none
        return _model_label(sender)
    if issubclass(kind, type):
        return type_name(sender)
    if kind is str:
        return str(sender)[:_MAX_NAME]
    if kind is ModuleType:
        return str(ModuleType.__getattribute__(sender, "__name__"))[:_MAX_NAME]
    if kind is FunctionType:
        return receiver_name(sender)
    if issubclass(kind, AppConfig):
        return f"{_app_label(sender)} (app)"
    return f"{type_name(kind)} object"


def _app_label(config: AppConfig) -> str:
    kind = type(config)
    # AppConfig.__init__ sets what no class of the app's does.
    own = (vars(holder).get("label") for holder in (config, *kind.__mro__))
    return next((label for label in own if isinstance(label, str)), type_name(kind))[:_MAX_NAME]


def _model_label(model: type[Model]) -> str:
    options = model._meta
    owner: Any = options.auto_created  # the model whose field it serves, or False
    if owner:
        for field in owner._meta.local_many_to_many:
            if getattr(field.remote_field, "through", None) is model:
                return f"{owner._meta.label}.{field.name}"
    return options.label


# --- receivers -------------------------------------------------------------------------------


def receiver_name(receiver: Any) -> str:
    """Return a receiver's dotted name: a function's or method's own, else its type's."""
    kind = type(receiver)
    if kind is MethodType:
        return _method_name(receiver)
    if kind is FunctionType or kind is BuiltinFunctionType:
        return f"{receiver.__module__ or '?'}.{receiver.__qualname__}"[:_MAX_NAME]
    if kind is functools.partial:
        return f"partial({receiver_name(receiver.func)})"[:_MAX_NAME]
    if issubclass(kind, type):
        return type_name(receiver)
    return type_name(kind)


def _method_name(method: MethodType) -> str:
    owner = method.__self__
    function = method.__func__
    if type(function) is not FunctionType:
        return receiver_name(function)
    holder: type = owner if issubclass(type(owner), type) else type(owner)  # type: ignore[assignment]
    if function.__qualname__.partition(".")[0] == holder.__qualname__.partition(".")[0]:
        return receiver_name(function)
    return f"{type_name(holder)}.{function.__name__}"[:_MAX_NAME]


def receiver_location(receiver: Any) -> tuple[str, int]:
    """Return the file (as shown) and line where the receiver is written, or ``("", 0)``.

    Decorators made with ``functools.wraps`` are followed to the function they wrap.
    """
    source = receiver_source(receiver)
    return (sites.shown(source[0]), source[1]) if source else ("", 0)


def receiver_source(receiver: Any) -> tuple[str, int] | None:
    """Return the file (absolute) and line where the receiver is written, if Python code is."""
    for _ in range(20):
        kind = type(receiver)
        if kind is MethodType:
            receiver = receiver.__func__
        elif kind is functools.partial:
            receiver = receiver.func
        elif kind is FunctionType and "__wrapped__" in receiver.__dict__:
            receiver = receiver.__dict__["__wrapped__"]
        elif kind is FunctionType:
            return receiver.__code__.co_filename, receiver.__code__.co_firstlineno
        else:
            classes = type.__getattribute__(kind, "__mro__")
            calls = (type.__getattribute__(one, "__dict__").get("__call__") for one in classes)
            call = next((one for one in calls if one is not None), None)
            if type(call) is not FunctionType:
                return None
            receiver = call
    return None


def receiver_identity(receiver: Any) -> Hashable:
    """Return what two receivers share when they are the same function: connected twice, or imported twice.

    Functions made by one ``def`` are the same as long as they close over the same objects. The
    identity is good only while the receivers live.
    """
    kind = type(receiver)
    for _ in range(20):
        if kind is not FunctionType or "__wrapped__" not in receiver.__dict__:
            break
        receiver = receiver.__dict__["__wrapped__"]
        kind = type(receiver)
    if kind is MethodType:
        return "method", id(receiver.__self__), id(receiver.__func__)
    if kind is not FunctionType:
        return "object", id(receiver)
    code = receiver.__code__
    return "function", code.co_filename, code, tuple(map(_held_by, receiver.__closure__ or ()))


def _held_by(cell: CellType) -> int:
    try:
        return id(cell.cell_contents)
    except ValueError:  # nothing was ever assigned to the variable
        return id(cell)


# --- signals ---------------------------------------------------------------------------------

_names: dict[int, tuple[weakref.ref[Signal], str]] = {}
_scan_lock = threading.Lock()


def signal_name(signal: Signal) -> str:
    """Return the dotted name of the module variable or class attribute that holds the signal.

    Where several hold it, by import or under another name (a view's ``view_signal = product_viewed``),
    it is the one whose source makes it. A signal held by none is named by its type and address.
    """
    known = _names.get(id(signal))
    if known is not None and known[0]() is signal:
        return known[1]
    with _scan_lock:
        name = _find(signal)
        key = id(signal)
        _names[key] = (weakref.ref(signal, lambda _: _names.pop(key, None)), name)
    return name


def _find(signal: Signal) -> str:
    holders = [
        (module, path)
        for module in list(sys.modules.values())
        if type(module) is ModuleType
        for path in _paths_in(module, signal)
    ]
    if not holders:
        return f"{type_name(type(signal))} at {id(signal):#x}"
    kind = type(signal).__name__

    def order(holder: tuple[ModuleType, str]) -> tuple[int, int, str]:
        module, path = holder
        return _distance(module, path, kind), len(module.__name__), module.__name__

    module, path = min(holders, key=order)
    return f"{module.__name__}.{path}"[:_MAX_NAME]


def _paths_in(module: ModuleType, signal: Signal) -> list[str]:
    found = []
    for name, value in list(vars(module).items()):
        if value is signal:
            found.append(str(name))
        elif _defined_in(module, value):
            found.extend(
                f"{name}.{attribute}"
                for attribute, held in list(type.__getattribute__(value, "__dict__").items())
                if held is signal
            )
    return found


def _defined_in(module: ModuleType, value: Any) -> bool:
    return issubclass(type(value), type) and type.__getattribute__(value, "__module__") == module.__name__


def _distance(module: ModuleType, path: str, kind: str) -> int:
    """Return how far the source is from making the signal: 0 if it does, 1 if it assigns it, else 2.

    ``kind`` is the name of the signal's type, which whoever makes it calls.
    """
    filename = vars(module).get("__file__")
    if not filename:
        return 2
    name = re.escape(path.rpartition(".")[2])
    assignment = re.compile(rf"\s*{name}\s*(?::[^=]+)?=(?!=)\s*(?P<made>(?:\w+\.)*{re.escape(kind)}\s*\()?")
    matches = (assignment.match(line) for line in linecache.getlines(filename))
    return min((0 if match["made"] else 1 for match in matches if match), default=2)


def known_signals_in_modules() -> list[Signal]:
    """Return every signal that an imported module or a class in one holds, each once."""
    found: dict[int, Signal] = {}
    for module in sliced(list(sys.modules.values())):
        if type(module) is not ModuleType:
            continue
        for value in list(vars(module).values()):
            if issubclass(type(value), Signal):
                found[id(value)] = value
            elif (
                issubclass(type(value), type)
                and type.__getattribute__(value, "__module__") == module.__name__
            ):
                for held in list(type.__getattribute__(value, "__dict__").values()):
                    if issubclass(type(held), Signal):
                        found[id(held)] = held
    return list(found.values())
