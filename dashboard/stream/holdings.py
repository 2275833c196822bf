"""Which rows one client's page holds, so that every fragment it is sent has a target.

Comes in: the batches it was sent. Goes out: whether a trace is there, and which batches may go.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

ROWS = 75
"""About as many rows stay; what is older is deleted, unless the reader keeps it."""

MAX_BATCHES = 200
MAX_LEFT_OUT = 2_000


class Holdings:
    """Batches, oldest first, each with the ids of its rows; and how new each trace is shown.

    A batch may also stand for traces that found no room in it. They have their place, in the row
    "+N more", whether it is opened or not.
    """

    def __init__(self) -> None:
        self._batches: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._versions: dict[str, int] = {}
        self._left_out: OrderedDict[str, str] = OrderedDict()
        self._opened: dict[str, list[str]] = {}

    def __contains__(self, trace: str) -> bool:
        return trace in self._versions

    def __len__(self) -> int:
        return sum(map(len, self._batches.values()))

    def add(
        self, batch: str, ids: Sequence[str], versions: Iterable[int] = (), left_out: Iterable[str] = ()
    ) -> None:
        """Note a batch; ``versions`` are the newest seq that each of its traces is shown with."""
        self._batches[batch] = tuple(ids)
        self._versions.update(zip(ids, versions, strict=False))
        self._left_out.update((trace, batch) for trace in left_out)
        while len(self._left_out) > MAX_LEFT_OUT:
            self._left_out.popitem(last=False)

    def has_place(self, trace: str) -> bool:
        """Return whether a trace is on the page, or among those that a row there stands for."""
        return trace in self._versions or trace in self._left_out

    def open(self, batch: str, ids: Iterable[str]) -> None:
        """Note that these traces now stand in a batch that stood for them; they go when it goes."""
        if batch not in self._batches:
            return
        new = [trace for trace in ids if trace not in self._versions]
        self._versions.update(dict.fromkeys(new, 0))
        self._opened.setdefault(batch, []).extend(new)

    def version(self, trace: str) -> int:
        """Return up to which seq a trace is shown."""
        return self._versions.get(trace, 0)

    def update(self, trace: str, version: int) -> None:
        """Note that a trace is now shown up to this seq."""
        self._versions[trace] = version

    def holds(self, row: str) -> bool:
        """Return whether a row, of a trace or of an emission, is on the page."""
        return row in self._versions or any(row in ids for ids in self._batches.values())

    def remove(self, row: str) -> None:
        """Forget one row, or that another one stands for it; its batch stays."""
        for batch, ids in self._batches.items():
            if row in ids:
                self._batches[batch] = tuple(held for held in ids if held != row)
        for opened in self._opened.values():
            if row in opened:
                opened.remove(row)
        self._versions.pop(row, None)
        self._left_out.pop(row, None)

    def trim(self, kept: set[str]) -> list[str]:
        """Forget the oldest batches beyond ``ROWS`` rows without a kept one; return their ids."""
        gone = []
        total = len(self)
        for batch, ids in list(self._batches.items()):
            if total - len(ids) < ROWS and len(self._batches) <= MAX_BATCHES:
                break
            if not kept.isdisjoint(ids):
                continue
            total -= len(ids)
            gone.append(batch)
            self._forget(batch)
        return gone

    def _forget(self, batch: str) -> None:
        for row in [*self._batches.pop(batch), *self._opened.pop(batch, ())]:
            self._versions.pop(row, None)
        self._left_out = OrderedDict(
            (trace, owner) for trace, owner in self._left_out.items() if owner != batch
        )

    def clear(self) -> None:
        """Forget everything."""
        self._batches.clear()
        self._versions.clear()
        self._left_out.clear()
        self._opened.clear()
