"""Where everything is drawn: columns, boxes, labels that fit, and the paths of the edges.

Comes in: an arranged graph and the measures of the drawing. Goes out: the same graph with
coordinates in SVG units, one unit being one pixel at the natural size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from .edges import draw_edges
from .labels import cells, clean, cut, cut_front, short_names
from .model import ORIGINS, Graph, Node, with_rows
from .placement import Wish, draw_near, place


class Baselines(msgspec.Struct, frozen=True):
    """Where text and marks stand: in the drawing (``heading``), else within their box."""

    heading: float
    box: float
    header: float
    row: float
    row_left: float
    glyph: float
    heat: float


class Metrics(msgspec.Struct, frozen=True):
    """The measures of a drawing.

    ``widths`` bounds each column's width; ``extra`` is what a box of each kind holds beside its
    label, ``extra["row"]`` what a row does, ``idle`` what one does that has no figures to show, where that
    is less; ``letter`` is the width of one cell of text; ``gutter`` is
    the least room between two columns; ``apart`` is the most that may be between two boxes of one, and
    ``stretch`` says how many times ``gap`` the boxes of the longest column may be apart
    while the drawing is lower than ``height``.
    """

    width: float
    height: float
    margin: float
    top: float
    box: float
    header: float
    row: float
    gap: float
    divider: float
    stretch: float
    letter: float
    widths: tuple[tuple[float, float], ...]
    extra: dict[str, float]
    idle: dict[str, float]
    gutter: float
    apart: float
    sender_parts: int
    thickest: float
    at: Baselines


FULL = Metrics(
    width=1056, height=720, margin=16, top=34, box=34, header=23, row=20, gap=10, divider=44, stretch=1.9,
    letter=6.63, widths=((132, 232), (116, 210), (176, 248), (150, 236)), gutter=66, apart=70,
    sender_parts=2, thickest=7,
    extra={"origin": 20, "sender": 20, "signal": 70, "bypass": 70, "receiver": 24, "group": 34, "row": 70},
    idle={},
    at=Baselines(heading=18, box=15, header=16, row=14, row_left=26, glyph=6, heat=32),
)  # fmt: skip
"""The graph's own page."""

DENSE = msgspec.structs.replace(
    FULL, box=22, gap=6, apart=40,
    extra=FULL.extra | {"origin": 66, "sender": 66, "receiver": 96, "group": 104},
    idle={"origin": 20, "sender": 20, "receiver": 24},
    at=msgspec.structs.replace(FULL.at, heat=20),
)  # fmt: skip
"""The same for long columns: a box is one line, its figures at the right."""

PANEL = Metrics(
    width=568, height=236, margin=6, top=22, box=19, header=17, row=14, gap=5, divider=16, stretch=1.6,
    letter=6.03, widths=((84, 122), (66, 96), (104, 140), (96, 156)), gutter=18, apart=24,
    sender_parts=1, thickest=5,
    extra={"origin": 16, "sender": 16, "signal": 30, "bypass": 30, "receiver": 20, "group": 16, "row": 60},
    idle={},
    at=Baselines(heading=13, box=13, header=12.5, row=10.5, row_left=22, glyph=3, heat=17),
)  # fmt: skip
"""The small graph beside the live stream."""

_MANY_BOXES = 18


def metrics_for(graph: Graph) -> Metrics:
    """Return the measures for the graph's own page: ``FULL``, or ``DENSE`` where a column is long."""
    most = max((sum(not node.headed for node in column) for column in graph.columns), default=0)
    return DENSE if most > _MANY_BOXES else FULL


def lay_out(graph: Graph, metrics: Metrics) -> None:
    """Set coordinates, labels and paths in place. The order of the columns is kept."""
    lefts, widths = _columns(graph, metrics)
    for column, left, width in zip(graph.columns, lefts, widths, strict=True):
        for node in column:
            for part in (node, *node.rows):
                part.x, part.width = left, width
            _size(node, metrics)
    bottom = _place_columns(graph, metrics)
    graph.lefts = lefts
    graph.width = round(lefts[-1] + widths[-1] + metrics.margin, 1)
    graph.height = round(bottom + metrics.margin, 1)
    draw_edges(graph, metrics.thickest, metrics.header)


# --- labels and widths -----------------------------------------------------------------------


def _columns(graph: Graph, metrics: Metrics) -> tuple[list[float], list[float]]:
    """Return where the columns begin and how wide they are; cut the labels that have no room."""
    _label(graph, metrics)
    wanted = [
        max(
            (cells(part.label) * metrics.letter + _extra(part, metrics) for part in with_rows(column)),
            default=0,
        )
        for column in graph.columns
    ]
    widths = [
        min(max(width, least), most) for width, (least, most) in zip(wanted, metrics.widths, strict=True)
    ]
    free = metrics.width - 2 * metrics.margin - 3 * metrics.gutter - sum(widths)
    for number, width in enumerate(wanted):
        more = min(max(width - widths[number], 0.0), max(free, 0.0))
        widths[number] += more
        free -= more
    for column, width in zip(graph.columns, widths, strict=True):
        for part in with_rows(column):
            room = int((width - _extra(part, metrics)) / metrics.letter)
            part.label = (cut_front if part.kind == "origin" else cut)(part.label, room)
    gutter = metrics.gutter + max(free, 0.0) / 3
    widths = [round(width, 1) for width in widths]
    lefts = [metrics.margin]
    for width in widths[:-1]:
        lefts.append(round(lefts[-1] + width + gutter, 1))
    return lefts, widths


