"""The paths of the edges: where they leave and meet their boxes, how they bend, how thick they are.

Comes in: a graph whose boxes are placed. Goes out: SVG path data and stroke widths.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from .model import Edge, Graph, Node

_THINNEST = 1.2
_STEP = 4.5
# Emissions per second above which the busiest edge has its full thickness.
_BUSY = 0.5


def draw_edges(graph: Graph, thickest: float, header: float) -> None:
    """Set ``path`` and ``width`` of every edge.

    Args:
        graph: boxes placed.
        thickest: the stroke width of the busiest edge.
        header: the height of a signal's own row, which its edges leave from.
    """
    leaving, arriving = _ports(graph.edges, header)
    busiest = max(
        (edge.figures.rate for edge in graph.edges if edge.figures and not edge.caused), default=0.0
    )
    for edge in graph.edges:
        edge.width = _thickness(edge, max(busiest, _BUSY), thickest)
        draw = _back if edge.caused else _forward
        edge.path = draw(edge, leaving[edge], arriving[edge])


def _thickness(edge: Edge, busiest: float, thickest: float) -> float:
    if edge.idle or edge.figures is None:
        return 1.0
    share = math.sqrt(min(edge.figures.rate / busiest, 1.0))
    most = thickest / 2 if edge.caused else thickest
    return round(_THINNEST + share * (most - _THINNEST), 2)


def _ports(edges: Iterable[Edge], header: float) -> tuple[dict[Edge, float], dict[Edge, float]]:
    """Return at which height each edge leaves its source and meets its target.

    On a box's right side forward edges leave and caused ones arrive; on its left the other way
    round. Those of one side are spread in the order of where they lead, so that they do not cross.
    """
    right: dict[Node, list[tuple[float, Edge, Node]]] = defaultdict(list)
    left: dict[Node, list[tuple[float, Edge, Node]]] = defaultdict(list)
    for edge in edges:
        first, last = (edge.target, edge.source) if edge.caused else (edge.source, edge.target)
        right[first].append((_level(last, header), edge, first))
        left[last].append((_level(first, header), edge, last))
    heights: tuple[dict[Edge, float], dict[Edge, float]] = ({}, {})
    for side, sides_of in ((0, right), (1, left)):
        for node, ends in sides_of.items():
            ends.sort(key=lambda end: end[0])
            for (_, edge, _), y in zip(ends, _spread(node, len(ends), header), strict=True):
                heights[side ^ edge.caused][edge] = y
    return heights


def _spread(node: Node, count: int, header: float) -> list[float]:
    height = header if node.headed else node.height
    step = min(_STEP, (height - 8) / max(count - 1, 1))
    start = _level(node, header) - step * (count - 1) / 2
    return [round(start + step * index, 1) for index in range(count)]


def _level(node: Node, header: float) -> float:
    return node.y + header / 2 if node.headed else node.middle


def _forward(edge: Edge, y1: float, y2: float) -> str:
    x1, x2 = edge.source.x + edge.source.width, edge.target.x
    middle = (x1 + x2) / 2
    return f"M{x1:.1f} {y1}C{middle:.1f} {y1} {middle:.1f} {y2} {x2:.1f} {y2}"


def _back(edge: Edge, y1: float, y2: float) -> str:
    """A caused edge swings wider than the others, and stops short to leave room for its arrow."""
    x1, x2 = edge.source.x, edge.target.x + edge.target.width + 4
    bow = (x1 - x2) * 0.85
    return f"M{x1:.1f} {y1}C{x1 - bow:.1f} {y1} {x2 + bow:.1f} {y2} {x2:.1f} {y2}"
