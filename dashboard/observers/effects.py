"""What a call does outside the database, so that a rollback cannot take it back.

Comes in: mail sent through Django's mail, writes to its caches, callbacks planned with
``on_commit``: watched on their classes while installed. Goes out: to the call that is running now.
Only that it happened is kept: no address, no key, no value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import perf_counter_ns as clock
from typing import Any

from django.core.cache import CacheHandler
from django.core.cache.backends.base import BaseCache
from django.core.mail import EmailMessage
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import naming
from ..causality import current
from .patching import Patches

MAX_EFFECTS = 50
"""So many effects of one call are kept."""

CACHE_WRITES = ("add", "set", "touch", "delete", "incr", "set_many", "delete_many", "clear")

_patches = Patches()
_watched: set[type] = set()


def install() -> None:
    """Note effects from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    _watch(EmailMessage, "send", "mail", _mail)
    _watch(BaseDatabaseWrapper, "on_commit", "on_commit", _callback)
    for backend in _backends(BaseCache):
        _watch_cache(backend)
    plain_create = CacheHandler.create_connection

    @wraps(plain_create)
    def create_connection(self: CacheHandler, alias: str) -> Any:
        cache = plain_create(self, alias)
        _watch_cache(type(cache))
        return cache

    _patches.replace(CacheHandler, "create_connection", create_connection)


def uninstall() -> None:
    """Leave mail, caches and connections as they were found. Uninstalling twice changes nothing."""
    _patches.restore()
    _watched.clear()


def _backends(base: type[BaseCache]) -> list[type[BaseCache]]:
    backends = [base]
    for kind in base.__subclasses__():
        backends += _backends(kind)
    return backends


def _watch_cache(backend: type) -> None:
    for kind in backend.__mro__:
        if kind in _watched or not issubclass(kind, BaseCache):
            continue
        _watched.add(kind)
        for name in CACHE_WRITES:
            if name in vars(kind):
                _watch(kind, name, "cache", _named(name))


def _named(name: str) -> Callable[..., str]:
    return lambda *_: name


def _watch(owner: type, name: str, kind: str, describe: Callable[..., str]) -> None:
    plain = vars(owner)[name]

    @wraps(plain)
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = current.get()
        if call is None or call.head is None:
            return plain(self, *args, **kwargs)
        effects = call.effects
        if effects is None:
            effects = call.effects = []
        held, at = len(effects), clock()
        result = plain(self, *args, **kwargs)
        if kind == "on_commit":
            happened = self.in_atomic_block  # otherwise it has run by now
        else:
            # A write that is made of other writes (set_many of set) is told once, as the app asked for it.
            del effects[held:]
            # add() of a key that was there, a message without recipients: nothing happened.
            happened = result is not False and (kind != "mail" or bool(result))
        if happened and len(effects) < MAX_EFFECTS:
            effects.append((kind, describe(self, *args), at))
        return result

    _patches.replace(owner, name, watched)


def _mail(message: EmailMessage, *_: Any) -> str:
    count = len(message.to or ()) + len(message.cc or ()) + len(message.bcc or ())
    return f"to {count} recipient{'' if count == 1 else 's'}"


def _callback(connection: BaseDatabaseWrapper, function: Any = None, *_: Any) -> str:
    return naming.receiver_name(function)
