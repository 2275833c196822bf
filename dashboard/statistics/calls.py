"""Figures for each registration: which call was which registration's, and how it ran.

Comes in: the entries of a window and what is registered now. Goes out: figures by the registrations'
keys, and those of calls that belong to none of them any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from ..events import Call, Emission, Entry
from ..late import settled
from ..registrations import UNRESOLVED, Registration
from .figures import Figures, Sample


class Stray(NamedTuple):
    """What a call says of its receiver when no registration fits it."""

    signal: str
    family: str
    sender: str | None
    receiver: str


class CallFigures:
    """A receiver's calls: how often and how long, their own queries, their flags, the last one.

    ``flags`` are what any of them was flagged with (``n+1``), and ``mutated``.
    """

    __slots__ = ("figures", "flags", "last", "last_at", "queries")

    def __init__(self, window_s: float) -> None:
        self.figures = Figures(window_s)
        self.queries = 0
        self.flags: set[str] = set()
        self.last: Call | None = None
        self.last_at: datetime | None = None

    def add(self, emission: Emission, call: Call) -> None:
        """Count one call."""
        if self.last_at is None or emission.at > self.last_at:
            self.last, self.last_at = call, emission.at
        failed = call.outcome == "raised"
        self.figures.add(Sample(call.duration_us, emission.at, emission.trace, failed))
        self.queries += call.queries
        if call.flags:
            self.flags.update(flag.partition(":")[0] for flag in call.flags)
        if call.mutations:
            self.flags.add("mutated")

    @property
    def queries_per_call(self) -> float:
        """The mean number of queries of a call; 0.0 without any call."""
        return self.queries / self.figures.count if self.figures.count else 0.0


class Ran(NamedTuple):
    """What ran: by the key of its registration, and without one."""

    registered: dict[str, CallFigures]
    strays: dict[Stray, CallFigures]


def calls_of(entries: Iterable[Entry], registered: Iterable[Registration], window_s: float) -> Ran:
    """Return the figures of all calls among the entries, over a window of ``window_s`` seconds.

    A receiver that is connected several times for one sender is called as often, in that order: its
    first call belongs to its first registration. Registrations whose sender has no name of its own
    (``UNRESOLVED``, or one object of many) cannot be told apart: each has the figures of all of them.
    """
    ran = Ran({}, {})
    owners = _Owners(registered, ran, window_s)
    for entry in settled(entries):
        if isinstance(entry, Emission) and entry.calls:
            times: dict[str, int] = {}
            for call in entry.calls:
                turn = times[call.receiver] = times.get(call.receiver, -1) + 1
                owners.of(entry, call, turn).add(entry, call)
    return ran


class _Owners:
    """Finds whose a call is."""

    def __init__(self, registered: Iterable[Registration], ran: Ran, window_s: float) -> None:
        self._ran = ran
        self._window_s = window_s
        self._by_signal: dict[str, list[Registration]] = defaultdict(list)
        for one in registered:
            if one.alive:
                self._by_signal[one.signal].append(one)
        self._turns: dict[tuple[str, str | None], Mapping[str, Sequence[str]]] = {}
        self._vague: dict[tuple[str, str], CallFigures] = {}

    def of(self, emission: Emission, call: Call, turn: int) -> CallFigures:
        point = emission.signal, emission.sender
        turns = self._turns.get(point)
        if turns is None:
            turns = self._turns[point] = self._line_up(*point)
        line = turns.get(call.receiver, ())
        if turn < len(line):
            return self._registered(line[turn])
        shared = self._shared(emission.signal, call.receiver)
        return shared if shared is not None else self._stray(emission, call)

    def _line_up(self, signal: str, sender: str | None) -> dict[str, list[str]]:
        """Return, for each receiver that such an emission runs, its registrations' keys in their order."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in self._by_signal.get(signal, ()):
            if one.sender is None or (one.sender == sender and not is_vague(one.sender)):
                found[one.receiver].append(one.key)
        return found

    def _registered(self, key: str) -> CallFigures:
        known = self._ran.registered.get(key)
        if known is None:
            known = self._ran.registered[key] = CallFigures(self._window_s)
        return known

    def _shared(self, signal: str, receiver: str) -> CallFigures | None:
        known = self._vague.get((signal, receiver))
        if known is None:
            keys = [
                one.key
                for one in self._by_signal.get(signal, ())
                if one.receiver == receiver and is_vague(one.sender)
            ]
            if not keys:
                return None
            known = self._vague[signal, receiver] = CallFigures(self._window_s)
            self._ran.registered.update(dict.fromkeys(keys, known))
        return known

    def _stray(self, emission: Emission, call: Call) -> CallFigures:
        stray = Stray(emission.signal, emission.family, emission.sender, call.receiver)
        known = self._ran.strays.get(stray)
        if known is None:
            known = self._ran.strays[stray] = CallFigures(self._window_s)
        return known


def is_vague(sender: str | None) -> bool:
    """Return whether several senders may have this label."""
    return sender is not None and (sender == UNRESOLVED or sender.endswith(" object"))
