"""What a call does outside the database, so that a rollback cannot take it back.

Comes in: mail sent through Django's mail, writes to its caches, callbacks planned with
``on_commit``: watched on their classes while installed. Goes out: to the call that is running now.
Only that it happened is kept: no address, no key, no value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from time import perf_counter_ns as clock
from typing import Any

from django.core.cache import CacheHandler
from django.core.cache.backends.base import BaseCache
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import naming
from ..causality import Block, Running, current, this_thread
from .patching import Patches
from .transactions import planned_in

MAX_EFFECTS = 50
"""So many effects of one call are kept."""

CACHE_WRITES = ("add", "set", "touch", "delete", "incr", "set_many", "delete_many", "clear")

Describe = Callable[[Any, tuple[Any, ...], dict[str, Any], Any], str]
"""From an object, the arguments of its method and what that returned: what happened."""

_patches = Patches()
_watched: set[tuple[type, str]] = set()


def install() -> None:
    """Note effects from now on. Installing twice changes nothing."""
    if _patches.active:
        return
    _watch(EmailMessage, "send", "mail", _message)
    _watch(BaseDatabaseWrapper, "on_commit", "on_commit", _callback)
    for cache in _kinds_of(BaseCache):
        _watch_cache(cache)
    for backend in _kinds_of(BaseEmailBackend):
        _watch_mail(backend)
    # Backends are imported when they are first asked for.
    plain_create, plain_init = CacheHandler.create_connection, BaseEmailBackend.__init__

    @wraps(plain_create)
    def create_connection(self: CacheHandler, alias: str) -> Any:
        cache = plain_create(self, alias)
        _watch_cache(type(cache))
        return cache

    @wraps(plain_init)
    def __init__(self: BaseEmailBackend, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        _watch_mail(type(self))
        plain_init(self, *args, **kwargs)

    _patches.replace(CacheHandler, "create_connection", create_connection)
    _patches.replace(BaseEmailBackend, "__init__", __init__)


def uninstall() -> None:
    """Leave mail, caches and connections as they were found. Uninstalling twice changes nothing."""
    _patches.restore()
    _watched.clear()


def _kinds_of(base: type) -> list[type]:
    below: list[type] = base.__subclasses__()
    return [base, *(kind for heir in below for kind in _kinds_of(heir))]


def _watch_cache(backend: type) -> None:
    for name in CACHE_WRITES:
        _watch_inherited(backend, BaseCache, name, "cache", _named(name))


def _watch_mail(backend: type) -> None:
    _watch_inherited(backend, BaseEmailBackend, "send_messages", "mail", _messages)


def _watch_inherited(backend: type, base: type, name: str, kind: str, describe: Describe) -> None:
    """Watch the method wherever the backend has it from, up to ``base``, each once."""
    for owner in backend.__mro__:
        if issubclass(owner, base) and name in vars(owner) and (owner, name) not in _watched:
            _watched.add((owner, name))
            _watch(owner, name, kind, describe)


def _watch(owner: type, name: str, kind: str, describe: Describe) -> None:
    plain = vars(owner)[name]

    @wraps(plain)
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = current.get()
        if call is None or call.head is None:
            return plain(self, *args, **kwargs)
        held, at = len(call.effects or ()), clock()
        result = plain(self, *args, **kwargs)
        if kind == "on_commit":
            if self.in_atomic_block:  # otherwise it has run by now
                _note(call, kind, describe(self, args, kwargs, result), at, planned_in(self))
            return result
        # A write that is made of other writes (set_many of set) is told once, as the app asked for it.
        if call.effects:
            del call.effects[held:]
        # add() of a key that was there, a message without recipients: nothing happened.
        if result is not False and (kind != "mail" or result):
            _note(call, kind, describe(self, args, kwargs, result), at, this_thread.here.blocks)
        return result

    _patches.replace(owner, name, watched)


def _note(call: Running, kind: str, what: str, at: int, blocks: tuple[Block, ...]) -> None:
    effects = call.effects
    if effects is None:
        effects = call.effects = []
    if len(effects) >= MAX_EFFECTS:
        return
    effects.append((kind, what, at, blocks))
    for block in blocks:
        # Its end is worth an entry, even if nothing is sent in it.
        if block.trace is None:
            block.trace = call.trace


def _named(name: str) -> Describe:
    return lambda *_: name


def _message(message: Any, *_: Any) -> str:
    return _mail([message])


def _messages(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], sent: Any) -> str:
    messages: Any = next(iter((*args, *kwargs.values())), None)
    # A generator is used up by now, and never ours to run.
    return _mail(messages) if type(messages) in (list, tuple) else _many(sent, "message")


def _mail(messages: Sequence[Any]) -> str:
    count = sum(map(_recipients, messages))
    recipients = f"to {_many(count, 'recipient')}"
    return recipients if len(messages) == 1 else f"{_many(len(messages), 'message')} {recipients}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _recipients(message: Any) -> int:
    known = [vars(message).get(name) for name in ("to", "cc", "bcc")]
    return sum(len(one) for one in known if isinstance(one, (list, tuple)))


def _callback(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], __: Any) -> str:
    return naming.receiver_name(args[0] if args else kwargs.get("func"))
