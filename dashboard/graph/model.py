"""What the graph consists of: nodes in four columns, and the edges between them.

``building`` makes it of registrations and figures, ``folding`` groups it, ``layout`` places it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2s
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ..statistics import Figures

Key = tuple[str, ...]

ORIGINS, SENDERS, SIGNALS, RECEIVERS = range(4)
COLUMNS = ("origins", "senders", "emission points", "receivers")
_COLUMN_OF = {
    "origin": ORIGINS,
    "sender": SENDERS,
    "signal": SIGNALS,
    "point": SIGNALS,
    "bypass": SIGNALS,
    "ghost": SIGNALS,
    "receiver": RECEIVERS,
}
_SPOKEN = {"point": "emission point", "ghost": "bypass"}


def node_id(key: Key) -> str:
    """Return a short identifier of a node, safe in an address and in HTML, the same every time."""
    return blake2s("\0".join(key).encode(errors="surrogatepass"), digest_size=6).hexdigest()


class Node(msgspec.Struct, eq=False):
    """One origin, sender, signal, emission point or receiver, or a group of such.

    A ``signal`` is drawn as a box whose ``rows`` are its emission points; a ``point`` names its signal
    and its sender. ``bypass`` and ``ghost`` are the same for rows that were ``changed`` with no signal.
    A ``group`` stands for ``size`` nodes, and with what these hold for its ``members``; while it is
    ``opened`` they are drawn below it. ``depth`` is 0 for what stands in a column by itself, and counts
    how deep a row is in a box.

    ``registered`` counts the registrations that make the node, ``skipped`` the bypasses that a receiver
    would have run for. ``x``, ``y``, ``width`` and ``height`` are in the graph's own units, ``label`` is
    the name as far as it fits: ``lay_out`` sets them. ``rate`` and ``note`` are what is written beside it,
    ``heat`` is 0 to 4, or ``None`` without a duration: ``describe`` sets them. ``href``, ``chosen``,
    ``found``, ``bands`` (of each process: colour, beginning, width) and ``split`` (the same in words) are
    the page's business.
    """

    id: str
    kind: str
    key: Key
    family: str = "none"
    figures: Figures | None = None
    registered: int = 0
    skipped: int = 0
    traces: int = 0
    changed: int = 0
    rows: list[Node] = []
    members: list[Node] = []
    size: int = 0
    opened: bool = False
    depth: int = 0
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
    bands: list[tuple[int, float, float]] = []
    split: str = ""

    @property
    def column(self) -> int:
        """The number of the column it stands in."""
        return COLUMNS.index(self.key[1]) if self.kind == "group" else _COLUMN_OF[self.kind]

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
        return not (self.count or self.traces or self.skipped)

    @property
    def headed(self) -> bool:
        """Whether it is a box with rows, of which the first is its own."""
        return not self.depth and (self.kind in ("signal", "bypass") or bool(self.rows))

    @property
    def path(self) -> str:
        """The kind and the names in one text, as the live page's pulses write them."""
        return "|".join(part.replace("|", "\u00a6") for part in self.key)

    @property
    def stands_for(self) -> str:
        """The paths of what a folded group stands for, as a JSON list."""
        folded = self.members if self.kind == "group" and not self.opened else ()
        return json.dumps([member.path for member in folded], ensure_ascii=False) if folded else ""

    @property
    def inner(self) -> float:
        """The width inside the outline."""
        return round(self.width - 2, 1)

    @property
    def foot(self) -> float:
        """The height at which its bands begin, at its lower edge."""
        return round(self.height - 3, 1)

    @property
    def left(self) -> int:
        """Where text begins, beside the mark of the heat if there is one."""
        return 9 if self.heat is None else 13

    @property
    def text_left(self) -> int:
        """Where its name begins: a group's, beside its triangle."""
        return self.left + (9 if self.kind == "group" else 0)

    @property
    def right(self) -> float:
        """Where text at the right inside the box ends, from the box's left."""
        return round(self.width - 8, 1)

    @property
    def indent(self) -> int:
        """How far a row deep in a box stands to the right of one that is not."""
        return 12 * max(self.depth - 1, 0)

    @property
    def badge_width(self) -> int:
        """How wide the badge of the errors is."""
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
        if self.kind == "group":
            return self.group_words
        if self.kind == "point":
            return f"{self.key[1]} sent by {self.name or 'None'}"
        if self.kind == "ghost":
            return f"{self.key[1]} of {self.name}, without a signal"
        if self.kind == "bypass":
            return f"{self.name}, without a signal"
        return self.name or "sender None"

    @property
    def group_words(self) -> str:
        """What a group holds: ``demo_app, 12 senders``."""
        _, column, app, state, *_ = self.key
        what = "senders" if column == COLUMNS[SIGNALS] and len(self.key) > 4 else _MEMBERS[column]
        count = f"{self.size:,} {what}{f', {state}' if state else ''}"
        return f"{app}, {count}" if app else count

    @property
    def spoken(self) -> str:
        """What a screen reader says: what is written, in that order (WCAG 2.5.3), then kind and full name."""
        return self._spoken(self.rate, self.note)

    @property
    def spoken_by_note(self) -> str:
        """The same where its note is written and its rate is not: in a small receiver's box."""
        return self._spoken(self.note, self.rate)

    def _spoken(self, *figures: str) -> str:
        kind = _SPOKEN.get(self.kind, self.kind)
        if self.kind == "group":
            kind = "open group" if self.opened else "folded group"
        size = str(self.size) if self.kind == "group" else ""
        raised = f"{self.errors} error{'' if self.errors == 1 else 's'}" if self.errors else ""
        return ", ".join(filter(None, (self.label, size, *figures, raised, f"{kind} {self.title}")))

    @property
    def look(self) -> str:
        """Kind, family and states, as class names."""
        states = {
            "is-row": self.depth,
            "is-idle": self.idle,
            "is-skipped": self.skipped and not self.count,
            "has-errors": self.errors,
            "is-selected": self.chosen,
            "is-found": self.found,
            "is-open": self.opened,
        }
        return " ".join([f"is-{self.kind} fam-{self.family}", *(name for name, on in states.items() if on)])

    @property
    def middle(self) -> float:
        """The height at which edges meet it."""
        return self.y + self.height / 2


