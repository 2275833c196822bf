"""The receiver graph: origins, senders, emission points, receivers, and where everything is drawn.

Comes in: registrations and the figures of a window. Goes out: a ``Graph`` with coordinates, ready
for a template, or its text in another tool's language. Nothing here knows Django.
"""

from .building import build
from .dot import dot
from .folding import Grouping, fold
from .labels import clean, short_names
from .layout import DENSE, FULL, PANEL, Metrics, lay_out, metrics_for
from .mermaid import mermaid
from .model import COLUMNS, SIGNALS, Edge, Graph, Node, node_id
from .notes import describe, heat, rate
from .ordering import arrange, crossings
from .paths import Paths
from .selection import keep_busiest, keep_paths, without_caused, without_idle

__all__ = [
    "COLUMNS",
    "DENSE",
    "FULL",
    "PANEL",
    "SIGNALS",
    "Edge",
    "Graph",
    "Grouping",
    "Metrics",
    "Node",
    "Paths",
    "arrange",
    "build",
    "clean",
    "crossings",
    "describe",
    "dot",
    "fold",
    "heat",
    "keep_busiest",
    "keep_paths",
    "lay_out",
    "mermaid",
    "metrics_for",
    "node_id",
    "rate",
    "short_names",
    "without_caused",
    "without_idle",
]
