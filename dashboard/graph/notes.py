"""What is written on the graph: rates, and what a node says about itself.

Comes in: figures. Goes out: short text; static/signalscope/js/counts.js words live rates alike.
"""

from __future__ import annotations

from collections.abc import Callable

from .model import ORIGINS, RECEIVERS, Graph

TIMES = "\u00d7"

HEAT_STEPS_US = (1_000, 5_000, 20_000, 50_000)
"""Durations at which the next warmer colour begins."""


def rate(count: int, per_second: float) -> str:
    """Return how often: per second, or the plain count where that is below one in two seconds."""
    if per_second < 0.5:
        return f"{count:,}{TIMES}"
    return f"{per_second:,.1f}/s" if per_second < 9.95 else f"{per_second:,.0f}/s"


def heat(us: float) -> int:
    """Return 0 (below 1 ms) to 4 (50 ms and more)."""
    return sum(us >= step for step in HEAT_STEPS_US)


def describe(graph: Graph, idle: str, took: Callable[[float], object]) -> None:
    """Set what is written on every node, in place.

    Args:
        graph: the graph.
        idle: what a node says that the window saw nothing of.
        took: writes a duration given in microseconds.
    """
    for edge in graph.edges:
        edge.heat = heat(edge.figures.p95_us) if edge.figures else 0
    for node in graph.nodes():
        node.rate = rate(node.count, node.figures.rate) if node.figures else ""
        if node.column == RECEIVERS and node.figures:
            node.heat = heat(node.figures.p95_us)
            node.note = f"p95 {took(node.figures.p95_us)}"
        elif node.column == RECEIVERS and node.skipped:
            node.note = f"skipped {node.skipped:,}{TIMES}"
        elif node.column == ORIGINS:
            node.note = f"{node.traces:,} trace{'' if node.traces == 1 else 's'}"
        elif node.changed:
            node.note = f"{node.changed:,} row{'' if node.changed == 1 else 's'}"
        if node.idle:
            node.note = idle
