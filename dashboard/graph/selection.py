"""Which nodes are drawn: those that were seen, that are looked for, that have room.

Comes in: a whole graph. Goes out: a smaller one. Its signals lose the rows that are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from .model import ORIGINS, RECEIVERS, SENDERS, SIGNALS, Edge, Graph, Node
from .paths import Paths

Rank = tuple[bool, bool, bool, int, int, int, tuple[str, ...]]
_RankOf = Callable[[Node], Rank]


def without_idle(graph: Graph) -> Graph:
    """Return the graph without the nodes and edges that the window saw nothing of."""
    return _of(graph, {node for node in graph.nodes() if not node.idle}, lambda edge: not edge.idle)


def without_caused(graph: Graph) -> Graph:
    """Return the graph without the edges that lead back from receivers."""
    return _of(graph, set(graph.nodes()), lambda edge: not edge.caused)


def keep_paths(graph: Graph, nodes: Iterable[Node]) -> Graph:
    """Return the graph of these nodes and of everything on a path through one of them."""
    paths = Paths(graph)
    wanted = list(nodes)
    edges = {edge for node in wanted for edge in paths.through(node)}
    kept = {*wanted, *(row for node in wanted for row in node.rows)}
    kept |= {node for edge in edges for node in (edge.source, edge.target)}
    kept |= {node for node in graph.nodes() if not kept.isdisjoint(node.rows)}
    return _of(graph, kept, edges.__contains__)


def keep_busiest(graph: Graph, limits: tuple[int, int, int, int], chosen: str = "") -> Graph:
    """Return the graph with at most so many rows in each column, edges to the others removed.

    What runs receivers comes first, then what is linked to the nodes already kept, then what is
    busiest.

    Args:
        graph: the whole graph, not grouped.
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
        runs = node.kind not in ("point", "ghost") or any(
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

    _signal_of = {point: signal for signal in graph.columns[SIGNALS] for point in signal.rows}
    hidden = [0, 0, 0, 0]
    for number in (SIGNALS, SENDERS, RECEIVERS, ORIGINS):
        column = graph.columns[number]
        keep = _signals if number == SIGNALS else _plain
        before = len(kept)
        kept |= keep(column, limits[number], rank)
        rows = len(column) + sum(len(node.rows) for node in column)
        hidden[number] = rows - (len(kept) - before)
    drawn = _of(graph, kept, lambda edge: True)
    drawn.hidden = tuple(hidden)
    return drawn


def _plain(column: list[Node], limit: int, rank: _RankOf) -> set[Node]:
    return set(sorted(column, key=rank)[:limit])


def _signals(column: list[Node], limit: int, rank: _RankOf) -> set[Node]:
    """Keep the best points, each with its signal, as long as there are rows."""
    signal_of = {part: signal for signal in column for part in (signal, *signal.rows)}
    kept: set[Node] = set()
    bare = [signal for signal in column if not signal.rows]
    for part in sorted((point for signal in column for point in signal.rows), key=rank) + sorted(
        bare, key=rank
    ):
        needed = {part, signal_of[part]} - kept
        if len(kept) + len(needed) <= limit:
            kept |= needed
    return kept


def _of(graph: Graph, kept: Collection[Node], wanted: Callable[[Edge], bool]) -> Graph:
    for node in graph.columns[SIGNALS]:
        node.rows = [row for row in node.rows if row in kept]
    columns = [[node for node in column if node in kept] for column in graph.columns]
    edges = [edge for edge in graph.edges if edge.source in kept and edge.target in kept and wanted(edge)]
    return Graph(columns, edges, graph.hidden)
