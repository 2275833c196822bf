"""Which processes the figures of a graph come from: its legend, a node's shares, the bands in nodes.

Comes in: how often each process was met, and a look. Goes out: shares, each with the address of the graph of
that process alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..events import Process
from ..graph import Graph
from .looks import Look

MOST = 8
"""So many processes are told apart; the others are counted together."""

Counted = Sequence[tuple[Process, int]]


class Share(NamedTuple):
    """A process's part of what was counted; ``address`` shows its graph alone, or that of all again."""

    process: Process
    times: int
    percent: float
    on: bool
    address: str


class Shares(NamedTuple):
    """The busiest processes, and how many others there are."""

    shown: list[Share]
    others: int
    many_hosts: bool

    @property
    def several(self) -> bool:
        """Whether there is anything to tell apart."""
        return len(self.shown) > 1


def shares_of(counted: Counted, look: Look) -> Shares:
    """Return the share of each process, the busiest first."""
    whole = sum(number for _, number in counted) or 1
    shown = []
    for process, number in counted[:MOST]:
        on = process.name == look.process
        address = look._replace(process="" if on else process.name).address()
        shown.append(Share(process, number, round(100 * number / whole, 3), on, address))
    hosts = {share.process.host for share in shown}
    return Shares(shown, len(counted[MOST:]), len(hosts) > 1)


def draw_bands(graph: Graph) -> None:
    """Give every node that was seen a band for each process, as wide as its share; a box has rows for it."""
    for node in graph.nodes():
        if node.figures is None or node.headed:
            continue
        counted, left = node.figures.processes, 1.0
        whole = sum(number for _, number in counted) or 1
        for process, number in counted[:MOST]:
            width = round(node.inner * number / whole, 1)
            node.bands.append((process.hue, round(left, 1), width))
            left += width
        said = [
            f"{one.role or 'pid'} {one.pid} {100 * number / whole:.0f} %" for one, number in counted[:MOST]
        ]
        node.split = f": {', '.join(said)}" if said else ""
