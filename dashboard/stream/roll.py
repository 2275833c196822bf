"""Which processes a page shows rows of: a bounded number of them, the others counted.

Comes in: the processes of entries, as they are met. Goes out: who stands in the legend, and how many do
not; a text from which a page that comes back goes on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from ..events import Process

SHOWN = 8
OTHERS = 32
LONGEST = 100

_decoder = msgspec.json.Decoder(list[tuple[str, int, str]])

Name = tuple[str, int]


class Roll:
    """The processes that were met. A new one takes the place of the one that recorded longest ago.

    Whoever lost its place does not come back: with more processes at work than are shown, the legend
    would never stand still.
    """

    def __init__(self, met: Iterable[Process] = ()) -> None:
        self._shown: OrderedDict[Name, Process] = OrderedDict()
        self._others: OrderedDict[Name, Process] = OrderedDict()
        self._forgotten = 0
        self.add(met)

    @classmethod
    def of(cls, text: str) -> Roll:
        """Return the roll that a page says it shows; what is malformed is none."""
        try:
            listed = _decoder.decode(text) if text else []
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            listed = []
        return cls(Process(host, pid, "", role) for host, pid, role in listed)

    def add(self, met: Iterable[Process]) -> None:
        """Note that these recorded something just now."""
        for process in met:
            name = process.host, process.pid
            if name in self._shown:
                self._shown.move_to_end(name)
            elif name not in self._others:
                self._show(name, Process(process.host[:LONGEST], process.pid, "", process.role[:LONGEST]))

    def _show(self, name: Name, process: Process) -> None:
        self._shown[name] = process
        if len(self._shown) > SHOWN:
            displaced, other = self._shown.popitem(last=False)
            self._others[displaced] = other
        if len(self._others) > OTHERS:
            self._others.popitem(last=False)
            self._forgotten += 1

    @property
    def shown(self) -> list[Process]:
        """Those in the legend, by host, of each the highest number first: mostly the youngest."""
        return sorted(self._shown.values(), key=lambda process: (process.host, -process.pid))

    @property
    def others(self) -> int:
        """How many were met that are not shown."""
        return len(self._others) + self._forgotten

    @property
    def text(self) -> str:
        """What ``of`` makes the roll of again: the same while nobody new was met."""
        listed = [(one.host, one.pid, one.role) for one in [*self._others.values(), *self.shown]]
        return msgspec.json.encode(listed).decode()
