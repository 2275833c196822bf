"""What a reader wants to see of the graph, as it stands in the address.

Comes in: a request's parameters, anything at all. Goes out: a ``Look`` of known values, and the
addresses of other looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from ..graph import Grouping, Node
from ..links import reverse
from ..query import MAX_LENGTH, parse
from ..sessions import current
from ..stream import fragments
from ..stream.replaying import seq_of
from .windows import REPLAY, WINDOWS, Window, as_asked, in_words, moment

_MOST_FIND = 100
_MOST_OPEN = 100
_ID = re.compile(r"[0-9a-z]{1,40}")


def _first() -> str:
    """Return the window of whoever chose none: of a session, which does not go on, all of it."""
    return "all" if current.shown() else "1m"


GROUPINGS: dict[Grouping, str] = {"auto": "Auto", "app": "By app", "none": "None"}
COLOURS = {"duration": "Duration", "family": "Family"}
SHAPES = {"drawing": "Drawing", "list": "List"}


class Look(NamedTuple):
    """What a reader wants to see: in which window, what is hidden, looked for, folded and chosen.

    ``until`` is where the window ends, ``None`` for now; ``opened`` are the groups that show their
    members, ``levels`` how far the drawing that this one takes the place of was folded. ``shape`` is
    empty where the width of the page decides. ``focus`` keeps only the paths through the chosen node.
    ``q`` is a filter: only the emissions count that it lets through.
    ``panel`` is the small drawing beside the stream, ``stretch`` the numbers ``(after, upto]`` that this
    stream replays. ``process`` is the name of the only process that counts; empty for all.
    """

    window: Window = WINDOWS["1m"]
    hide_idle: bool = False
    hide_caused: bool = False
    hide_bypasses: bool = False
    find: str = ""
    node: str = ""
    panel: bool = False
    until: datetime | None = None
    grouping: Grouping = "auto"
    opened: frozenset[str] = frozenset()
    levels: tuple[int, ...] = (0, 0, 0, 0)
    colour: str = "duration"
    shape: str = ""
    focus: bool = False
    stretch: tuple[int, int] | None = None
    process: str = ""
    q: str = ""

    @classmethod
    def of(cls, parameters: QueryDict, node: str = "") -> Look:
        """Return the look that the parameters describe; what they do not say is as by default."""
        grouping = parameters.get("group", "")
        colour, shape = parameters.get("colour", ""), parameters.get("shape", "")
        is_panel = parameters.get("panel") == "1"
        ends = seq_of(parameters.get("after", "")), seq_of(parameters.get("upto", ""))
        stretch = ends if is_panel and "upto" in parameters else None
        return cls(
            window=REPLAY if stretch else WINDOWS.get(parameters.get("window", ""), WINDOWS[_first()]),
            hide_idle=parameters.get("idle") == "hide",
            hide_caused=parameters.get("caused") == "hide",
            hide_bypasses=parameters.get("bypass") == "hide",
            find=parameters.get("find", "")[:_MOST_FIND].strip(),
            node=_id(node or parameters.get("node", "")),
            panel=is_panel,
            until=moment(parameters.get("until", "")),
            grouping=grouping if grouping in GROUPINGS else "auto",
            opened=_ids(parameters.get("open", "")),
            levels=_levels(parameters.get("levels", "")),
            colour=colour if colour in COLOURS else "duration",
            shape=shape if shape in SHAPES else "",
            focus=parameters.get("focus") == "1",
            stretch=stretch,
            process=parameters.get("process", "")[:_MOST_FIND],
            # Beside the stream, the filter is the stream's, and chooses a node.
            q="" if is_panel else parameters.get("q", "")[:MAX_LENGTH].strip(),
        )

    @property
    def words(self) -> str:
        """The window in words, for the end of a sentence."""
        return in_words(self.window, self.until)

    @property
    def idle(self) -> str:
        """What is said of what was not seen; that it *never fired*, only where all was looked at."""
        return "idle" if self.q or self.until else self.window.idle

    def address(self, node: str | None = None) -> str:
        """Return the address of the graph with this look, or of one of its nodes."""
        chosen = self.node if node is None else node
        page = reverse("signalscope:node", args=[chosen]) if chosen else reverse("signalscope:graph")
        return _with(page, self.parameters())

    def export_address(self, format: str) -> str:
        """Return the address of the same as a file."""
        page = reverse("signalscope:graph-export", args=[format])
        return _with(page, self._replace(panel=False).parameters() | {"node": self.node})

    def turned(self, group: Node) -> Look:
        """Return the look in which this group is open if it was folded, and folded if it was open."""
        if not group.opened:
            return self._replace(opened=self.opened | {group.id})
        held = {member.id for member in group.members}
        return self._replace(opened=self.opened - {group.id}, node="" if self.node in held else self.node)

    def parameters(self) -> dict[str, str]:
        """Return what differs from the look by default, as an address says it."""
        values = {
            "window": self.window.key if self.panel or self.window.key != _first() else "",
            "until": as_asked(self.until),
            "idle": "hide" if self.hide_idle else "",
            "caused": "hide" if self.hide_caused else "",
            "bypass": "hide" if self.hide_bypasses else "",
            "group": self.grouping if self.grouping != "auto" else "",
            "colour": self.colour if self.colour != "duration" else "",
            "shape": self.shape,
            "focus": "1" if self.focus and self.node else "",
            "q": self.q,
            "find": self.find,
            "process": self.process,
            "open": "-".join(sorted(self.opened)),
            "panel": "1" if self.panel else "",
            "after": str(self.stretch[0]) if self.stretch else "",
            "upto": str(self.stretch[1]) if self.stretch else "",
        }
        return {key: value for key, value in values.items() if value}

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the toolbar's form says without a field of its own."""
        fields = ("q", "find", "idle", "caused", "bypass", "open", "focus")
        return [(key, value) for key, value in self.parameters().items() if key not in fields]

    def refresh(self, levels: Iterable[int]) -> str:
        """Return the address that draws the same anew, folded no less than now without need."""
        page = reverse("signalscope:graph")
        folded = "".join(map(str, levels))
        return _with(page, self.parameters() | ({"levels": folded} if folded.strip("0") else {}))


