"""One trace as a tree, and as the rows that show it: what each emission caused, in the order it began.

Comes in: a trace's entries as they were journalled, an emission when it ends and therefore after
the ones it caused; some may be missing or there twice. Goes out: ``TraceTree``, whose rows hold
all that a template needs, positions on the lane included.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec

from ..events import Bypass, Call, Emission, Entry, Gap, Outcome, Sampled, Unknown
from ..late import settled
from ..query.selection import Sent
from . import fates, flags, loops, timing
from .branches import Branch, Leaf, Node, Stage, by_start, reached
from .fates import Fates
from .flags import Flag
from .lanes import Span, span
from .loops import Cut
from .places import Places, stages
from .rows import NOTCHES, PALE_PARTS, Row, Rows
from .summaries import TraceSummary, microseconds, summarise

__all__ = [
    "Matches",
    "Node",
    "Row",
    "Rows",
    "Sieve",
    "TraceSummary",
    "TraceTree",
    "assemble",
    "summarise",
]

Matches = Callable[[Sent], bool]

# The wall clock of an entry is rounded to whole microseconds, offsets are not.
_JITTER_US = 5


class Sieve(NamedTuple):
    """Which rows a reader wants.

    ``matches`` says which emissions the filter asks for: the others are marked, and only they are
    folded. What is shorter than ``min_us`` is left out. ``transactions`` adds a row for each
    transaction; without it only those that were rolled back have one.
    """

    matches: Matches | None = None
    min_us: float = 0.0
    transactions: bool = False
    whole_loops: bool = False
    critical: Collection[str] = ()


class _Line(NamedTuple):
    """A row before it is made: which branch, which call of it, which quiet nodes, or what is cut."""

    level: int
    branch: Branch | Unknown
    call: int | None = None
    quiet: tuple[Node, ...] = ()
    hidden: bool = False
    cut: Cut | None = None


class TraceTree(msgspec.Struct, eq=False):
    """A trace: its summary, what its origin sent itself in the order it began, all nodes by id.

    ``unknowns`` are entries of kinds that this version does not know: where they belong is not known either.
    """

    summary: TraceSummary
    roots: list[Branch]
    slow_ms: float = 50.0
    nodes: dict[str, Node] = {}
    fates: Fates = msgspec.field(default_factory=Fates)
    stages: dict[str, Stage] = {}
    unknowns: list[Unknown] = []

    def find(self, id: str) -> Emission | None:
        """Return one of its emissions."""
        node = self.nodes.get(id)
        return node.emission if node else None

    def rows(
        self, start: int = 0, limit: int = 300, matches: Matches | None = None, sieve: Sieve | None = None
    ) -> Rows:
        """Return at most ``limit`` rows from row ``start`` on; ``matches`` is a sieve of that alone."""
        sieve = sieve or Sieve(matches)
        lines = list(self._lines(sieve))
        window = lines[max(start, 0) : max(start, 0) + limit]
        return Rows([self._row(line, sieve) for line in window], max(start, 0), len(lines))

    def count(self, sieve: Sieve) -> int:
        """Return how many rows there are."""
        return sum(1 for _ in self._lines(sieve))

    def place(self, id: str, sieve: Sieve) -> int | None:
        """Return which row, from 0, is the emission's, or ``None`` when it has none."""
        for number, line in enumerate(self._lines(sieve)):
            plain = line.call is None and not line.quiet and not line.cut
            if plain and isinstance(line.branch, Node) and line.branch.emission.id == id:
                return number
        return None

    def _lines(self, sieve: Sieve) -> Iterator[_Line]:
        cuts = {} if sieve.whole_loops else loops.cuts(self.nodes)
        # By hand instead of by recursion: a loop of signals nests deeper than Python's stack.
        stack = [_siblings(self.roots, 2, sieve)]
        while stack:
            line = next(stack[-1], None)
            if line is None:
                stack.pop()
                continue
            branch = line.branch
            if isinstance(branch, Leaf | Unknown):
                yield line
            elif isinstance(branch, Stage):
                yield line
                stack.append(_siblings(branch.caused.get(None, ()), line.level + 1, sieve))
            elif line.quiet:
                yield line
                stack.append(_Line(line.level + 1, node, hidden=True) for node in line.quiet)
            elif line.call is not None:
                yield line
                stack.append(_siblings(branch.caused.get(line.call, ()), line.level + 1, sieve))
            elif cut := cuts.get(branch.emission.id):
                yield line._replace(cut=cut)
                stack.append(_siblings([cut.resume], line.level + 1, sieve))
            else:
                yield line
                if not line.hidden:
                    stack.append(_inside(branch, line.level + 1, sieve))
        yield from (_Line(2, unknown) for unknown in self.unknowns)

    def _row(self, line: _Line, sieve: Sieve) -> Row:
        branch = line.branch
        if isinstance(branch, Unknown):
            return self._unknown_row(line.level, branch)
        if isinstance(branch, Leaf):
            if isinstance(branch.entry, Bypass):
                return self._bypass_row(line.level, branch, branch.entry, sieve)
            return self._transaction_row(line.level, branch, branch.entry)
        if isinstance(branch, Stage):
            return self._task_row(line.level, branch)
        if line.quiet:
            return self._quiet_row(line)
        if line.cut:
            return self._cut_row(line.level, branch, line.cut)
        if line.call is None:
            return self._emission_row(line, branch, sieve)
        return self._call_row(line.level, branch, line.call, sieve)

    def _emission_row(self, line: _Line, node: Node, sieve: Sieve) -> Row:
        emission = node.emission
        fate = self.fates.of(emission.transaction)
        loop = loops.spelled(emission, self.find)
        own = [
            flag._replace(title=loop) if loop and flag.name == "loop" else flag
            for flag in flags.of_emission(emission, self.slow_ms)
        ]
        start = node.start_us - self.summary.started_us
        return Row(
            "emission",
            emission.id,
            line.level,
            start,
            emission.duration_us,
            self._span(start, emission.duration_us),
            emission.family,
            emission,
            flags=own,
            opens=bool(emission.calls or node.caused),
            hidden=line.hidden,
            matched=sieve.matches is None or sieve.matches(emission),
            orphan=node.orphan,
            loop=loop,
            rolled_back=fate is not None and fate.rolled_back,
        )

    def _task_row(self, level: int, stage: Stage) -> Row:
        start = stage.start_us - self.summary.started_us
        error = stage.entry.error
        return Row(
            "task",
            stage.id,
            level,
            start,
            stage.duration_us,
            self._span(start, stage.duration_us),
            "none",
            task=stage.entry,
            process=stage.opened.process,
            opens=bool(stage.caused),
            orphan=stage.orphan,
            flags=[Flag("error", error, f"raised: {error}")] if error else [],
        )

    def _call_row(self, level: int, node: Node, index: int, sieve: Sieve) -> Row:
        emission = node.emission
        call = emission.calls[index]
        fate = self.fates.of(emission.transaction)
        start = node.call_start(index) - self.summary.started_us
        inside = node.caused.get(index, [])
        key = f"{emission.id}.{index}"
        return Row(
            "call",
            key,
            level,
            start,
            call.duration_us,
            self._span(start, call.duration_us),
            emission.family,
            emission,
            call,
            index,
            flags=[*fates.flags_of_call(self.fates.kept(emission, call)), *flags.of_call(call, self.slow_ms)],
            pale=[
                self._span(child.start_us - self.summary.started_us, child.duration_us)
                for child in inside[:PALE_PARTS]
                if isinstance(child, Node)
            ],
            opens=bool(inside),
            matched=sieve.matches is None or sieve.matches(emission),
            notches=self._notches(call, start),
            own_us=timing.own_us(node, index) if inside else None,
            rolled_back=fate is not None and fate.rolled_back,
            critical=key in sieve.critical,
        )

    def _notches(self, call: Call, start: float) -> list[Span]:
        offsets = [at for statement in call.statements for at in statement.offsets_us]
        # Two notches closer than a third of a percent would be one.
        places = {
            round(3 * float(span.x)): span for at in offsets[:500] for span in [self._span(start + at, 0)]
        }
        return [places[third] for third in sorted(places)[:NOTCHES]]

    def _quiet_row(self, line: _Line) -> Row:
        first, last = line.quiet[0], line.quiet[-1]
        start = first.start_us - self.summary.started_us
        duration = last.start_us + last.emission.duration_us - first.start_us
        return Row(
            "quiet",
            f"quiet.{first.emission.id}",
            line.level,
            start,
            duration,
            self._span(start, duration),
            first.emission.family,
            first.emission,
            quiet=[node.emission for node in line.quiet],
            pale=[
                self._span(node.start_us - self.summary.started_us, node.emission.duration_us)
                for node in line.quiet[:PALE_PARTS]
            ],
            opens=True,
        )

    def _cut_row(self, level: int, node: Node, cut: Cut) -> Row:
        start = node.start_us - self.summary.started_us
        return Row(
            "cut",
            f"cut.{node.emission.id}",
            level,
            start,
            node.duration_us,
            self._span(start, node.duration_us),
            node.emission.family,
            node.emission,
            cut=cut,
            flags=[Flag("error", cut.error, f"raised: {cut.error}")] if cut.error else [],
        )

    def _bypass_row(self, level: int, leaf: Leaf, bypass: Bypass, sieve: Sieve) -> Row:
        fate = self.fates.of(bypass.transaction)
        start = leaf.start_us - self.summary.started_us
        return Row(
            "bypass",
            bypass.id,
            level,
            start,
            bypass.duration_us,
            self._span(start, bypass.duration_us),
            "bypass",
            bypass=bypass,
            orphan=leaf.orphan,
            matched=sieve.matches is None or sieve.matches(bypass),
            flags=flags.of_bypass(bypass),
            rolled_back=fate is not None and fate.rolled_back,
        )

    def _transaction_row(self, level: int, leaf: Leaf, outcome: Outcome) -> Row:
        fate = self.fates.of_block(outcome.block)
        start = leaf.start_us - self.summary.started_us
        return Row(
            "transaction",
            f"block.{outcome.block}",
            level,
            start,
            outcome.duration_us,
            self._span(start, outcome.duration_us),
            "db",
            fate=fate,
            rolled_back=fate is not None and fate.rolled_back,
        )

    def _unknown_row(self, level: int, unknown: Unknown) -> Row:
        start = max(microseconds(unknown.at) - self.summary.started_us, 0)
        span = self._span(start, 0)
        return Row("unknown", f"unknown.{unknown.seq}", level, start, 0.0, span, "none", unknown=unknown)

    def _span(self, start_us: float, duration_us: float) -> Span:
        return span(start_us, duration_us, self.summary.lasted_us)


