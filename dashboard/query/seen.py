"""Which values the journal has seen for each key: what completion offers.

Comes in: entries. Goes out: the values that hold what was typed, the best first. Bounded: of each
key the values that were met last are kept, with how often.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..events import Emission, Entry, Gap, Late, Origin, Sampled, Task, Unknown
from . import texts
from .matching import part_starts
from .texts import Watched

ROOM = 300
LONGEST = 200
"""Longer values are not kept: nobody chooses them from a list."""


class Value(NamedTuple):
    """A value of a key, and how often it was met since it is known."""

    text: str
    times: int


def _started_by(entry: Watched) -> Iterator[str]:
    if isinstance(entry, Origin):
        yield entry.type
        yield entry.title
        yield entry.view or ""


def _site(entry: Watched) -> Iterator[str]:
    site = None if isinstance(entry, Origin) else getattr(entry, "site", None)
    if site is not None:
        yield site.file
        yield site.function


def _process(entry: Watched) -> Iterator[str]:
    if entry.process is not None:
        yield entry.process.host
        yield entry.process.name
        yield entry.process.thread
        yield entry.process.role


_VALUES: dict[str, Callable[[Watched], Iterator[str]]] = {
    "signal": lambda entry: texts.signal(entry, None),
    "sender": lambda entry: texts.sender(entry, None),
    "receiver": lambda entry: texts.receiver(entry, None),
    "origin": _started_by,
    "user": lambda entry: texts.user(entry, None),
    "pk": lambda entry: texts.pk(entry, None),
    "trace": lambda entry: texts.trace(entry, None),
    "site": _site,
    "process": _process,
}

KEYS = tuple(_VALUES)
"""The keys whose values depend on what was seen."""


class Seen:
    """Counts values by key. Not for several threads at once."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._counts: dict[str, OrderedDict[str, int]] = {key: OrderedDict() for key in _VALUES}

    def add(self, entry: Entry) -> None:
        """Take in what an entry shows."""
        if isinstance(entry, Gap | Late | Sampled | Task | Unknown):
            return
        for key, values_of in _VALUES.items():
            if key in ("signal", "receiver", "pk") and not isinstance(entry, Emission):
                continue
            for value in dict.fromkeys(values_of(entry)):
                if value and len(value) <= LONGEST:
                    self._count(self._counts[key], value)

    def _count(self, counts: OrderedDict[str, int], value: str) -> None:
        counts[value] = counts.get(value, 0) + 1
        counts.move_to_end(value)
        if len(counts) > self._room:
            counts.popitem(last=False)

    def values(self, key: str, typed: str, most: int) -> list[Value]:
        """Return at most ``most`` values of a key that hold ``typed``, whatever its case.

        First those of which a part begins with it, then the most used, then the newest.
        """
        wanted = typed.casefold()
        newest_first = reversed(self._counts.get(key, {}).items())
        found = [Value(text, times) for text, times in newest_first if wanted in text.casefold()]
        return sorted(found, key=lambda value: (not _begins(value.text, wanted), -value.times))[:most]

    def clear(self) -> None:
        """Forget everything."""
        for counts in self._counts.values():
            counts.clear()


def _begins(text: str, wanted: str) -> bool:
    folded = text.casefold()
    return any(folded.startswith(wanted, start) for start in part_starts(folded))
