"""What signals there are, and what is connected to them now.

Comes in: nothing; it reads Django's registrations as they stand. Goes out: signals, and their
connections in dispatch order. No lock is taken (``signal.lock`` is not re-entrant), nothing changed.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.dispatch import Signal
from django.dispatch.dispatcher import NONE_ID, _make_id  # type: ignore[attr-defined]

from .. import naming

_CREATED_LIMIT = 10_000
_created: dict[int, weakref.ref[Signal]] = {}


class Connected(NamedTuple):
    """One connection. ``receiver`` is ``None`` when it was held weakly and is gone.

    ``sender`` is ``None`` for all senders (then ``all_senders``) and when only its ``id`` is known.
    """

    receiver: Callable[..., Any] | None
    weak: bool
    sender: Any
    all_senders: bool
    is_async: bool
    dispatch_uid: Any


def connected(signal: Signal) -> list[Connected]:
    """Return the signal's connections in dispatch order. Takes no lock and changes nothing."""
    entries = list(signal.receivers)
    senders = _senders_by_id() if entries else {}
    return [_connected(entry, senders) for entry in entries]


def _connected(entry: Sequence[Any], senders: Mapping[int, Any]) -> Connected:
    # An entry is a key and a receiver up to 4.2; 5.x adds is_async at its end; 6.0 puts a sender
    # reference between them.
    (receiver_key, sender_key), held = entry[0], entry[1]
    weak = isinstance(held, weakref.ReferenceType)
    receiver = held() if weak else held
    if len(entry) > 3 and entry[2] is not None:
        sender = entry[2]()
    else:
        sender = None if sender_key == NONE_ID else senders.get(sender_key)
    return Connected(
        receiver,
        weak,
        sender,
        sender_key == NONE_ID,
        bool(entry[-1]) if len(entry) > 2 else False,
        _dispatch_uid(receiver_key, receiver),
    )


def _dispatch_uid(key: Any, receiver: Any) -> Any:
    if receiver is not None:
        return None if key == _make_id(receiver) else key
    looks_made = isinstance(key, int) or (isinstance(key, tuple) and all(isinstance(one, int) for one in key))
    return None if looks_made else key


def _senders_by_id() -> dict[int, Any]:
    found: dict[int, Any] = {}
    if apps.ready:
        found.update((id(model), model) for model in apps.get_models(include_auto_created=True))
        found.update((id(config), config) for config in apps.get_app_configs())
    for module, names in _OTHER_SENDERS.items():
        for name in names:
            sender = getattr(sys.modules.get(module), name, None)
            if sender is not None:
                found[id(sender)] = sender
    return found


_OTHER_SENDERS = {
    "django.core.handlers.wsgi": ("WSGIHandler",),
    "django.core.handlers.asgi": ("ASGIHandler",),
}


def known_signals() -> list[Signal]:
    """Return every signal there is: those in imported modules, and those made since ``install``."""
    found = {id(signal): signal for signal in naming.known_signals_in_modules()}
    for reference in list(_created.values()):
        signal = reference()
        if signal is not None:
            found.setdefault(id(signal), signal)
    return list(found.values())


def note_created(signal: Signal) -> None:
    """Remember, weakly, a signal made since ``install``: it may stand in no module."""
    if len(_created) < _CREATED_LIMIT:
        key = id(signal)
        _created[key] = weakref.ref(signal, lambda _: _created.pop(key, None))


def receivers_for(signal: Signal, sender: Any) -> list[Callable[..., Any]]:
    """Return the live receivers that a send of the signal by this sender would call, in order."""
    if not signal.receivers:
        return []
    sync_receivers, async_receivers = signal._live_receivers(sender)
    return [*sync_receivers, *async_receivers]