def _siblings(branches: Iterable[Branch], level: int, sieve: Sieve) -> Iterator[_Line]:
    quiet: list[Node] = []
    for branch in branches:
        if not _kept(branch, sieve):
            continue
        if (
            isinstance(branch, Node)
            and branch.is_quiet
            and not (sieve.matches and sieve.matches(branch.emission))
        ):
            quiet.append(branch)
            continue
        if quiet:
            yield _Line(level, quiet[0], quiet=tuple(quiet))
            quiet = []
        yield _Line(level, branch)
    if quiet:
        yield _Line(level, quiet[0], quiet=tuple(quiet))


def _kept(branch: Branch, sieve: Sieve) -> bool:
    if branch.duration_us < sieve.min_us:
        return False
    if isinstance(branch, Leaf) and isinstance(branch.entry, Outcome):
        return sieve.transactions or branch.entry.state == "rolled back"
    return True


def _inside(node: Node, level: int, sieve: Sieve) -> Iterator[_Line]:
    for index, call in enumerate(node.emission.calls):
        if call.duration_us >= sieve.min_us:
            yield _Line(level, node, index)
    # What no single call can be named for: tasks that outlived their call, calls that are not stored.
    known = range(len(node.emission.calls))
    loose = [child for index, children in node.caused.items() if index not in known for child in children]
    yield from _siblings(sorted(loose, key=by_start), level, sieve)


