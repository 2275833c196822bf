"""The one user of Django's private Signal API: sends and connections of every signal.

Comes in: calls of ``Signal.send`` and its three siblings, replaced on the class while installed.
Goes out: to the ``GlobalReceiver``, the beginning and end of each emission with its calls; to
readers, what is connected now.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from types import MethodType
from typing import Any

from django.dispatch import Signal

from .connections import Connected, connected, known_signals, receivers_for
from .contract import METHODS, GlobalReceiver
from .sends import replacements

__all__ = [
    "Connected",
    "GlobalReceiver",
    "connected",
    "install",
    "installed",
    "known_signals",
    "receivers_for",
    "uninstall",
]

_originals: dict[str, Any] = {}
_ignored: list[weakref.ref[Signal]] = []


def install(receiver: GlobalReceiver, ignored: Iterable[Signal] = ()) -> None:
    """Let ``receiver`` hear every emission from now on, except of the ``ignored`` signals.

    Those keep Django's own methods, bound on the instance, so that they cost nothing at all.
    Installing twice changes nothing.
    """
    if _originals:
        return
    _originals.update({name: getattr(Signal, name) for name in (*METHODS, "__init__")})
    for signal in ignored:
        for name in METHODS:
            if name not in vars(signal):
                vars(signal)[name] = MethodType(_originals[name], signal)
        _ignored.append(weakref.ref(signal))
    for attribute, replacement in replacements(_originals, receiver).items():
        setattr(Signal, attribute, replacement)


def uninstall() -> None:
    """Leave ``Signal`` exactly as it was found. Uninstalling twice changes nothing."""
    for attribute, original in _originals.items():
        setattr(Signal, attribute, original)
    for reference in _ignored:
        signal = reference()
        for name in METHODS if signal is not None else ():
            bound = vars(signal).get(name)
            if isinstance(bound, MethodType) and bound.__func__ is _originals[name]:
                del vars(signal)[name]
    _ignored.clear()
    _originals.clear()


def installed() -> bool:
    """Return whether emissions of this process are heard."""
    return bool(_originals)
