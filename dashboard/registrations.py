"""What is registered now: every receiver of every signal, named.

Comes in: the dispatcher's connections as they stand. Goes out: ``Registration`` values, which hold
text and numbers only, so that no receiver or sender is kept alive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec
from django.dispatch import Signal

from . import dispatcher, naming, payloads
from .dispatcher import Connected

COLLECTED = "(collected)"
UNRESOLVED = "(unresolved)"


class Registration(msgspec.Struct, frozen=True):
    """A receiver connected to a signal, for one sender or all.

    ``sender`` is a label, ``None`` for all senders, ``UNRESOLVED`` when only its id is known.
    ``order`` is the place, from 1, among the receivers that a send by ``sender`` runs (among those
    for all senders when it is ``None``); 0 when the receiver is gone. A receiver that is gone
    (``alive`` false) is named ``COLLECTED``. ``key`` is stable across processes and restarts.
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
    seen: Counter[tuple[str | None, ...]] = Counter()
    for index, one in enumerate(connections):
        receiver = COLLECTED if one.receiver is None else naming.receiver_name(one.receiver)
        file, line = ("", 0) if one.receiver is None else naming.receiver_location(one.receiver)
        sender = _sender(one)
        uid = None if one.dispatch_uid is None else str(payloads.plain(one.dispatch_uid))
        identity = (name, receiver, sender, uid)
        seen[identity] += 1
        yield Registration(
            key=_key(*identity, str(seen[identity])),
            signal=name,
            family=family,
            receiver=receiver,
            sender=sender,
            order=_order(connections[: index + 1]),
            weak=one.weak,
            alive=one.receiver is not None,
            dispatch_uid=uid,
            is_async=one.is_async,
            file=file,
            line=line,
        )


def _sender(one: Connected) -> str | None:
    if one.all_senders:
        return None
    return naming.sender_label(one.sender) or UNRESOLVED


def _order(connections: Sequence[Connected]) -> int:
    """Return the place of the last of these connections among those that run with it."""
    last = connections[-1]
    if last.receiver is None:
        return 0
    return sum(one.receiver is not None and _runs_with(one, last) for one in connections)


def _runs_with(one: Connected, last: Connected) -> bool:
    if one.all_senders:
        return True
    return one is last or (one.sender is not None and one.sender is last.sender)


def _key(*identity: str | None) -> str:
    text = "\0".join("" if part is None else f"={part}" for part in identity)
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
