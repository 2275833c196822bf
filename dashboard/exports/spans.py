"""A trace as spans: stretches of time that lie within one another.

Comes in: entries. Goes out: ``Span`` values, parents before children: the origin, what it sent,
the receivers that ran, their first queries, bypasses and transactions. Times are whole
nanoseconds since 1970; a span lies within its parent, but for work that outlived it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Literal, NamedTuple

from ..events import Bypass, Call, Emission, Entry, Origin, Outcome, Process, Statement, Task
from ..traces.branches import Branch, Leaf, Node, Stage
from ..traces.summaries import TraceSummary
from ..traces.tree import TraceTree, assemble

MAX_QUERIES = 200
"""So many queries of one call become spans; their number and their time stand on the call."""

# An entry's time is rounded to microseconds, a duration is not: a child may stand out by that much.
_JITTER_NS = 5_000

Kind = Literal["origin", "task", "emission", "call", "query", "bypass", "transaction"]


class Span(NamedTuple):
    """A stretch of time. ``id`` is 16 hex digits; ``parent`` is the id of the span around it, or empty."""

    kind: Kind
    id: str
    parent: str
    name: str
    start_ns: int
    end_ns: int
    process: Process | None
    origin: Origin | None = None
    task: Task | None = None
    emission: Emission | None = None
    call: Call | None = None
    statement: Statement | None = None
    bypass: Bypass | None = None
    outcome: Outcome | None = None
    rolled_back: bool = False


def span_id(*parts: str | int) -> str:
    """Return the id of the span that these parts name, the same in every export."""
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def spans(entries: Sequence[Entry]) -> list[Span]:
    """Return the spans of one trace's entries."""
    tree = assemble(entries)
    top = _origin(tree.summary)
    found = [top]
    stack: list[tuple[Span, Branch]] = [(top, branch) for branch in reversed(tree.roots)]
    while stack:
        parent, branch = stack.pop()
        if isinstance(branch, Leaf):
            found.append(_leaf(branch, parent))
            continue
        if isinstance(branch, Stage):
            stage = _task(branch, parent)
            found.append(stage)
            stack.extend((stage, child) for child in reversed(branch.caused.get(None, [])))
            continue
        outer = _emission(branch, parent, tree)
        found.append(outer)
        inner = {index: _call(branch, index, outer) for index in range(len(branch.emission.calls))}
        for index, span in inner.items():
            found.append(span)
            found.extend(_queries(branch.emission.calls[index], span))
        for at in sorted(branch.caused, key=lambda at: -1 if at is None else at, reverse=True):
            around = inner.get(at, outer) if at is not None else outer
            stack.extend((around, child) for child in reversed(branch.caused[at]))
    return found


def _origin(summary: TraceSummary) -> Span:
    origin = summary.origin
    name = " ".join(part for part in (summary.verb, summary.title) if part)
    start = summary.started_us * 1000
    return Span(
        "origin",
        span_id(summary.trace),
        "",
        name,
        start,
        start + round(summary.took_us * 1000),
        summary.process,
        origin=origin,
    )


def _task(stage: Stage, parent: Span) -> Span:
    task = stage.entry
    start = stage.start_us * 1000
    end = start + round(task.duration_us * 1000)
    name = f"{task.verb} {task.title}"
    return Span("task", span_id(task.id), parent.id, name, start, end, task.process, task=task)


def _emission(node: Node, parent: Span, tree: TraceTree) -> Span:
    emission = node.emission
    fate = tree.fates.of(emission.transaction)
    name = f"{emission.name} {emission.sender}" if emission.sender else emission.name
    start, end = _within(node.start_us * 1000, emission.duration_us, parent)
    return Span(
        "emission",
        span_id(emission.id),
        parent.id,
        name,
        start,
        end,
        emission.process,
        emission=emission,
        rolled_back=fate is not None and fate.rolled_back,
    )


def _call(node: Node, index: int, parent: Span) -> Span:
    emission = node.emission
    call = emission.calls[index]
    begin = node.start_us * 1000 + round(call.offset_us * 1000)
    start, end = _within(begin, call.duration_us, parent)
    return Span(
        "call",
        span_id(emission.id, index),
        parent.id,
        call.receiver,
        start,
        end,
        emission.process,
        emission=emission,
        call=call,
        rolled_back=parent.rolled_back,
    )


def _queries(call: Call, parent: Span) -> Iterator[Span]:
    """Yield a span for each query whose time is known. Its own duration is the mean of its shape."""
    runs = (
        sorted(
            (offset, number, statement)
            for number, statement in enumerate(call.statements)
            for offset in statement.offsets_us
        )
        if call.statements
        else []
    )
    reached = parent.start_ns
    for place, (offset, _, statement) in enumerate(runs[:MAX_QUERIES]):
        begin = max(parent.start_ns + round(offset * 1000), reached)
        following = runs[place + 1][0] if place + 1 < len(runs) else None
        duration = statement.duration_us / max(statement.times, 1)
        if following is not None:
            duration = min(duration, max(following - offset, 0.0))
        start, end = _within(min(begin, parent.end_ns), duration, parent)
        end = min(end, parent.end_ns)
        reached = end
        yield Span(
            "query",
            span_id(parent.id, place),
            parent.id,
            statement.sql[:80],
            start,
            end,
            parent.process,
            statement=statement,
        )


def _leaf(leaf: Leaf, parent: Span) -> Span:
    entry = leaf.entry
    start, end = _within(leaf.start_us * 1000, entry.duration_us, parent)
    process = entry.process or parent.process
    if isinstance(entry, Bypass):
        name = f"{entry.operation} {entry.sender}"
        return Span("bypass", span_id(entry.id), parent.id, name, start, end, process, bypass=entry)
    name = f"{'savepoint' if entry.savepoint else 'transaction'}, {entry.state}"
    return Span("transaction", span_id(entry.block), parent.id, name, start, end, process, outcome=entry)


def _within(start: int, duration_us: float, parent: Span) -> tuple[int, int]:
    """Return the stretch, moved into its parent where it stands out by no more than the rounding."""
    end = start + round(duration_us * 1000)
    if parent.start_ns - _JITTER_NS <= start < parent.start_ns:
        start = parent.start_ns
    if parent.end_ns < end <= parent.end_ns + _JITTER_NS:
        end = parent.end_ns
    return start, max(start, end)
