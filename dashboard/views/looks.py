"""What a reader wants to see of the graph, as it stands in the address.

Comes in: a request's parameters, anything at all. Goes out: a ``Look`` of known values, and the
addresses of other looks.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from ..graph import Node
from ..query import parse

_MOST_FIND = 100
_ID = re.compile(r"[0-9a-z]{1,40}")


class Window(NamedTuple):
    """A window of time: how it is called in addresses and on the page, and its length (``None``: all)."""

    key: str
    title: str
    seconds: float | None
    words: str
    idle: str


WINDOWS = {
    window.key: window
    for window in (
        Window("1m", "1 min", 60, "in the last minute", "idle"),
        Window("5m", "5 min", 300, "in the last 5 minutes", "idle"),
        Window("session", "Session", None, "in the journal", "never fired"),
    )
}
_FIRST = "1m"


class Look(NamedTuple):
    """The window, what is hidden, what is looked for, and the chosen node's id; in the panel or not."""

    window: Window = WINDOWS[_FIRST]
    hide_idle: bool = False
    hide_caused: bool = False
    find: str = ""
    node: str = ""
    panel: bool = False

    @classmethod
    def of(cls, parameters: QueryDict, node: str = "") -> Look:
        """Return the look that the parameters describe; what they do not say is as by default."""
        return cls(
            window=WINDOWS.get(parameters.get("window", ""), WINDOWS[_FIRST]),
            hide_idle=parameters.get("idle") == "hide",
            hide_caused=parameters.get("caused") == "hide",
            find=parameters.get("find", "")[:_MOST_FIND].strip(),
            node=_id(node or parameters.get("node", "")),
            panel=parameters.get("panel") == "1",
        )

    def address(self, node: str | None = None) -> str:
        """Return the address of the graph with this look, or of one of its nodes."""
        chosen = self.node if node is None else node
        page = reverse("signalscope:node", args=[chosen]) if chosen else reverse("signalscope:graph")
        query = self._query()
        return f"{page}?{query}" if query else page

    def _query(self) -> str:
        values = {
            "window": self.window.key if self.panel or self.window.key != _FIRST else "",
            "idle": "hide" if self.hide_idle else "",
            "caused": "hide" if self.hide_caused else "",
            "find": self.find,
            "panel": "1" if self.panel else "",
        }
        return urlencode({key: value for key, value in values.items() if value})


def _id(text: str) -> str:
    return text if _ID.fullmatch(text) else ""


def live_address(query: str) -> str:
    """Return the address of the live page with this filter."""
    page = reverse("signalscope:live")
    return f"{page}?{urlencode({'q': query})}" if query else page


def query_for(node: Node) -> str:
    """Return the filter under which the stream shows what passed through the node."""
    if node.kind == "origin":
        return _origin_query(node.name)
    terms = {
        "sender": [("sender", node.name)],
        "signal": [("signal", node.name)],
        "point": [("signal", node.key[1]), ("sender", node.name)],
        "receiver": [("receiver", node.name)],
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