_MEMBERS = dict(zip(COLUMNS, ("origins", "senders", "signals", "receivers"), strict=True))


class Edge(msgspec.Struct, eq=False):
    """From one node to the next: what could flow (``registered``), and what did (``figures``).

    ``caused`` edges lead back, from a receiver to an emission point that its code triggered; ``ghost``
    edges are where an emission would have flowed, had a bypass sent one. ``via`` holds the ids of the
    emission points that a flow from an origin to a sender led to. ``path`` is SVG path data and ``width``
    a stroke width, set by ``lay_out``; ``heat`` is 0 to 4, set by ``describe``.
    """

    source: Node
    target: Node
    family: str = "none"
    figures: Figures | None = None
    registered: bool = False
    caused: bool = False
    ghost: bool = False
    via: list[str] = []
    heat: int = 0
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
        """Family, heat and state, as class names."""
        if self.caused:
            return f"fam-{self.family} is-caused"
        if self.ghost:
            return "fam-bypass is-ghost"
        if self.idle:
            return f"fam-{self.family} is-idle"
        return (
            f"fam-none is-mixed heat-{self.heat}"
            if self.source.column == ORIGINS
            else (f"fam-{self.family} heat-{self.heat}")
        )

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

    ``hidden`` counts the nodes left out of each column, ``levels`` says how far each is folded;
    ``lefts`` is where the columns begin, ``divider`` the height between what was seen and what is
    idle, if both are there.
    """

    columns: list[list[Node]]
    edges: list[Edge]
    hidden: tuple[int, ...] = (0, 0, 0, 0)
    levels: tuple[int, ...] = (0, 0, 0, 0)
    lefts: list[float] = []
    divider: float | None = None
    width: float = 0.0
    height: float = 0.0

    def nodes(self) -> Iterable[Node]:
        """Yield every node, column by column, a box before its rows."""
        for column in self.columns:
            yield from with_rows(column)

    def find(self, id: str) -> Node | None:
        """Return the node with this id, or ``None``."""
        return next((node for node in self.nodes() if node.id == id), None)


def with_rows(column: Sequence[Node]) -> Iterable[Node]:
    """Yield the nodes of a column from top to bottom, each box before its rows."""
    for node in column:
        yield node
        yield from node.rows
