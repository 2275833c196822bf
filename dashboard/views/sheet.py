"""What is to be said about one node of the graph: figures, neighbours, registrations, source, traces.

Comes in: the node, its graph, the figures of the window. Goes out: plain values for the sheet's
template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from ..graph import Edge, Graph, Node, clean, heat, rate, short_names
from ..query import parse
from ..registrations import Registration
from ..statistics import Figures, Sample, Statistics
from ..traces.flags import is_slow
from .looks import live_address, query_for
from .source import Source, source_of

MOST_LINKS = 12
MOST_REGISTRATIONS = 8
MOST_TRACES = 3

_FLOOR = 52


class Bar(NamedTuple):
    """A bar of the histogram, in percent of its width and units of its height."""

    x: str
    y: float
    width: str
    height: float


class Hist(NamedTuple):
    """A histogram: bars, the duration at its right end, and where the limit of *slow* lies, in percent."""

    bars: list[Bar]
    top_us: float
    slow_at: float | None
    words: str


class Neighbour(NamedTuple):
    """A node at the other end of an edge, and what the edge carried.

    ``label`` is its short name, ``of`` a second name beside it: a point's sender, or the sender of the
    edge when the sheet is that of a whole signal.
    """

    node: Node
    label: str
    of: str
    rate: str
    p95_us: float | None
    errors: int
    registered: bool


class Ran(NamedTuple):
    """A run to look at: how long it took, what started its trace, when, and the address."""

    duration_us: float
    origin: str
    at: datetime
    failed: bool
    href: str


class Sheet(NamedTuple):
    """Everything the sheet shows. ``figures`` is ``None`` for what the window saw nothing of."""

    node: Node
    label: str
    figures: Figures | None
    rate: str
    heat: int
    is_slow: bool
    hist: Hist | None
    groups: list[tuple[str, list[Neighbour], int]]
    registered: int
    registrations: list[Registration]
    source: Source | None
    slowest: list[Ran]
    latest: list[Ran]
    filter: str


def sheet_of(
    node: Node,
    graph: Graph,
    statistics: Statistics,
    registered: Iterable[Registration],
    slow_ms: float,
) -> Sheet:
    """Return the sheet of a node. Of an origin, the durations are those of its whole traces."""
    seen = statistics.nodes.get(node.key) or node.figures
    figures = statistics.requests.get(node.key) if node.kind == "origin" else seen
    own = [one for one in registered if _belongs(one, node)]
    return Sheet(
        node=node,
        label=_label(node),
        figures=figures,
        rate=rate(seen.count, seen.rate) if seen else "",
        heat=heat(figures.p95_us) if figures else 0,
        is_slow=figures is not None and is_slow(figures.p95_us, slow_ms),
        hist=_hist(figures, slow_ms) if figures else None,
        groups=_neighbours(node, graph),
        registered=len(own),
        registrations=own[:MOST_REGISTRATIONS],
        source=source_of(node.name) if node.kind == "receiver" and node.registered else None,
        slowest=_runs(figures.slowest(MOST_TRACES), statistics) if figures else [],
        latest=_runs(figures.latest(MOST_TRACES), statistics) if figures else [],
        filter=live_address(query_for(node)),
    )


def _label(node: Node) -> str:
    name = node.key[1]
    most = 2 if node.kind == "sender" else 1
    if node.kind in ("bypass", "ghost"):
        return clean(node.key[1])
    return clean(name) if node.kind == "origin" else short_names([name], most)[name] or "no sender"


def _belongs(one: Registration, node: Node) -> bool:
    if node.kind == "receiver":
        return one.receiver == node.name
    if node.kind == "signal":
        return one.signal == node.name
    if node.kind == "point":
        return one.signal == node.key[1] and one.sender in (None, node.name)
    return node.kind == "sender" and one.sender == node.name


def _hist(figures: Figures, slow_ms: float) -> Hist:
    top_us, counts = figures.histogram()
    most, width = max(counts) or 1, 97 / len(counts)
    bars = []
    for index, count in enumerate(counts):
        if count:
            height = max(round(count / most * (_FLOOR - 8), 1), 1.0)
            bars.append(Bar(f"{1.5 + index * width:.2f}%", _FLOOR - height, f"{width * 0.82:.2f}%", height))
    slow_at = slow_ms * 1000 / top_us
    words = f"{figures.count:,} durations; half of them up to {figures.p50_us / 1000:.1f} ms"
    return Hist(bars, top_us, 1.5 + slow_at * 97 if slow_at < 1 else None, words)


def _neighbours(node: Node, graph: Graph) -> list[tuple[str, list[Neighbour], int]]:
    """Describe the node's edges in words: what a reader of the drawing would see."""
    mine = {node, *node.rows}
    over = {box for box in graph.nodes() if node in box.rows}
    ways: dict[str, list[tuple[Edge, Node]]] = {title: [] for title in _WAYS}
    for edge in graph.edges:
        if edge.target in mine:
            ways[_came(edge)].append((edge, edge.source))
        if edge.source in (mine if edge.caused else mine | over):
            ways[_goes(edge)].append((edge, edge.target))
    groups = []
    for title, ends in ways.items():
        ends.sort(key=lambda end: (-end[0].count, end[1].key))
        shown = [_neighbour(edge, other, node) for edge, other in ends[:MOST_LINKS]]
        if shown:
            groups.append((title, shown, len(ends[MOST_LINKS:])))
    return groups


_WAYS = ("Comes from", "Goes to", "Caused by", "Causes", "Skipped by", "Skipped receivers")


def _came(edge: Edge) -> str:
    if edge.caused:
        return "Caused by"
    return "Skipped by" if edge.ghost and edge.target.kind == "receiver" else "Comes from"


def _goes(edge: Edge) -> str:
    if edge.caused:
        return "Causes"
    return "Skipped receivers" if edge.ghost and edge.target.kind == "receiver" else "Goes to"


def _neighbour(edge: Edge, other: Node, node: Node) -> Neighbour:
    figures = edge.figures
    kinds = ("point", "ghost")
    point = other if other.kind in kinds else edge.source if edge.source in node.rows else None
    return Neighbour(
        other,
        clean(other.key[1]) if other.kind == "ghost" else _label(other),
        (point.name or "no sender") if point else "",
        rate(figures.count, figures.rate) if figures else "",
        figures.p95_us if figures else None,
        figures.errors if figures else 0,
        edge.registered,
    )


def _runs(samples: Sequence[Sample], statistics: Statistics) -> list[Ran]:
    return [
        Ran(
            sample.duration_us,
            statistics.labels.get(sample.trace, "unknown origin"),
            sample.at,
            sample.failed,
            live_address(parse("").with_term("trace", sample.trace)),
        )
        for sample in samples
        if sample.trace
    ]
