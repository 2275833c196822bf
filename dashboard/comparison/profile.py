"""One side of a comparison: its entries added up by path.

Comes in: entries of one trace or of many. Goes out: a tree of ``Step``: the same signal of the same sender
within the same call is one step, however often it was sent. Children stand in the order they first began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec

from ..events import Bypass, Call, Emission, Entry, Origin
from ..traces.branches import Branch, Leaf, Node, Stage
from ..traces.timing import covered, own_us
from ..traces.tree import TraceTree, assemble

Kind = Literal["whole", "origin", "emission", "call", "bypass"]

MOST_PATHS = 20_000
_SAMPLES = 2_000
_SHAPES = 100


class Key(NamedTuple):
    """What makes two steps under the same parent the same: kind, name, and the sender."""

    kind: Kind
    name: str
    of: str = ""


class Step(msgspec.Struct, eq=False):
    """All runs of one path. ``own_us`` are the runs' own times (a bounded sample), without nested steps.

    ``queries`` are its own, ``errors`` the types of what it raised, ``shapes`` its SQL. ``example`` is the
    id of an emission to look at, and ``trace`` its trace.
    """

    key: Key
    family: str = ""
    runs: int = 0
    own_us: list[float] = []
    total_us: float = 0.0
    queries: int = 0
    shapes: set[str] = set()
    errors: Counter[str] = msgspec.field(default_factory=Counter)
    children: dict[Key, Step] = {}
    example: str = ""
    trace: str = ""

    def ran(self, own: float, total: float) -> None:
        """Count a run."""
        self.runs += 1
        self.total_us += total
        if len(self.own_us) < _SAMPLES:
            self.own_us.append(own)


def _step(key: Key, family: str) -> Step:
    return Step(key, family, own_us=[], shapes=set(), errors=Counter(), children={})


class Side(msgspec.Struct, eq=False):
    """One side: its steps below ``whole``, and what they add up to.

    ``single`` is true for one trace, whose origin is the whole. ``left_out`` runs had a path beyond the
    first ``MOST_PATHS``.
    """

    whole: Step
    single: bool
    traces: int = 0
    emissions: int = 0
    calls: int = 0
    queries: int = 0
    errors: int = 0
    took_us: float = 0.0
    paths: int = 0
    left_out: int = 0

    def below(self, above: Step, key: Key, family: str = "") -> Step:
        """Return the step below another, made if it is new; one that nobody sees if there is no room."""
        found = above.children.get(key)
        if found is None:
            found = _step(key, family)
            if self.paths < MOST_PATHS:
                self.paths += 1
                above.children[key] = found
            else:
                self.left_out += 1
        return found


LabelOf = Callable[[Origin], str]


def profile(entries: Iterable[Entry], label: LabelOf | None = None) -> Side:
    """Return the side that the entries make. With ``label`` they are a stretch, and it names its origins."""
    side = Side(_step(Key("whole", ""), ""), single=label is None)
    for tree in _trees(entries):
        step = side.whole
        if label is not None:
            origin = tree.summary.origin
            step = side.below(side.whole, Key("origin", label(origin) if origin else "unknown origin"))
            step.trace = step.trace or tree.summary.trace
        _add(side, step, tree)
    return side


def _trees(entries: Iterable[Entry]) -> Iterator[TraceTree]:
    by_trace: dict[str, list[Entry]] = {}
    for entry in entries:
        by_trace.setdefault(entry.trace, []).append(entry)
    for trace, held in by_trace.items():
        tree = assemble(held)
        if trace or tree.roots:
            yield tree


def _add(side: Side, step: Step, tree: TraceTree) -> None:
    summary = tree.summary
    took = max(summary.took_us, 0.0)
    inside = covered(
        (one for one in tree.roots if isinstance(one, Node)), summary.started_us, summary.started_us + took
    )
    step.ran(max(took - inside, 0.0), took)
    if summary.origin is not None and summary.origin.error:
        step.errors[_error_name(summary.origin.error)] += 1
    side.traces += 1
    side.took_us += took
    # By hand instead of by recursion: a loop of signals nests deeper than Python's stack.
    waiting: list[tuple[Step, Branch]] = [(step, branch) for branch in reversed(tree.roots)]
    while waiting:
        above, branch = waiting.pop()
        if isinstance(branch, Leaf):
            _add_leaf(side, above, branch)
            continue
        if isinstance(branch, Stage):
            # By path, as ever: what a task sent is compared under the call that sent the task.
            waiting.extend((above, one) for one in reversed(branch.caused.get(None, [])))
            continue
        below = _add_emission(side, above, branch.emission, branch)
        known = range(len(branch.emission.calls))
        loose = [one for index, held in branch.caused.items() if index not in known for one in held]
        waiting.extend((below, one) for one in reversed(loose))
        for index in reversed(known):
            caused = branch.caused.get(index)
            if caused:
                step = side.below(below, Key("call", branch.emission.calls[index].receiver))
                waiting.extend((step, one) for one in reversed(caused))


def _add_leaf(side: Side, above: Step, leaf: Leaf) -> None:
    bypass = leaf.entry
    if not isinstance(bypass, Bypass):
        return
    step = side.below(above, Key("bypass", bypass.operation, bypass.sender), "bypass")
    step.ran(bypass.duration_us, bypass.duration_us)
    step.trace = step.trace or bypass.trace


def _add_emission(side: Side, above: Step, emission: Emission, node: Node) -> Step:
    step = side.below(above, Key("emission", emission.signal, emission.sender or ""), emission.family)
    in_calls = sum(call.duration_us for call in emission.calls)
    step.ran(max(emission.duration_us - in_calls, 0.0), emission.duration_us)
    _exemplify(step, emission)
    side.emissions += 1
    for index, call in enumerate(emission.calls):
        below = side.below(step, Key("call", call.receiver), emission.family)
        below.ran(own_us(node, index), call.duration_us)
        _exemplify(below, emission)
        _add_call(side, below, call)
    return step


def _add_call(side: Side, step: Step, call: Call) -> None:
    side.calls += 1
    side.queries += call.queries
    step.queries += call.queries
    if len(step.shapes) < _SHAPES:
        step.shapes.update(statement.sql for statement in call.statements)
    if call.error is not None:
        step.errors[call.error.name] += 1
    elif call.outcome in ("raised", "cancelled"):
        step.errors[call.outcome] += 1
    side.errors += call.outcome == "raised"


def _exemplify(step: Step, emission: Emission) -> None:
    if not step.example:
        step.example, step.trace = emission.id, emission.trace


def _error_name(text: str) -> str:
    return text.partition(":")[0].rpartition(".")[2][:80]
