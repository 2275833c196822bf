"""Where a trace's time went: own time, the critical path, totals per receiver and per signal.

Comes in: a tree of nodes. Goes out: microseconds. *Own* leaves out the emissions that a call
caused; the critical path is the chain of calls without which the trace would have been shorter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from .branches import Branch, Node, Stage, reached
from .flags import Flag, of_call, ordered

_JITTER_US = 2.0
_SHARE = 0.005


def own_us(node: Node, index: int) -> float:
    """Return how long the call ran outside of the emissions it caused."""
    start = node.call_start(index)
    duration = node.emission.calls[index].duration_us
    return max(duration - covered(node.nodes(index), start, start + duration), 0.0)


def covered(nodes: Iterable[Node], start: float, end: float) -> float:
    """Return how much of the stretch lies under at least one of the nodes."""
    total, reached = 0.0, start
    for node in sorted(nodes, key=lambda node: node.start_us):
        begin, finish = max(node.start_us, reached), min(node.start_us + node.duration_us, end)
        if finish > begin:
            total += finish - begin
            reached = finish
    return total


# --- the critical path ---------------------------------------------------------------------------


class Step(NamedTuple):
    """What one receiver adds to the critical path; no receiver for what ran outside of all."""

    receiver: str
    family: str
    own_us: float
    share: float

    @property
    def percent(self) -> str:
        """Its part of the whole trace."""
        return f"{100 * self.share:.0f}"


class CriticalPath(NamedTuple):
    """The steps, the longest first; the keys of the call rows that matter; what the steps add up to."""

    steps: list[Step]
    keys: frozenset[str]
    sum_us: float


class _Item(NamedTuple):
    """The origin (no node), an emission (no call) or a call, as a stretch of time."""

    start: float
    end: float
    node: Node | None = None
    call: int | None = None


def critical_path(roots: Sequence[Branch], start_us: float, took_us: float) -> CriticalPath:
    """Return the critical path of the trace that began at ``start_us`` and took ``took_us``.

    Read backwards from the end: whatever ended last before is what was waited for.
    """
    own: dict[tuple[str, int], float] = {}
    families: dict[str, str] = {}
    receivers: Counter[str] = Counter()
    top = [one for one in roots if isinstance(one, Node)]
    waiting = [(_Item(start_us, start_us + took_us), start_us + took_us)]
    while waiting:
        item, until = waiting.pop()
        rest = until
        spent = 0.0
        for child in sorted(_children(item, top), key=lambda child: child.end, reverse=True):
            if child.end > rest + _JITTER_US or child.start < item.start - _JITTER_US:
                continue
            spent += max(rest - child.end, 0.0)
            waiting.append((child, min(child.end, rest)))
            rest = min(rest, child.start)
        spent += max(rest - item.start, 0.0)
        if item.node is None or item.call is None:
            receivers[""] += spent  # type: ignore[assignment]  # Counter takes any number
            continue
        call = item.node.emission.calls[item.call]
        own[item.node.emission.id, item.call] = spent
        families.setdefault(call.receiver, item.node.emission.family)
        receivers[call.receiver] += spent  # type: ignore[assignment]
    total = max(took_us, 1.0)
    steps = [
        Step(receiver, families.get(receiver, "none"), spent, spent / total)
        for receiver, spent in receivers.most_common()
        if spent > 0
    ]
    keys = frozenset(f"{one}.{call}" for (one, call), spent in own.items() if spent >= total * _SHARE)
    return CriticalPath(steps, keys, sum(step.own_us for step in steps))


def _children(item: _Item, top: list[Node]) -> Iterator[_Item]:
    if item.node is None:
        for node in top:
            yield _Item(node.start_us, node.start_us + node.duration_us, node)
    elif item.call is None:
        for index, call in enumerate(item.node.emission.calls):
            start = item.node.call_start(index)
            yield _Item(start, start + call.duration_us, item.node, index)
    else:
        for node in item.node.nodes(item.call):
            yield _Item(node.start_us, node.start_us + node.duration_us, node)


# --- totals --------------------------------------------------------------------------------------


class Total(msgspec.Struct):
    """What a receiver or a signal took in the trace. ``total_us`` counts nested runs of itself once."""

    name: str
    family: str
    emissions: int = 0
    calls: int = 0
    queries: int = 0
    total_us: float = 0.0
    own_us: float = 0.0
    flags: dict[str, Flag] = {}

    @property
    def badges(self) -> list[Flag]:
        """The flags its runs had, each once."""
        return ordered(self.flags.values())


class Totals(NamedTuple):
    """Totals per receiver and per signal, the most own time first; ``in_receivers_us`` is all of it."""

    by_receiver: list[Total]
    by_signal: list[Total]
    in_receivers_us: float


def totals(roots: Iterable[Branch], slow_ms: float) -> Totals:
    """Return what each receiver and each signal of the tree took, what tasks ran included."""
    top = list(roots)
    # A task runs beside what sent it, not in it: what it sent counts for itself.
    inside = [one for stage in reached(top) if isinstance(stage, Stage) for one in stage.caused.get(None, ())]
    roots = [*top, *inside]
    receivers: dict[str, Total] = {}
    signals: dict[str, Total] = {}
    running: Counter[str] = Counter()
    in_receivers = 0.0
    for node, index, leave in _steps(roots):
        emission = node.emission
        name = emission.signal if index is None else emission.calls[index].receiver
        key = f"{'signal' if index is None else 'receiver'} {name}"
        if leave:
            running[key] -= 1
            continue
        running[key] += 1
        held = signals if index is None else receivers
        total = held.get(name) or held.setdefault(name, Total(name, emission.family, flags={}))
        if index is None:
            _add_emission(total, node, nested=running[key] > 1)
        else:
            own = own_us(node, index)
            in_receivers += own
            _add_call(total, node, index, own, slow_ms, nested=running[key] > 1)
            signals[emission.signal].own_us += own
    return Totals(_sorted(receivers), _sorted(signals), in_receivers)


def _add_emission(total: Total, node: Node, *, nested: bool) -> None:
    total.emissions += 1
    total.calls += len(node.emission.calls)
    total.queries += sum(call.queries for call in node.emission.calls)
    total.total_us += 0.0 if nested else node.duration_us


def _add_call(total: Total, node: Node, index: int, own: float, slow_ms: float, *, nested: bool) -> None:
    call = node.emission.calls[index]
    total.calls += 1
    total.queries += call.queries
    total.total_us += 0.0 if nested else call.duration_us
    total.own_us += own
    for flag in of_call(call, slow_ms):
        total.flags.setdefault(flag.name, flag)


def _sorted(held: dict[str, Total]) -> list[Total]:
    by: Callable[[Total], tuple[float, float, str]] = lambda one: (-one.own_us, -one.total_us, one.name)  # noqa: E731
    return sorted(held.values(), key=by)


def _steps(roots: Iterable[Branch]) -> Iterator[tuple[Node, int | None, bool]]:
    """Enter and leave every emission and every call, outer ones first."""
    stack: list[tuple[Node, int | None, bool]] = [
        (one, None, False) for one in reversed(list(roots)) if isinstance(one, Node)
    ]
    while stack:
        node, index, leave = stack.pop()
        yield node, index, leave
        if leave:
            continue
        stack.append((node, index, True))
        if index is not None:
            stack.extend((child, None, False) for child in reversed(node.nodes(index)))
            continue
        known = range(len(node.emission.calls))
        loose = [at for at in node.caused if at not in known]
        stack.extend((child, None, False) for at in loose for child in reversed(node.nodes(at)))
        stack.extend((node, at, False) for at in reversed(known))
