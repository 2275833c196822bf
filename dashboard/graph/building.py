"""Makes the graph of what could run and what did.

Comes in: registrations and the figures of a window. Goes out: ``Graph``, each node and edge once, in
an order that depends on names only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .model import COLUMNS, SIGNALS, Edge, Graph, Key, Node, node_id

if TYPE_CHECKING:
    from ..registrations import Registration
    from ..statistics import Figures, Statistics

_BOX_OF = {"point": "signal", "ghost": "bypass"}


def build(
    registrations: Iterable[Registration],
    statistics: Statistics,
    family_of: Callable[[str], str],
    *,
    bypasses: bool = True,
) -> Graph:
    """Return the graph of what is registered and what was measured, without coordinates.

    Args:
        registrations: every receiver connected now.
        statistics: the figures of the window.
        family_of: gives a signal's family by its dotted name.
        bypasses: whether to draw rows changed with no signal, and the receivers skipped thereby.
    """
    builder = _Builder(family_of, statistics)
    for registration in registrations:
        builder.register(registration)
    for key in statistics.nodes:
        builder.node(key)
    for key in statistics.traces:
        builder.node(key)
    for (source, target), figures in statistics.flows.items():
        builder.measure(source, target, figures)
    for (source, target), figures in statistics.bypasses.items() if bypasses else ():
        builder.bypass(source, target, figures)
    for (source, target), figures in statistics.caused.items():
        if bypasses or target[0] != "ghost":
            builder.cause(source, target, figures)
    return builder.graph()


class _Builder:
    def __init__(self, family_of: Callable[[str], str], statistics: Statistics) -> None:
        self._family_of = family_of
        self._statistics = statistics
        self._nodes: dict[Key, Node] = {}
        self._edges: dict[tuple[Key, Key], Edge] = {}
        self._causes: dict[tuple[Key, Key], Edge] = {}

    def node(self, key: Key) -> Node:
        node = self._nodes.get(key)
        if node is not None:
            return node
        kind = key[0]
        node = self._nodes[key] = Node(
            id=node_id(key),
            kind=kind,
            key=key,
            family=self._family(key),
            figures=self._statistics.nodes.get(key),
            traces=len(self._statistics.traces.get(key, ())),
            changed=self._statistics.changed[key],
        )
        if kind in _BOX_OF:
            node.depth = 1
            self.node((_BOX_OF[kind], key[1])).rows.append(node)
            if kind == "point":
                self._edge(("sender", key[2]), key)
        return node

    def _family(self, key: Key) -> str:
        if key[0] in ("bypass", "ghost"):
            return "bypass"
        return self._family_of(key[1]) if key[0] in ("signal", "point") else "none"

    def _edge(self, source: Key, target: Key) -> Edge:
        edge = self._edges.get((source, target))
        if edge is None:
            first, last = self.node(source), self.node(target)
            family = last.family if last.kind == "point" else first.family
            edge = self._edges[source, target] = Edge(first, last, family)
        return edge

    def register(self, registration: Registration) -> None:
        signal = ("signal", registration.signal)
        source: Key = signal
        if registration.sender is not None:
            source = ("point", registration.signal, registration.sender)
        receiver = self.node(("receiver", registration.receiver))
        edge = self._edge(source, receiver.key)
        edge.registered = True
        receiver.registered += 1
        for key in {signal, source}:
            self.node(key).registered += 1

    def measure(self, source: Key, target: Key, figures: Figures) -> None:
        edge = self._edge(source, target)
        edge.figures = figures
        edge.via = self._via(source, target)

    def _via(self, source: Key, target: Key) -> list[str]:
        return sorted(node_id(point) for point in self._statistics.via.get((source, target), ()))

    def bypass(self, source: Key, target: Key, figures: Figures) -> None:
        """Draw a step of a bypass; where emissions flow too, their edge says enough."""
        if (source, target) in self._edges:
            return
        edge = self._edge(source, target)
        edge.figures, edge.ghost, edge.family = figures, True, "bypass"
        edge.via = self._via(source, target)
        first, last = edge.source, edge.target
        if last.kind == "ghost":
            # What a bypass changed is seen at its sender too, though no emission was.
            last.figures = figures
            box = self.node(("bypass", last.key[1]))
            box.changed += last.changed
            box.traces += figures.count
            first.traces += figures.count
        if last.kind == "receiver":
            last.skipped += figures.count

    def cause(self, source: Key, target: Key, figures: Figures) -> None:
        point = self.node(target)
        edge = Edge(self.node(source), point, point.family, figures, caused=True)
        self._causes[source, target] = edge

    def graph(self) -> Graph:
        columns: list[list[Node]] = [[] for _ in COLUMNS]
        for key in sorted(self._nodes):
            node = self._nodes[key]
            if not node.depth:
                columns[node.column].append(node)
                node.rows.sort(key=lambda row: row.key)
        # Signals before what went by without one.
        columns[SIGNALS].sort(key=lambda node: node.kind == "bypass")
        edges = [self._edges[pair] for pair in sorted(self._edges)]
        edges += [self._causes[pair] for pair in sorted(self._causes)]
        return Graph(columns, edges)