def _extra(node: Node, metrics: Metrics) -> float:
    """Return the width that a node needs beside its label."""
    if node.depth:
        return metrics.extra["row"] + node.indent
    held = metrics.idle if node.idle and not node.headed else {}
    return held.get(node.kind, metrics.extra["signal" if node.headed else node.kind])


def _label(graph: Graph, metrics: Metrics) -> None:
    senders, others = [], []
    for node in graph.nodes():
        if node.kind == "group":
            node.label = clean(node.key[2] or node.group_words)
        elif node.column == ORIGINS:
            node.label = clean(node.name)
        elif node.kind in ("sender", "point", "ghost"):
            senders.append(node)
        else:
            others.append(node)
    _shorten(senders, metrics.sender_parts)
    _shorten([node for node in others if node.kind == "receiver"], 1)
    _shorten([node for node in others if node.kind != "receiver"], 1)


def _shorten(nodes: Sequence[Node], most: int) -> None:
    names = short_names({node.name for node in nodes}, most)
    for node in nodes:
        node.label = names[node.name] or "no sender"


# --- heights ---------------------------------------------------------------------------------


def _size(node: Node, metrics: Metrics) -> None:
    node.height = metrics.box
    if node.headed:
        node.height = metrics.header + len(node.rows) * metrics.row + (3 if node.rows else 0)
        for row in node.rows:
            row.height = metrics.row


def _place_columns(graph: Graph, metrics: Metrics) -> float:
    """Place what was seen at the top and what is idle below it; return where everything ends."""
    near = _neighbours(graph)
    seen = [[node for node in column if not node.idle] for column in graph.columns]
    idle = [[node for node in column if node.idle] for column in graph.columns]
    placed: set[Node] = set()
    bottom = metrics.top
    if any(seen):
        bottom = _place_zone(seen, bottom, near, placed, metrics)
    if any(seen) and any(idle):
        graph.divider = round(bottom + metrics.divider * 0.7, 1)
        bottom += metrics.divider
    if any(idle):
        bottom = _place_zone(idle, bottom, near, placed, metrics)
    return bottom


def _place_zone(
    columns: Sequence[Sequence[Node]],
    top: float,
    near: dict[Node, list[Node]],
    placed: set[Node],
    metrics: Metrics,
) -> float:
    """Stack the longest column, place the others beside it; return where the zone ends."""
    packed = [
        sum(node.height for node in column) + metrics.gap * max(len(column) - 1, 0) for column in columns
    ]
    first = max(range(4), key=lambda number: packed[number])
    gaps = max(len(columns[first]) - 1, 1)
    spare = max(metrics.height - top - metrics.margin - packed[first], 0.0)
    gap = metrics.gap + min(spare / gaps, metrics.gap * (metrics.stretch - 1))
    bottom = top + packed[first] + (gap - metrics.gap) * gaps
    _stack(columns[first], gap, top, metrics)
    placed.update(with_rows(columns[first]))
    for number in (*range(first - 1, -1, -1), *range(first + 1, 4)):
        column = columns[number]
        wishes = _wishes(column, near, placed, top, metrics)
        tops = place(wishes, metrics.gap, top, bottom)
        for node, y in zip(column, draw_near(tops, wishes, metrics.apart), strict=True):
            _move(node, y, metrics)
        placed.update(with_rows(column))
    return bottom


def _stack(column: Iterable[Node], gap: float, top: float, metrics: Metrics) -> None:
    y = top
    for node in column:
        _move(node, y, metrics)
        y += node.height + gap


def _move(node: Node, top: float, metrics: Metrics) -> None:
    node.y = round(top, 1)
    for index, row in enumerate(node.rows):
        row.y = node.y + metrics.header + index * metrics.row


def _neighbours(graph: Graph) -> dict[Node, list[Node]]:
    """Return what each node should stand beside; an idle neighbour does not draw one that is not."""
    near: dict[Node, list[Node]] = {}
    for edge in graph.edges:
        for one, other in ((edge.source, edge.target), (edge.target, edge.source)):
            if not edge.caused and (one.idle or not edge.idle):
                near.setdefault(one, []).append(other)
    return near


def _wishes(
    column: Sequence[Node],
    near: dict[Node, list[Node]],
    placed: set[Node],
    top: float,
    metrics: Metrics,
) -> list[Wish]:
    """Say for each box where its edges would be level; a box without placed neighbours stays put."""
    wishes, packed = [], top
    for node in column:
        _move(node, 0.0, metrics)
        levels = [
            _level(other, metrics) - _level(part, metrics)
            for part in (node, *node.rows)
            for other in near.get(part, ())
            if other in placed
        ]
        if levels:
            wishes.append(Wish(node.height, sum(levels) / len(levels), len(levels)))
        else:
            wishes.append(Wish(node.height, packed, 0.01))
        packed += node.height + metrics.gap
    return wishes


def _level(node: Node, metrics: Metrics) -> float:
    return node.y + metrics.header / 2 if node.headed else node.middle
