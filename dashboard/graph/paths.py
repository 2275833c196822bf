"""The paths that lead through nodes: what sent to them, and what they led to.

Comes in: a graph and some of its nodes. Goes out: the edges of every path that was taken, or could
be, by way of them. static/signalscope/js/paths.js lights the same ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from .model import ORIGINS, RECEIVERS, SENDERS, Edge, Graph, Node


class Paths:
    """The edges of a graph, by where they begin and end."""

    def __init__(self, graph: Graph) -> None:
        self._into: dict[Node, list[Edge]] = defaultdict(list)
        self._from: dict[Node, list[Edge]] = defaultdict(list)
        self._box = {row: node for column in graph.columns for node in column for row in node.rows}
        for edge in graph.edges:
            self._into[edge.target].append(edge)
            self._from[edge.source].append(edge)

    def through(self, node: Node) -> set[Edge]:
        """Return the edges of the paths through one node."""
        nodes = {node, *node.rows}
        if node.column == ORIGINS:
            flows = self._leaving(nodes)
            wanted = self._points(flows)
            senders = {edge.target for edge in flows}
            to_points = {edge for edge in self._leaving(senders) if edge.target.id in wanted}
            return flows | to_points | self._after({edge.target for edge in to_points})
        if node.column == SENDERS:
            to_points = self._leaving(nodes)
            return self._arriving(nodes) | to_points | self._after({edge.target for edge in to_points})
        if node.column == RECEIVERS:
            into = self._arriving(nodes)
            points = {part for edge in into for part in (edge.source, *edge.source.rows)}
            before = {edge for edge in self._before(points) if not edge.caused}
            return into | before | self._leaving(nodes, caused=True)
        return self._before(nodes) | self._after(nodes)

    def _before(self, points: Collection[Node]) -> set[Edge]:
        """Return what leads to these emission points, from senders, origins and causing receivers."""
        ids = {point.id for point in points}
        into = {edge for point in points for edge in self._into[point]}
        senders = {edge.source for edge in into if not edge.caused}
        flows = {
            edge for edge in self._arriving(senders) if edge.source.column == ORIGINS and ids & set(edge.via)
        }
        return into | flows

    def _after(self, points: Collection[Node]) -> set[Edge]:
        """Return the edges to the receivers of these points, those for all senders included."""
        return self._leaving({*points, *(self._box[point] for point in points if point in self._box)})

    def _leaving(self, nodes: Iterable[Node], *, caused: bool = False) -> set[Edge]:
        return {edge for node in nodes for edge in self._from[node] if edge.caused is caused}

    def _arriving(self, nodes: Iterable[Node]) -> set[Edge]:
        return {edge for node in nodes for edge in self._into[node] if not edge.caused}

    @staticmethod
    def _points(flows: Iterable[Edge]) -> set[str]:
        return {point for edge in flows for point in edge.via}