# --- entries to a tree ---------------------------------------------------------------------------


def assemble(entries: Iterable[Entry], slow_ms: float = 50.0) -> TraceTree:
    """Return the tree of one trace's entries.

    An emission or a task whose cause is not among them becomes a root and is marked an orphan; so does
    one whose chain of causes never reaches a root (which only damaged entries have).
    """
    held = settled(entry for entry in entries if not isinstance(entry, Gap | Sampled))
    nodes: dict[str, Node] = {}
    for entry in held:
        if isinstance(entry, Emission) and entry.id not in nodes:
            nodes[entry.id] = Node(entry, microseconds(entry.at), {})
    places = Places(nodes, stages(held))
    inner: list[Node | Stage] = [*nodes.values(), *places.stages.values()]
    roots: list[Branch] = [one for one in inner if places.put(one)]
    roots += _unreached(inner, places, roots)
    roots += _leaves(held, places)
    unknowns = [entry for entry in held if isinstance(entry, Unknown)]
    for one in inner:
        for children in one.caused.values():
            children.sort(key=by_start)
    roots.sort(key=by_start)
    return TraceTree(summarise(held, slow_ms), roots, slow_ms, nodes, Fates(held), places.stages, unknowns)


def _unreached(inner: list[Node | Stage], places: Places, roots: list[Branch]) -> list[Node | Stage]:
    seen = {one.id for one in reached(roots)}
    freed = []
    for one in inner:
        if one.id in seen:
            continue
        # A ring of causes: cut it at the member that was stored first.
        places.take(one)
        one.orphan = True
        freed.append(one)
        seen.update(found.id for found in reached([one]))
    return freed


