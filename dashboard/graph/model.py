"""What the graph consists of: nodes in four columns, and the edges between them.

Comes in: registrations (what could run) and figures (what did). Goes out: ``Graph``, each node
and edge once, in an order that depends on names only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2s
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ..registrations import Registration
    from ..statistics import Figures, Statistics

Key = tuple[str, ...]

ORIGINS, SENDERS, SIGNALS, RECEIVERS = range(4)
COLUMNS = ("origins", "senders", "emission points", "receivers")
_COLUMN_OF = {"origin": ORIGINS, "sender": SENDERS, "signal": SIGNALS, "receiver": RECEIVERS}


class Node(msgspec.Struct, eq=False):
    """One origin, sender, signal, emission point or receiver.

    A ``signal`` holds its emission ``points`` and is drawn as the box around them; a ``point``
    names its signal and its sender. ``registered`` counts the registrations that make the node.
    ``x``, ``y``, ``width`` and ``height`` are in the graph's own units, ``label`` is the name as
    far as it fits: ``lay_out`` sets them. ``rate`` and ``note`` are what is written beside it, ``heat``
    is 0 to 4, or ``None`` without a duration: ``describe`` sets them. ``href``, ``chosen`` and
    ``found`` are the page's business.
    """

    id: str
    kind: str
    key: Key
    family: str = "none"
    figures: Figures | None = None
    registered: int = 0
    traces: int = 0
    points: list[Node] = []
    href: str = ""
    label: str = ""
    rate: str = ""
    note: str = ""
    heat: int | None = None
    chosen: bool = False
    found: bool = False
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def name(self) -> str:
        """The full name: of a point, its sender's."""
        return self.key[-1]

    @property
    def count(self) -> int:
        """How often it was seen in the window."""
        return self.figures.count if self.figures else 0

    @property
    def errors(self) -> int:
        """How many of these raised."""
        return self.figures.errors if self.figures else 0

    @property
    def idle(self) -> bool:
        """Whether nothing was seen of it in the window."""
        return not self.count and not self.traces

    @property
    def path(self) -> str:
        """The kind and the names in one text, as the live page's pulses write them."""
        return "|".join(part.replace("|", "\u00a6") for part in self.key)

    @property
    def inner(self) -> float:
        """The width inside the outline."""
        return round(self.width - 2, 1)

    @property
    def left(self) -> int:
        """Where text begins, beside the mark of the heat if there is one."""
        return 9 if self.heat is None else 13

    @property
    def right(self) -> float:
        """Where text at the right inside the box ends, from the box's left."""
        return round(self.width - 8, 1)

    @property
    def badge_width(self) -> int:
        """How wide that badge is."""
        return 10 + 6 * len(self.badge)

    @property
    def badge_left(self) -> float:
        """Where it begins, so that it stands a little over the right edge."""
        return round(self.width - self.badge_width + 5, 1)

    @property
    def badge(self) -> str:
        """The number of errors, as it fits into a badge."""
        return str(self.errors) if self.errors < 1000 else "999+"

    @property
    def title(self) -> str:
        """The full name, in words where one name does not say it."""
        if self.kind == "point":
            return f"{self.key[1]} sent by {self.name or 'None'}"
        return self.name or "sender None"

    @property
    def spoken(self) -> str:
        """What a screen reader says: kind, name, figures."""
        kind = "emission point" if self.kind == "point" else self.kind
        errors = f"{self.errors} error{'' if self.errors == 1 else 's'}" if self.errors else ""
        return ", ".join(filter(None, (f"{kind} {self.title}", self.rate, self.note, errors)))

    @property
    def look(self) -> str:
        """Kind, family and states, as class names."""
        states = {"is-idle": self.idle, "has-errors": self.errors, "is-selected": self.chosen}
        states["is-found"] = self.found
        return " ".join([f"is-{self.kind} fam-{self.family}", *(name for name, on in states.items() if on)])

    @property
    def middle(self) -> float:
        """The height at which edges meet it."""
        return self.y + self.height / 2


class Edge(msgspec.Struct, eq=False):
    """From one node to the next: what could flow (``registered``), and what did (``figures``).

    ``caused`` edges lead back, from a receiver to an emission point that its code triggered.
    ``via`` holds the ids of the emission points that a flow from an origin to a sender led to.
    ``path`` is SVG path data and ``width`` a stroke width, set by ``lay_out``.
    """

    source: Node
    target: Node
    family: str = "none"
    figures: Figures | None = None
    registered: bool = False
    caused: bool = False
    via: list[str] = []
    path: str = ""
    width: float = 1.0

    @property
    def count(self) -> int:
        """How often it was taken in the window."""
        return self.figures.count if self.figures else 0

    @property
    def idle(self) -> bool:
        """Whether it was not taken in the window."""
        return not self.count

    @property
    def look(self) -> str:
        """Family and state, as class names."""
        if self.caused:
            return f"fam-{self.family} is-caused"
        if self.idle:
            return f"fam-{self.family} is-idle"
        return "fam-none is-mixed" if self.source.kind == "origin" else f"fam-{self.family}"

    @property
    def error_share(self) -> float:
        """The part, 0 to 1, of what took it that raised."""
        if self.figures is None or not self.figures.count:
            return 0.0
        return round(self.figures.errors / self.figures.count, 3)

    @property
    def error_width(self) -> float:
        """The stroke width of the red core that shows this part."""
        return round(max(self.width * self.error_share, 1.2), 2)


