"""The graph in Mermaid's language: https://mermaid.js.org/syntax/flowchart.html.

Comes in: a graph that ``describe`` has gone over. Goes out: a ``flowchart``, one subgraph for each
column and each signal. Names are quoted, however hostile.
"""

from __future__ import annotations

from collections.abc import Iterator

from .labels import clean, whole
from .model import COLUMNS, Edge, Graph, Node

MOST_EDGES = 500
"""Mermaid's own limit; the page that draws more must raise ``maxEdges``."""

# What ends a quoted text, begins markup or an entity, or is read as Markdown.
_ENTITIES = {ord(letter): f"#{ord(letter)};" for letter in '#"&<>`*_\\[]{}()|%;'}


def mermaid(graph: Graph, title: str = "signals") -> str:
    """Return the graph as text. ``title`` is a comment in its first line."""
    return "\n".join(_lines(graph, title)) + "\n"


def _lines(graph: Graph, title: str) -> Iterator[str]:
    yield "flowchart LR"
    yield f"  %% {_comment(title)}"
    if len(graph.edges) > MOST_EDGES:
        yield f"  %% {len(graph.edges)} edges: raise maxEdges (Mermaid draws {MOST_EDGES})"
    for number, (name, column) in enumerate(zip(COLUMNS, graph.columns, strict=True)):
        if column:
            yield f'  subgraph c{number}["{name}"]'
            for node in column:
                yield from _box(node) if node.rows else [f"    {_node(node)}"]
            yield "  end"
    for edge in graph.edges:
        yield f"  {_edge(edge)}"
    yield from _styles(graph)


def _box(node: Node) -> Iterator[str]:
    yield f'    subgraph s{node.id}["{_quoted(_text(node))}"]'
    for part in (node, *node.rows):
        yield f"      {_node(part)}"
    yield "    end"


def _node(node: Node) -> str:
    return f'n{node.id}["{_quoted(_text(node))}"]'


def _text(node: Node) -> str:
    name = node.group_words if node.kind == "group" else clean(node.name) or "no sender"
    return " \u00b7 ".join(filter(None, (name, node.rate, node.note)))


def _edge(edge: Edge) -> str:
    arrow = "-.->" if edge.idle or edge.caused or edge.ghost else "-->"
    words = "caused" if edge.caused else "skipped" if edge.ghost and edge.target.kind == "receiver" else ""
    label = f'|"{words or f"{edge.count:,}"}"|' if words or edge.count else ""
    return f"n{edge.source.id} {arrow}{label} n{edge.target.id}"


def _styles(graph: Graph) -> Iterator[str]:
    nodes = list(graph.nodes())
    for name, style, wanted in (
        ("idle", "stroke-dasharray:3 3,color:#5b676c", [node.id for node in nodes if node.idle]),
        ("raised", "stroke:#b3201b,stroke-width:2px", [node.id for node in nodes if node.errors]),
    ):
        if wanted:
            yield f"  classDef {name} {style}"
            yield f"  class {','.join(f'n{one}' for one in wanted)} {name}"


def _comment(text: str) -> str:
    return whole(clean(text)).replace("{", "(").replace("}", ")")


def _quoted(text: str) -> str:
    return whole(text).translate(_ENTITIES)