def _leaves(entries: Iterable[Entry], places: Places) -> list[Leaf]:
    """Hang bypasses and transactions into the tree; return those that belong at its top."""
    roots = []
    nodes = places.nodes
    inside, doing = _first_inside(nodes), _with_effects(nodes)
    seen: set[str] = set()
    parent: Node | Stage | None
    for entry in entries:
        if isinstance(entry, Bypass) and entry.id not in seen:
            seen.add(entry.id)
            leaf = Leaf(entry, microseconds(entry.at))
            parent, call = places.of(entry.cause, entry.task)
            leaf.orphan = entry.cause is not None and parent is None
        elif isinstance(entry, Outcome) and entry.block not in seen:
            seen.add(entry.block)
            leaf = Leaf(entry, microseconds(entry.at) - round(entry.duration_us))
            parent, call = _around(leaf, inside.get(entry.block), nodes, entry.task)
            if entry.block not in inside:
                parent, call = doing.get(entry.block, (None, None))
            parent = parent or places.stages.get(entry.task)
        else:
            continue
        if parent is None:
            roots.append(leaf)
        else:
            parent.caused.setdefault(call, []).append(leaf)
    return roots


def _first_inside(nodes: dict[str, Node]) -> dict[str, Node]:
    """Return for each block an emission that was sent in it."""
    found: dict[str, Node] = {}
    for node in nodes.values():
        transaction = node.emission.transaction
        for block in transaction.blocks if transaction else ():
            found.setdefault(block, node)
    return found


def _with_effects(nodes: dict[str, Node]) -> dict[str, tuple[Node, int]]:
    """Return for each block a call that did something outside the database in it."""
    found: dict[str, tuple[Node, int]] = {}
    for node in nodes.values():
        for index, call in enumerate(node.emission.calls):
            for block in (block for effect in call.effects for block in effect.blocks or ()):
                found.setdefault(block, (node, index))
    return found


def _around(
    leaf: Leaf, inside: Node | None, nodes: dict[str, Node], task: str
) -> tuple[Node | None, int | None]:
    """Return the call in which a transaction began: the first around ``inside`` that is older than it."""
    for _ in range(len(nodes)):
        cause = inside.emission.cause if inside else None
        inside = nodes.get(cause.emission) if cause else None
        if inside is None or cause is None or cause.call is None or inside.task != task:
            return None, None
        if cause.call >= len(inside.emission.calls):
            return None, None
        if inside.call_start(cause.call) <= leaf.start_us + _JITTER_US:
            return inside, cause.call
    return None, None