class Graph(msgspec.Struct, eq=False):
    """Four columns of nodes (in the third, signals that hold their points) and all edges.

    ``hidden`` counts the nodes left out of each column; ``lefts`` is where the columns begin, ``divider``
    the height between what was seen and what is idle, if both are there.
    """

    columns: list[list[Node]]
    edges: list[Edge]
    hidden: tuple[int, ...] = (0, 0, 0, 0)
    lefts: list[float] = []
    divider: float | None = None
    width: float = 0.0
    height: float = 0.0

    def nodes(self) -> Iterable[Node]:
        """Yield every node, column by column, a signal before its points."""
        for column in self.columns:
            for node in column:
                yield node
                yield from node.points

    def find(self, id: str) -> Node | None:
        """Return the node with this id, or ``None``."""
        return next((node for node in self.nodes() if node.id == id), None)


def node_id(key: Key) -> str:
    """Return a short identifier of a node, safe in an address and in HTML, the same every time."""
    return blake2s("\0".join(key).encode(errors="surrogatepass"), digest_size=6).hexdigest()


def build(
    registrations: Iterable[Registration], statistics: Statistics, family_of: Callable[[str], str]
) -> Graph:
    """Return the graph of what is registered and what was measured, without coordinates.

    Args:
        registrations: every receiver connected now.
        statistics: the figures of the window.
        family_of: gives a signal's family by its dotted name.
    """
    builder = _Builder(family_of, statistics)
    for registration in registrations:
        builder.register(registration)
    for key in statistics.nodes:
        builder.node(key)
    for key in statistics.traces:
        builder.node(key)
    for (source, target), figures in statistics.flows.items():
        builder.measure(source, target, figures)
    for (source, target), figures in statistics.caused.items():
        builder.cause(source, target, figures)
    return builder.graph()


class _Builder:
    def __init__(self, family_of: Callable[[str], str], statistics: Statistics) -> None:
        self._family_of = family_of
        self._statistics = statistics
        self._nodes: dict[Key, Node] = {}
        self._edges: dict[tuple[Key, Key], Edge] = {}
        self._causes: dict[tuple[Key, Key], Edge] = {}

    def node(self, key: Key) -> Node:
        node = self._nodes.get(key)
        if node is not None:
            return node
        kind = key[0]
        family = self._family_of(key[1]) if kind in ("signal", "point") else "none"
        node = self._nodes[key] = Node(
            id=node_id(key),
            kind=kind,
            key=key,
            family=family,
            figures=self._statistics.nodes.get(key),
            traces=len(self._statistics.traces.get(key, ())),
        )
        if kind == "point":
            self.node(("signal", key[1])).points.append(node)
            self._edge(("sender", key[2]), key)
        return node

    def _edge(self, source: Key, target: Key) -> Edge:
        edge = self._edges.get((source, target))
        if edge is None:
            first, last = self.node(source), self.node(target)
            family = last.family if last.kind == "point" else first.family
            edge = self._edges[source, target] = Edge(first, last, family)
        return edge

    def register(self, registration: Registration) -> None:
        signal = ("signal", registration.signal)
        source: Key = signal
        if registration.sender is not None:
            source = ("point", registration.signal, registration.sender)
        receiver = self.node(("receiver", registration.receiver))
        edge = self._edge(source, receiver.key)
        edge.registered = True
        receiver.registered += 1
        for key in {signal, source}:
            self.node(key).registered += 1

    def measure(self, source: Key, target: Key, figures: Figures) -> None:
        edge = self._edge(source, target)
        edge.figures = figures
        edge.via = sorted(node_id(point) for point in self._statistics.via.get((source, target), ()))

    def cause(self, source: Key, target: Key, figures: Figures) -> None:
        point = self.node(target)
        edge = Edge(self.node(source), point, point.family, figures, caused=True)
        self._causes[source, target] = edge

    def graph(self) -> Graph:
        columns: list[list[Node]] = [[], [], [], []]
        for key in sorted(self._nodes):
            node = self._nodes[key]
            if node.kind != "point":
                columns[_COLUMN_OF[node.kind]].append(node)
                node.points.sort(key=lambda point: point.key)
        edges = [self._edges[pair] for pair in sorted(self._edges)]
        edges += [self._causes[pair] for pair in sorted(self._causes)]
        return Graph(columns, edges)


def without_idle(graph: Graph) -> Graph:
    """Return the graph without the nodes and edges that the window saw nothing of."""
    columns = [[node for node in column if not node.idle] for column in graph.columns]
    for node in columns[SIGNALS]:
        node.points = [point for point in node.points if not point.idle]
    return Graph(columns, [edge for edge in graph.edges if not edge.idle])


def without_caused(graph: Graph) -> Graph:
    """Return the graph without the edges that lead back from receivers."""
    return Graph(graph.columns, [edge for edge in graph.edges if not edge.caused], graph.hidden)