def _with(page: str, values: dict[str, str]) -> str:
    query = urlencode({key: value for key, value in values.items() if value})
    return f"{page}?{query}" if query else page


def _ids(text: str) -> frozenset[str]:
    return frozenset(filter(_id, text.split("-")[:_MOST_OPEN]))


def _levels(text: str) -> tuple[int, ...]:
    return tuple(map(int, text)) if re.fullmatch("[0-4]{4}", text) else (0, 0, 0, 0)


def _id(text: str) -> str:
    return text if _ID.fullmatch(text) else ""


def live_address(query: str, stretch: tuple[int, int] | None = None) -> str:
    """Return the address of the live page with this filter, or of the replay of a stretch."""
    if stretch is not None:
        return fragments.replay_url(*stretch, fragments.TREE, query)
    page = reverse("signalscope:live")
    return f"{page}?{urlencode({'q': query})}" if query else page


def query_for(node: Node) -> str:
    """Return the filter under which the stream shows what passed through the node."""
    if node.kind == "origin":
        return _origin_query(node.name)
    if node.kind in ("bypass", "ghost"):
        query = parse("").with_term("family", "bypass")
        return parse(query).with_term("sender", node.name, exact=True) if node.kind == "ghost" else query
    terms = {
        "sender": [("sender", node.name)],
        "signal": [("signal", node.name)],
        "point": [("signal", node.key[1]), ("sender", node.name)],
        "receiver": [("receiver", node.name)],
        "group": [],
    }[node.kind]
    text = ""
    for key, name in terms:
        if name:
            text = parse(text).with_term(key, name, exact=True)
    return text


def _origin_query(label: str) -> str:
    """Return a filter for an origin; where its label holds placeholders, for what they stand for too."""
    verb, _, title = label.partition(" ")
    if "<" not in title or not title.startswith("/"):
        return parse("").with_term("origin", label)
    pattern = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "/_-.~") else "*"
        for letter in _holes(title)
    )
    return f"{parse('').with_term('origin', f'{verb} /')} origin:{pattern}"


def _holes(title: str) -> str:
    kept, depth = [], 0
    for letter in title:
        depth += (letter == "<") - (letter == ">")
        if letter == "<" and depth == 1:
            kept.append("*")
        elif depth <= 0 and letter != ">":
            kept.append(letter)
    return "".join(kept)
