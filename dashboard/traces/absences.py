"""Which registrations of a signal did not run for one emission, and why, as far as that is known.

Comes in: the emission, what is registered now, earlier emissions of the same signal. Goes out:
one ``Absence`` per reason and receiver, those for other senders in one. What cannot be known (a
receiver that is gone may have been disconnected or collected) is said so.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from types import FunctionType
from typing import Literal, NamedTuple

from .. import wording
from ..events import Emission, Entry
from ..registrations import UNRESOLVED, Registration

NAMED = 2
"""So many receivers for other senders are named, the others are counted."""

LISTED = 100

Reason = Literal["stopped", "duplicate", "collected", "disconnected", "gone", "later", "other-sender"]

_TAGS = {
    "stopped": "stopped",
    "duplicate": "duplicate",
    "collected": "collected",
    "disconnected": "disconnected",
    "gone": "gone",
    "later": "not yet",
    "other-sender": "other sender",
}


class Absence(NamedTuple):
    """Receivers that did not run for one reason. ``others`` counts those that ``names`` leaves out.

    ``at`` is when the receiver was last seen to run, for one that is no longer registered.
    ``duplicate`` is a hint and no absence: the receiver ran more often than was meant.
    """

    reason: Reason
    names: list[str]
    why: str
    remedy: str = ""
    others: int = 0
    at: datetime | None = None
    listening: list[tuple[str, str]] = []

    @property
    def tag(self) -> str:
        """The reason in a word or two."""
        return _TAGS[self.reason]

    @property
    def number(self) -> int:
        """How many registrations did not run for it."""
        return 0 if self.reason == "duplicate" else len(self.names) + self.others


def absences(
    emission: Emission, registered: Iterable[Registration], earlier: Iterable[Entry] = ()
) -> list[Absence]:
    """Return what did not run. ``earlier`` are entries from before, the newest first."""
    own = [one for one in registered if one.signal == emission.signal]
    ours = [one for one in own if one.sender in (None, emission.sender)]
    ran = Counter(call.receiver for call in emission.calls)
    return [
        *_stopped(emission),
        *_duplicates(emission, ours, ran),
        *_gone(emission, ours, ran, earlier),
        *_later(emission, ours, ran),
        *_elsewhere([one for one in own if one not in ours], ran),
    ]


def _stopped(emission: Emission) -> list[Absence]:
    if not emission.stopped:
        return []
    culprit = next((call for call in reversed(emission.calls) if call.outcome != "returned"), None)
    if culprit is None:
        why = "an earlier receiver ended the dispatch."
    else:
        what = culprit.error.name if culprit.error else "an exception"
        why = f"{wording.short(culprit.receiver)} raised {what} before it."
    remedy = (
        f"With {emission.method}_robust() it would have run." if emission.method in ("send", "asend") else ""
    )
    return [Absence("stopped", [name], why, remedy) for name in emission.stopped[:LISTED]]


def _duplicates(emission: Emission, ours: Sequence[Registration], ran: Counter[str]) -> list[Absence]:
    twice = {name: times for name, times in ran.items() if times > 1}
    registered = Counter(one.receiver for one in ours if one.alive)
    for name, times in registered.items():
        if times > 1:
            twice.setdefault(name, ran[name])
    return [
        Absence(
            "duplicate",
            [name],
            f"ran {times} times: it is connected {max(times, registered[name])} times."
            if times > 1
            else f"is connected {registered[name]} times now.",
            "Give its connect() a dispatch_uid.",
        )
        for name, times in twice.items()
    ]


# --- receivers that are registered no more -------------------------------------------------------


def _gone(
    emission: Emission, ours: Sequence[Registration], ran: Counter[str], earlier: Iterable[Entry]
) -> list[Absence]:
    alive = {one.receiver for one in ours if one.alive}
    last: dict[str, datetime] = {}
    for entry in earlier:
        if isinstance(entry, Emission) and (entry.signal, entry.sender) == (emission.signal, emission.sender):
            for call in entry.calls:
                last.setdefault(call.receiver, entry.at)
    missing = [
        name for name in last if name not in alive and name not in ran and name not in emission.stopped
    ]
    dead = sum(not one.alive for one in ours)
    found = [_lost(name, last[name], collected=len(missing) <= dead) for name in missing[:LISTED]]
    nameless = max(dead - len(missing), 0)
    if nameless:
        what = "a receiver" if nameless == 1 else f"{nameless} receivers"
        found.append(
            Absence("collected", [what], "held weakly; its object is gone.", "Connect with weak=False.")
        )
    return found


def _lost(name: str, at: datetime, *, collected: bool) -> Absence:
    if collected:
        why = "was a weak reference; its object is gone."
        return Absence("collected", [name], why, "Connect with weak=False.", at=at)
    if _is_importable(name):
        # Its module still holds it, so it cannot have been collected.
        return Absence("disconnected", [name], "ran before, and is no longer connected.", at=at)
    why = "ran before, and is no longer connected: disconnected, or held weakly and collected."
    return Absence("gone", [name], why, "Connect with weak=False if it should stay.", at=at)


def _is_importable(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    return type(getattr(sys.modules.get(module), attribute, None)) is FunctionType


# --- receivers that are registered ---------------------------------------------------------------


def _later(emission: Emission, ours: Sequence[Registration], ran: Counter[str]) -> list[Absence]:
    names = Counter(one.receiver for one in ours if one.alive)
    return [
        Absence("later", [name], "is connected now; when this was sent, or where it was sent, it was not.")
        for name in names
        if name not in ran and name not in emission.stopped
    ][:LISTED]


def _elsewhere(others: Sequence[Registration], ran: Counter[str]) -> list[Absence]:
    senders: dict[str, list[str]] = {}
    for one in others:
        if one.alive and one.receiver not in ran:
            sender = "an unknown sender" if one.sender in (None, UNRESOLVED) else one.sender or ""
            senders.setdefault(one.receiver, []).append(sender)
    if not senders:
        return []
    names = sorted(senders, key=wording.short)
    listening = [(name, ", ".join(sorted(set(senders[name])))) for name in names[:LISTED]]
    why = f"listens to {listening[0][1]} only." if len(names) == 1 else "listen to other senders."
    return [Absence("other-sender", names[:NAMED], why, others=len(names[NAMED:]), listening=listening)]
