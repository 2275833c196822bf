"""The graph in Graphviz's language: https://graphviz.org/doc/info/lang.html.

Comes in: a graph that ``describe`` has gone over. Goes out: a ``digraph``, its columns as ranks, its
signals as clusters. Names are quoted, however hostile.
"""

from __future__ import annotations

from collections.abc import Iterator

from .labels import clean, whole
from .model import COLUMNS, Edge, Graph, Node

# The middle of the five steps of heat, in colours that stand on light and dark.
_HEAT = ("#8a979d", "#c9a24a", "#d98f2b", "#c7701f", "#a8481a")
_ERROR = "#b3201b"


def dot(graph: Graph, title: str = "signals") -> str:
    """Return the graph as text. ``title`` is written below it."""
    return "\n".join(_lines(graph, title)) + "\n"


def _lines(graph: Graph, title: str) -> Iterator[str]:
    yield "digraph signals {"
    yield f"  graph [rankdir=LR, ranksep=1.2, newrank=true, label={_quoted(clean(title))}];"
    yield '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="monospace", fontsize=10];'
    yield '  edge [color="#8a979d", arrowsize=0.5];'
    for name, column in zip(COLUMNS, graph.columns, strict=True):
        yield f"  // {name}"
        for node in column:
            yield from _box(node) if node.rows else [f"  {_node(node)}"]
    for edge in graph.edges:
        yield f"  {_edge(edge)}"
    yield "}"


def _box(node: Node) -> Iterator[str]:
    yield f"  subgraph cluster_{node.id} {{"
    yield f'    label={_quoted(_text(node))}; fontname=monospace; fontsize=10; color="#8a979d";'
    yield f"    {_node(node)}"
    for row in node.rows:
        yield f"    {_node(row)}"
    yield "  }"


def _node(node: Node) -> str:
    looks = [f"label={_quoted(_text(node))}", f"tooltip={_quoted(clean(node.title))}"]
    if node.idle or node.kind in ("bypass", "ghost"):
        looks.append('style="rounded,dashed"')
    if node.errors:
        looks.append(f'color="{_ERROR}"')
    return f"n{node.id} [{', '.join(looks)}];"


def _text(node: Node) -> str:
    figures = ", ".join(filter(None, (node.rate, node.note)))
    name = node.group_words if node.kind == "group" else clean(node.name) or "no sender"
    return f"{name}\n{figures}" if figures else name


def _edge(edge: Edge) -> str:
    looks = []
    if edge.caused:
        looks += ["style=dotted", "constraint=false", 'color="#3f4b50"']
    elif edge.idle or edge.ghost:
        looks.append("style=dashed")
    else:
        looks.append(f'color="{_ERROR if edge.error_share else _HEAT[edge.heat]}"')
        looks.append(f"penwidth={max(edge.width, 1.0):.1f}")
    if edge.count:
        looks.append(f"tooltip={_quoted(f'{edge.count:,} times')}")
    return f"n{edge.source.id} -> n{edge.target.id} [{', '.join(looks)}];"


def _quoted(text: str) -> str:
    """Return a quoted string: a backslash would begin an escape, a quote end it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{whole(escaped)}"'
