"""What has just happened, by path: what makes the dots on the graph travel.

Comes in: entries as they are journalled, an emission after the ones that it caused. Goes out: how
often each path was taken since the last call.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from functools import lru_cache

from ..events import Emission, Entry, Origin
from .origins import RouteOf, origin_label, route_of

CAUSED = "\u21b3"
"""In the place of an origin, before the name of the receiver that caused the emission."""

NONE_WAIT: Counter[tuple[int, str | None, str]] = Counter()

OTHER = ""
"""The key under which what exceeds ``Pulses.paths`` is counted."""


@lru_cache(maxsize=4_096)
def pulse_key(origin: str, sender: str | None, signal: str, receiver: str = "") -> str:
    """Return the path as one text; a bar in a name becomes a broken bar."""
    return "|".join(part.replace("|", "\u00a6") for part in (origin, sender or "", signal, receiver))


class Pulses:
    """Counts paths for one follower of the journal. Not for several threads at once.

    An emission counts once under ``origin|sender|signal|`` and each of its calls once under
    ``|sender|signal|receiver``. What a receiver's code sent has an empty origin, and counts under
    ``\u21b3receiver|sender|signal|`` when the causing emission, which ends later, has arrived.
    """

    def __init__(
        self, traces: int = 4096, waiting: int = 4096, paths: int = 300, route: RouteOf = route_of
    ) -> None:
        """Remember the origins of this many traces and this many causes; count this many paths a time."""
        self.paths = paths
        self._max_traces = traces
        self._max_waiting = waiting
        self._route = route
        self._labels: OrderedDict[str, str] = OrderedDict()
        self._waiting: OrderedDict[str, Counter[tuple[int, str | None, str]]] = OrderedDict()

    def count(self, entries: Iterable[Entry]) -> dict[str, int]:
        """Return the paths that these entries took, and how often."""
        counts: Counter[str] = Counter()
        for entry in entries:
            if isinstance(entry, Origin):
                self._remember(entry)
            elif isinstance(entry, Emission):
                self._count_emission(counts, entry)
        if len(counts) <= self.paths:
            return dict(counts)
        kept = dict(counts.most_common(self.paths))
        kept[OTHER] = counts.total() - sum(kept.values())
        return kept

    def _remember(self, origin: Origin) -> None:
        self._labels[origin.trace] = origin_label(origin, self._route)
        self._labels.move_to_end(origin.trace)
        if len(self._labels) > self._max_traces:
            self._labels.popitem(last=False)

    def _count_emission(self, counts: Counter[str], emission: Emission) -> None:
        sender, signal = emission.sender, emission.signal
        origin = "" if emission.cause else self._labels.get(emission.trace, "")
        counts[pulse_key(origin, sender, signal)] += 1
        for call in emission.calls:
            counts[pulse_key("", sender, signal, call.receiver)] += 1
        for (index, caused_sender, caused_signal), count in self._waiting.pop(emission.id, NONE_WAIT).items():
            if index < len(emission.calls):
                cause = CAUSED + emission.calls[index].receiver
                counts[pulse_key(cause, caused_sender, caused_signal)] += count
        if emission.cause and emission.cause.call is not None:
            self._wait(emission.cause.emission, (emission.cause.call, sender, signal))

    def _wait(self, parent: str, child: tuple[int, str | None, str]) -> None:
        self._waiting.setdefault(parent, Counter())[child] += 1
        if len(self._waiting) > self._max_waiting:
            self._waiting.popitem(last=False)
