"""The parts that a trace's tree is made of: emissions with what they caused, and what hangs between them.

Comes in: entries of one trace. Goes out: ``Node`` and ``Leaf``, linked by cause. Times are
microseconds since 1970, whole ones for beginnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ..events import Bypass, Emission, Outcome

QUIET_US = 1_000


class Node(msgspec.Struct, eq=False):
    """An emission with what it caused, by the index of the call (``None``: no certain one)."""

    emission: Emission
    start_us: int
    caused: dict[int | None, list[Node | Leaf]] = {}
    orphan: bool = False

    @property
    def duration_us(self) -> float:
        """How long the emission took."""
        return self.emission.duration_us

    @property
    def seq(self) -> int:
        """Its place in the journal, which orders what began in the same microsecond."""
        return self.emission.seq

    @property
    def is_quiet(self) -> bool:
        """Whether it may be folded: it ran nothing, caused nothing, was short and has no flag."""
        emission = self.emission
        return not (emission.calls or self.caused or emission.flags) and emission.duration_us < QUIET_US

    def call_start(self, index: int) -> float:
        """Return when the call began."""
        return self.start_us + self.emission.calls[index].offset_us

    def nodes(self, index: int | None) -> list[Node]:
        """Return the emissions that a call caused."""
        return [one for one in self.caused.get(index, ()) if isinstance(one, Node)]


class Leaf(msgspec.Struct, eq=False):
    """What has a place in the tree and causes nothing: a bypass, or a transaction that ended."""

    entry: Bypass | Outcome
    start_us: int
    orphan: bool = False

    @property
    def duration_us(self) -> float:
        """How long it took."""
        return self.entry.duration_us

    @property
    def seq(self) -> int:
        """Its place in the journal."""
        return self.entry.seq


Branch = Node | Leaf


def by_start(branch: Branch) -> tuple[int, int]:
    """Sort key: in the order they began; a transaction before what was sent in it."""
    return branch.start_us, 0 if isinstance(branch, Leaf) else branch.seq


def walk(branches: Iterable[Branch]) -> Iterator[Node]:
    """Yield the nodes of these branches and all nodes below, in no particular order."""
    # By hand instead of by recursion: a loop of signals nests deeper than Python's stack.
    waiting = list(branches)
    while waiting:
        one = waiting.pop()
        if isinstance(one, Node):
            yield one
            for inside in one.caused.values():
                waiting.extend(inside)
