"""In which order the nodes of each column stand, so that few edges cross.

Comes in: a graph in the order of its names. Goes out: the same graph, each column reordered by
the barycentres of its neighbours, what is idle below what is not.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby

from .model import RECEIVERS, Edge, Graph, Node, with_rows

_SWEEPS = 6

_Neighbours = dict[Node, list[Node]]


def arrange(graph: Graph) -> None:
    """Reorder the graph's columns, and the rows within each box, in place.

    The result depends on nothing but the graph, and never crosses more edges than the order given
    (compared with what is idle moved below what is not).
    """
    before, after = _neighbours(graph.edges)
    for column in graph.columns:
        column.sort(key=_is_idle)
        for node in column:
            if _is_flat(node):
                node.rows.sort(key=_is_idle)
    best, fewest = _snapshot(graph), crossings(graph)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for number in (1, 2, 3) if forward else (2, 1, 0):
            _sort_column(graph, number, before if forward else after, after if forward else before)
        count = crossings(graph)
        if count < fewest:
            best, fewest = _snapshot(graph), count
    _restore(graph, best)


def crossings(graph: Graph) -> int:
    """Return how many pairs of forward edges cross, with the columns in their present order."""
    place = {node: index for column in graph.columns for index, node in enumerate(with_rows(column))}
    gaps: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for edge in graph.edges:
        if not edge.caused:
            gap = RECEIVERS if edge.target.column == RECEIVERS else edge.source.column
            gaps[gap].append((place[edge.source], place[edge.target]))
    return sum(_inversions(sorted(pairs)) for pairs in gaps.values())


def _inversions(pairs: list[tuple[int, int]]) -> int:
    seen: list[int] = []
    count = 0
    for _, group in groupby(pairs, key=lambda pair: pair[0]):
        targets = [target for _, target in group]
        count += sum(len(seen) - bisect_left(seen, target + 1) for target in targets)
        for target in targets:
            insort(seen, target)
    return count


def _is_idle(node: Node) -> bool:
    return node.idle


def _is_flat(node: Node) -> bool:
    """Return whether the node's rows may change places: none of them holds others."""
    return all(row.depth == 1 and not row.opened for row in node.rows)


def _snapshot(graph: Graph) -> list[list[tuple[Node, list[Node]]]]:
    return [[(node, list(node.rows)) for node in column] for column in graph.columns]


def _restore(graph: Graph, columns: list[list[tuple[Node, list[Node]]]]) -> None:
    for column, nodes in zip(graph.columns, columns, strict=True):
        column[:] = [node for node, _ in nodes]
        for node, rows in nodes:
            node.rows = rows


def _neighbours(edges: Iterable[Edge]) -> tuple[_Neighbours, _Neighbours]:
    """Return who stands before and after each node; an idle edge does not move what is not idle."""
    before: _Neighbours = defaultdict(list)
    after: _Neighbours = defaultdict(list)
    for edge in edges:
        if edge.caused:
            continue
        if edge.target.idle or not edge.idle:
            before[edge.target].append(edge.source)
        if edge.source.idle or not edge.idle:
            after[edge.source].append(edge.target)
    return before, after


def _sort_column(graph: Graph, number: int, near: _Neighbours, far: _Neighbours) -> None:
    place: dict[Node, float] = {}
    for column in graph.columns[max(number - 1, 0) : number + 2]:
        rows = list(with_rows(column))
        place.update((node, (index + 0.5) / len(rows)) for index, node in enumerate(rows))

    def key(node: Node) -> tuple[bool, float]:
        parts = (node, *node.rows)
        for neighbours in (near, far):
            places = [place[other] for part in parts for other in neighbours.get(part, ())]
            if places:
                return node.idle, sum(places) / len(places)
        return node.idle, place[node]

    column = graph.columns[number]
    column.sort(key=key)
    for node in column:
        if _is_flat(node):
            node.rows.sort(key=key)
