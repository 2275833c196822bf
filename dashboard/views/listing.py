"""The graph in words, by signal: what a phone shows, and who would rather read than look.

Comes in: a whole graph. Goes out: for each signal its emission points, for each point its senders'
origins and the receivers that it runs. The busiest first, the rest counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from .. import wording
from ..graph import SIGNALS, Edge, Graph, Node, clean, heat, rate, short_names
from .looks import Look
from .scene import found_in

MOST_SIGNALS = 30
MOST_POINTS = 8
MOST_RECEIVERS = 8
MOST_ORIGINS = 3


class Run(NamedTuple):
    """A receiver below a point: how often and how long it ran there, or that it was skipped or idle."""

    node: Node
    label: str
    rate: str
    note: str
    heat: int | None
    errors: int
    causes: list[str]


class Point(NamedTuple):
    """An emission point; without a node, what listens to every sender. ``origins`` are what sent it."""

    node: Node | None
    label: str
    rate: str
    origins: list[str]
    runs: list[Run]
    more: int


class Block(NamedTuple):
    """A signal with its points."""

    node: Node
    label: str
    rate: str
    points: list[Point]
    more: int


class Listing(NamedTuple):
    """The blocks, and how many signals are not among them."""

    blocks: list[Block]
    more: int


def listing_of(graph: Graph, look: Look) -> Listing:
    """Return the graph in words. Searched for, it holds the signals on whose paths something was found."""
    reader = _Reader(graph, look)
    signals = sorted(graph.columns[SIGNALS], key=lambda node: (node.idle, -_times(node), node.key))
    wanted = [signal for signal in signals if reader.wants(signal)]
    blocks = [reader.block(signal) for signal in wanted[:MOST_SIGNALS]]
    return Listing(blocks, len(wanted[MOST_SIGNALS:]))


def _times(node: Node) -> int:
    return node.count or node.traces


class _Reader:
    def __init__(self, graph: Graph, look: Look) -> None:
        self._runs: dict[Node, list[Edge]] = defaultdict(list)
        self._senders: dict[Node, list[Edge]] = defaultdict(list)
        self._causes: dict[Node, list[Edge]] = defaultdict(list)
        self._idle = look.idle
        self._found = set(found_in(graph, look.find)) if look.find else None
        for edge in graph.edges:
            if edge.caused:
                self._causes[edge.source].append(edge)
            elif edge.target.kind == "receiver":
                self._runs[edge.source].append(edge)
            else:
                self._senders[edge.target].append(edge)

    def wants(self, signal: Node) -> bool:
        """Return whether the signal, or something on its paths, was found."""
        if self._found is None:
            return True
        near = {signal, *signal.rows}
        near |= {edge.target for node in list(near) for edge in self._runs[node]}
        near |= {edge.source for node in signal.rows for edge in self._senders[node]}
        return not self._found.isdisjoint(near)

    def block(self, signal: Node) -> Block:
        rows = sorted(signal.rows, key=lambda node: (node.idle, -_times(node), node.key))
        points = [self._point(row) for row in rows[:MOST_POINTS]]
        if self._runs[signal]:
            points.insert(0, self._listeners(None, "all senders", "", [], signal))
        rate_of = rate(signal.count, signal.figures.rate) if signal.figures else ""
        label = _label(signal)
        return Block(signal, label, rate_of or _changed(signal), points, len(rows[MOST_POINTS:]))

    def _point(self, row: Node) -> Point:
        senders = [edge.source for edge in self._senders[row]]
        flows = [flow for sender in senders for flow in self._senders[sender] if row.id in flow.via]
        flows.sort(key=lambda edge: (-edge.count, edge.source.key))
        origins = [clean(edge.source.name) for edge in flows[:MOST_ORIGINS]]
        if len(flows) > MOST_ORIGINS:
            origins.append(f"{len(flows) - MOST_ORIGINS:,} more")
        rate_of = rate(row.count, row.figures.rate) if row.figures else ""
        words = ", ".join(filter(None, (rate_of, _changed(row)))) or self._idle
        return self._listeners(row, _label(row), words, origins, row)

    def _listeners(
        self, node: Node | None, label: str, words: str, origins: Sequence[str], source: Node
    ) -> Point:
        edges = sorted(self._runs[source], key=lambda edge: (edge.idle, -edge.count, edge.target.key))
        runs = [self._run(edge) for edge in edges[:MOST_RECEIVERS]]
        return Point(node, label, words, list(origins), runs, len(edges[MOST_RECEIVERS:]))

    def _run(self, edge: Edge) -> Run:
        receiver, figures = edge.target, edge.figures
        causes = [f"{_label_of_box(one.target)} {_label(one.target)}" for one in self._causes[receiver]]
        if edge.ghost:
            return Run(receiver, _label(receiver), f"{edge.count:,}\u00d7", "skipped", None, 0, [])
        if figures is None or not figures.count:
            return Run(receiver, _label(receiver), "", self._idle, None, 0, [])
        return Run(
            receiver,
            _label(receiver),
            rate(figures.count, figures.rate),
            f"p95 {wording.took(figures.p95_us)}",
            heat(figures.p95_us),
            figures.errors,
            causes[:MOST_ORIGINS],
        )


def _label(node: Node) -> str:
    most = 2 if node.kind in ("point", "ghost") else 1
    return short_names([node.name], most)[node.name] or "no sender"


def _label_of_box(node: Node) -> str:
    return short_names([node.key[1]], 1)[node.key[1]]


def _changed(node: Node) -> str:
    return wording.many(node.changed, "row") if node.changed else ""
