"""The receiver graph: origins, senders, emission points, receivers, and where everything is drawn.

Comes in: registrations and the figures of a window. Goes out: a ``Graph`` with coordinates, ready
for a template. Nothing here knows Django.
"""

from .labels import clean, short_names
from .layout import FULL, PANEL, Metrics, lay_out
from .model import COLUMNS, Edge, Graph, Node, build, node_id, without_caused, without_idle
from .notes import describe, heat, rate
from .ordering import arrange, crossings
from .selection import keep_busiest

__all__ = [
    "COLUMNS",
    "FULL",
    "PANEL",
    "Edge",
    "Graph",
    "Metrics",
    "Node",
    "arrange",
    "build",
    "clean",
    "crossings",
    "describe",
    "heat",
    "keep_busiest",
    "lay_out",
    "node_id",
    "rate",
    "short_names",
    "without_caused",
    "without_idle",
]
