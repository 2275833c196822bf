"""Which nodes are drawn where not all have room.

Comes in: a whole graph. Goes out: a graph of the busiest nodes of each column, the rest counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from .model import ORIGINS, RECEIVERS, SENDERS, SIGNALS, Graph, Node

Rank = tuple[bool, bool, bool, int, int, int, tuple[str, ...]]
_RankOf = Callable[[Node], Rank]


def keep_busiest(graph: Graph, limits: tuple[int, int, int, int], chosen: str = "") -> Graph:
    """Return the graph with at most so many rows in each column, edges to the others removed.

    What runs receivers comes first, then what is linked to the nodes already kept, then what is
    busiest.

    Args:
        graph: the whole graph. Its signals lose the points that are left out.
        limits: rows for each column; in the third, a signal is a row, and each of its points one.
        chosen: the id of a node that stays whatever its rank.
    """
    linked = defaultdict(set)
    for edge in graph.edges:
        linked[edge.source].add(edge.target)
        linked[edge.target].add(edge.source)
    kept: set[Node] = set()

    def rank(node: Node) -> Rank:
        near = linked[node]
        runs = node.kind != "point" or any(
            other.kind == "receiver" for other in near | linked[_signal_of[node]]
        )
        is_linked = not kept.isdisjoint(near)
        return (
            node.id != chosen,
            not runs,
            not is_linked,
            -node.count,
            -node.traces,
            -node.registered,
            node.key,
        )

    _signal_of = {point: signal for signal in graph.columns[SIGNALS] for point in signal.points}
    hidden = [0, 0, 0, 0]
    for number in (SIGNALS, SENDERS, RECEIVERS, ORIGINS):
        column = graph.columns[number]
        keep = _signals if number == SIGNALS else _plain
        before = len(kept)
        kept |= keep(column, limits[number], rank)
        rows = len(column) + sum(len(node.points) for node in column)
        hidden[number] = rows - (len(kept) - before)
    return _without(graph, kept, tuple(hidden))


def _plain(column: list[Node], limit: int, rank: _RankOf) -> set[Node]:
    return set(sorted(column, key=rank)[:limit])


def _signals(column: list[Node], limit: int, rank: _RankOf) -> set[Node]:
    """Keep the best points, each with its signal, as long as there are rows."""
    signal_of = {part: signal for signal in column for part in (signal, *signal.points)}
    kept: set[Node] = set()
    bare = [signal for signal in column if not signal.points]
    for part in sorted((point for signal in column for point in signal.points), key=rank) + sorted(
        bare, key=rank
    ):
        needed = {part, signal_of[part]} - kept
        if len(kept) + len(needed) <= limit:
            kept |= needed
    return kept


def _without(graph: Graph, kept: set[Node], hidden: tuple[int, ...]) -> Graph:
    for node in graph.columns[SIGNALS]:
        node.points = [point for point in node.points if point in kept]
    columns = [[node for node in column if node in kept] for column in graph.columns]
    edges = [edge for edge in graph.edges if edge.source in kept and edge.target in kept]
    return Graph(columns, edges, hidden)
