"""What one process stored and was told so: how each batch is stored once, and a loss is noticed.

Comes in: batches on their way to Redis, and its answers. Goes out: the number that a batch is sent
under, and how many acknowledged entries a server lost that came back empty or older.

Redis keeps the number of the last batch of each process beside the entries, so both come back from its
disk as they were at one moment: what is acknowledged here beyond that number is lost there.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from .base import Packed

LIVES_S = 7 * 86_400
"""How long Redis keeps the number of a process that stores nothing."""

_FORGET_S = 86_400
_KEPT = 20_000


class _Receipt(NamedTuple):
    number: int
    newest: int
    entries: int


class Receipts:
    """One process's batches. ``token`` names it; used by one thread at a time.

    ``epoch`` and ``acknowledged`` (the number of the last acknowledged batch) are what Redis is asked
    to confirm; empty and 0 when there is nothing to confirm.
    """

    def __init__(self) -> None:
        self.token = uuid.uuid4().hex
        self.epoch = ""
        self.acknowledged = 0
        self._number = 0
        self._unsure: Sequence[Packed] | None = None
        self._kept: deque[_Receipt] = deque(maxlen=_KEPT)
        self._used = self._clocks()

    def number(self, batch: Sequence[Packed]) -> int:
        """Return the number to send the batch under: once more the same, if its answer never came."""
        clocks = self._clocks()
        if any(now - then > _FORGET_S for now, then in zip(clocks, self._used, strict=True)):
            # Redis may have let the number go: there is nothing to compare with any more.
            self.acknowledged = 0
            self._kept.clear()
        self._used = clocks
        if self._unsure is None or self._unsure != batch:
            self._number += 1
            self._unsure = list(batch)
        return self._number

    def stored(self, epoch: str, newest: int, floor: int) -> None:
        """Note that the batch of the last number is stored; entries up to ``floor`` were pruned."""
        self.epoch, self.acknowledged = epoch, self._number
        self._kept.append(_Receipt(self._number, newest, len(self._unsure or ())))
        self._unsure = None
        while self._kept and self._kept[0].newest <= floor:
            self._kept.popleft()

    def lost(self, number: int) -> int:
        """Return how many acknowledged entries came after batch ``number``, and expect them no longer."""
        entries = sum(receipt.entries for receipt in self._kept if receipt.number > number)
        self._kept = deque((kept for kept in self._kept if kept.number <= number), maxlen=_KEPT)
        self.acknowledged = 0
        return entries

    @staticmethod
    def _clocks() -> tuple[float, float]:
        # The first stands still while a machine sleeps, the second jumps when it is set.
        return time.monotonic(), time.time()
