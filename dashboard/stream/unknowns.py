"""Entries of kinds that this version does not know: the newest of each kind, and how many there were.

Comes in: such entries, one by one or a stretch's. Goes out: one of each kind, for a row of its own. A newer
version may write thousands of them: what is kept does not grow with their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from ..events import Unknown

MAX_KINDS = 10
OTHERS = ""
"""Stands for the kinds that found no room."""


class Unknowns(msgspec.Struct, eq=False):
    """What was met, by kind; of kinds beyond ``MAX_KINDS`` the newest entry of all."""

    newest: dict[str, Unknown] = {}
    times: Counter[str] = msgspec.field(default_factory=Counter)

    def note(self, entry: Unknown, times: int = 1) -> None:
        """Take in an entry, which stands for so many of its kind."""
        has_room = entry.kind in self.newest or len(self.newest) < MAX_KINDS
        kind = entry.kind if has_room else OTHERS
        known = self.newest.get(kind)
        if known is None or known.seq < entry.seq:
            self.newest[kind] = entry
        self.times[kind] += times

    def add(self, later: Unknowns) -> None:
        """Take in those of another stretch."""
        for entry, times in later:
            self.note(entry, times)

    def __iter__(self) -> Iterator[tuple[Unknown, int]]:
        """Yield the newest entry of each kind, and how many it stands for."""
        return ((entry, self.times[kind]) for kind, entry in self.newest.items())
