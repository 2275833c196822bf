"""What is registered now: every receiver of every signal, named.

Comes in: the dispatcher's connections as they stand. Goes out: ``Registration`` values, which hold
text and numbers only, so that no receiver or sender is kept alive.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from django.dispatch import Signal

from . import dispatcher, naming, payloads
from .dispatcher import Connected

COLLECTED = "(collected)"
UNRESOLVED = "(unresolved)"
ANY_SENDER = "any sender"


class Registration(msgspec.Struct, frozen=True):
    """A receiver connected to a signal, for one sender or all.

    ``sender`` is a label, ``None`` for all senders, ``UNRESOLVED`` when only its id is known.
    ``order`` is the place, from 1, among the receivers that a send by ``sender`` runs (among those
    for all senders when it is ``None``), which are ``among`` many: sync ones first, then async ones.
    It is 0 when the receiver is gone. A receiver that is gone (``alive`` false) is named
    ``COLLECTED``. ``duplicate`` is true when the same function runs twice for one send. ``key`` is
    stable across processes and restarts.
    """

    key: str
    signal: str
    family: str
    receiver: str
    sender: str | None = None
    order: int = 1
    weak: bool = True
    alive: bool = True
    dispatch_uid: str | None = None
    is_async: bool = False
    file: str = ""
    line: int = 0
    among: int = 1
    duplicate: bool = False

    @property
    def listens_to(self) -> str:
        """The sender in words."""
        return ANY_SENDER if self.sender is None else self.sender

    @property
    def reference(self) -> str:
        """How Django holds the receiver, in words: ``weak``, ``weak, gone``, ``strong``."""
        return f"{'weak' if self.weak else 'strong'}{'' if self.alive else ', gone'}"

    @property
    def mode(self) -> str:
        """``sync`` or ``async``."""
        return "async" if self.is_async else "sync"

    @property
    def place_in_order(self) -> str:
        """``2/4``: the second of four that run; empty when the receiver is gone."""
        return f"{self.order}/{self.among}" if self.order else ""


def registrations() -> list[Registration]:
    """Return every registration, ordered by signal, then as they are dispatched."""
    return [
        one for name, signal in _named_signals() for one in _of_signal(name, dispatcher.connected(signal))
    ]


def signals() -> list[str]:
    """Return the dotted names of all known signals, those without registrations included."""
    return sorted({name for name, _ in _named_signals()})


def _named_signals() -> list[tuple[str, Signal]]:
    named = [(naming.signal_name(signal), signal) for signal in dispatcher.known_signals()]
    return sorted(named, key=lambda pair: pair[0])


def _of_signal(name: str, connections: Sequence[Connected]) -> Iterator[Registration]:
    family = naming.family_of(name)
    dispatch = _Dispatch(connections)
    seen: Counter[tuple[str | None, ...]] = Counter()
    for index, one in enumerate(connections):
        receiver = COLLECTED if one.receiver is None else naming.receiver_name(one.receiver)
        file, line = ("", 0) if one.receiver is None else naming.receiver_location(one.receiver)
        sender = _sender(one)
        uid = None if one.dispatch_uid is None else str(payloads.plain(one.dispatch_uid))
        identity = (name, receiver, sender, uid)
        seen[identity] += 1
        order, among = dispatch.place(index)
        yield Registration(
            key=key_of(*identity, str(seen[identity])),
            signal=name,
            family=family,
            receiver=receiver,
            sender=sender,
            order=order,
            weak=one.weak,
            alive=one.receiver is not None,
            dispatch_uid=uid,
            is_async=one.is_async,
            file=file,
            line=line,
            among=among,
            duplicate=dispatch.is_duplicate(index),
        )


def _sender(one: Connected) -> str | None:
    if one.all_senders:
        return None
    return naming.sender_label(one.sender) or UNRESOLVED


_Scope = tuple[str, int]
_ALL: _Scope = ("all", 0)


class _Dispatch:
    """What runs with what. A send runs the sync receivers of its sender and of all, then the async ones."""

    def __init__(self, connections: Sequence[Connected]) -> None:
        self._connections = connections
        self._indices: dict[tuple[_Scope, bool], list[int]] = defaultdict(list)
        self._functions: Counter[tuple[_Scope, Any]] = Counter()
        self._everywhere: Counter[Any] = Counter()
        for index, one in enumerate(connections):
            if one.receiver is not None:
                scope, function = self._scope(index), naming.receiver_identity(one.receiver)
                self._indices[scope, one.is_async].append(index)
                self._functions[scope, function] += 1
                self._everywhere[function] += 1

    def place(self, index: int) -> tuple[int, int]:
        """Return the place from 1, and of how many; a place of 0 for a receiver that is gone."""
        one = self._connections[index]
        scopes = {_ALL, self._scope(index)}
        sync = [self._indices.get((scope, False), []) for scope in scopes]
        later = [self._indices.get((scope, True), []) for scope in scopes]
        among = sum(map(len, sync)) + sum(map(len, later))
        if one.receiver is None:
            return 0, among
        before = sum(map(len, sync)) if one.is_async else 0
        before += sum(bisect_left(indices, index) for indices in (later if one.is_async else sync))
        return before + 1, among

    def is_duplicate(self, index: int) -> bool:
        """Return whether a send runs the receiver's function a second time."""
        one = self._connections[index]
        if one.receiver is None:
            return False
        function = naming.receiver_identity(one.receiver)
        if one.all_senders:
            return self._everywhere[function] > 1
        return self._functions[self._scope(index), function] + self._functions[_ALL, function] > 1

    def _scope(self, index: int) -> _Scope:
        one = self._connections[index]
        if one.all_senders:
            return _ALL
        # Of a sender of which only the id is known nothing tells whether another one is the same.
        return ("sender", id(one.sender)) if one.sender is not None else ("unresolved", index)


def key_of(*identity: str | None) -> str:
    """Return a short name for what these texts identify, the same every time, safe in an address."""
    text = "\0".join("" if part is None else f"={part}" for part in identity)
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
