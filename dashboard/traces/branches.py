"""The parts that a trace's tree is made of: emissions with what they caused, and what hangs between them.

Comes in: entries of one trace. Goes out: ``Node``, ``Stage`` and ``Leaf``, linked by cause. Times are
microseconds since 1970, whole ones for beginnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ..events import Bypass, Emission, Outcome, Task

QUIET_US = 1_000


class Node(msgspec.Struct, eq=False):
    """An emission with what it caused, by the index of the call (``None``: no certain one)."""

    emission: Emission
    start_us: int
    caused: dict[int | None, list[Node | Stage | Leaf]] = {}
    orphan: bool = False

    @property
    def id(self) -> str:
        """The emission's id."""
        return self.emission.id

    @property
    def task(self) -> str:
        """The task that the emission was sent in."""
        return self.emission.task

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


class Stage(msgspec.Struct, eq=False):
    """A task with what was sent in it, under ``None``: no call. ``closed`` once it has ended."""

    opened: Task
    start_us: int
    caused: dict[int | None, list[Node | Stage | Leaf]] = {}
    orphan: bool = False
    closed: Task | None = None

    @property
    def entry(self) -> Task:
        """The entry that says most about it."""
        return self.closed or self.opened

    @property
    def id(self) -> str:
        """The task's id, apart from those of emissions."""
        return f"task.{self.entry.id}"

    @property
    def task(self) -> str:
        """The task that it was sent in."""
        return self.entry.task

    @property
    def duration_us(self) -> float:
        """How long it took; nothing while it runs."""
        return self.entry.duration_us

    @property
    def seq(self) -> int:
        """Its place in the journal."""
        return self.entry.seq


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


Branch = Node | Stage | Leaf


def by_start(branch: Branch) -> tuple[int, int]:
    """Sort key: in the order they began; a transaction before what was sent in it."""
    return branch.start_us, 0 if isinstance(branch, Leaf) else branch.seq


def walk(branches: Iterable[Branch]) -> Iterator[Node]:
    """Yield the nodes of these branches and all nodes below, in no particular order."""
    return (one for one in reached(branches) if isinstance(one, Node))


def reached(branches: Iterable[Branch]) -> Iterator[Node | Stage]:
    """Yield the nodes and stages of these branches and all below, in no particular order."""
    # By hand instead of by recursion: a loop of signals nests deeper than Python's stack.
    waiting = list(branches)
    while waiting:
        one = waiting.pop()
        if not isinstance(one, Leaf):
            yield one
            for inside in one.caused.values():
                waiting.extend(inside)
