"""The receiver graph: its page, the panel beside the stream, and the sheet of a node.

Comes in: a look (window, what is hidden, the chosen node). Goes out: server-rendered SVG and the
node's sheet; a part of it to htmx, the whole page to everybody else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .. import conf, naming, wording
from ..graph import (
    COLUMNS,
    FULL,
    PANEL,
    Graph,
    Metrics,
    Node,
    arrange,
    build,
    describe,
    keep_busiest,
    lay_out,
    without_caused,
    without_idle,
)
from ..registrations import Registration, registrations
from ..security import guarded
from .looks import WINDOWS, Look, live_address, query_for
from .page import page, wants_part
from .sheet import Sheet, sheet_of
from .stretch import Stretch, measure

PAGE_LIMITS = (600, 600, 1_400, 800)
"""Rows drawn in each column of the page: what is beyond is counted."""

PANEL_LIMITS = (9, 9, 12, 9)


class Scene(NamedTuple):
    """A graph before it is drawn, and all it was made from."""

    look: Look
    registered: list[Registration]
    stretch: Stretch
    graph: Graph

    @property
    def chosen(self) -> Node | None:
        """The node that the reader chose, where the graph has it."""
        return self.graph.find(self.look.node) if self.look.node else None


@guarded
def graph(request: HttpRequest) -> HttpResponse:
    """Show the graph; with ``panel=1`` its small variant, in which the stream's filter chooses the node."""
    look = Look.of(request.GET)
    if look.panel:
        return _panel(request, look)
    return _page(request, look)


@guarded
def node(request: HttpRequest, id: str) -> HttpResponse:
    """Show the sheet of a node: alone to htmx, else with the graph around it."""
    look = Look.of(request.GET, node=id)
    if not wants_part(request):
        return _page(request, look)
    return render(request, "signalscope/graph_node.html", _sheet_context(_scene(look)))


def _page(request: HttpRequest, look: Look) -> HttpResponse:
    scene = _scene(look)
    context = _sheet_context(scene)
    if wants_part(request) and request.headers.get("HX-Target") == "node":
        return render(request, "signalscope/graph_node.html", context)
    context |= _drawing(scene, FULL, PAGE_LIMITS)
    if wants_part(request):
        return render(request, "signalscope/graph_view.html", context | {"refreshed": True})
    missing = bool(look.node) and scene.chosen is None
    return page(request, "signalscope/graph.html", context, name="graph", status=404 if missing else 200)


def _panel(request: HttpRequest, look: Look) -> HttpResponse:
    filter_in_force = _of_page_around(request, "q")
    scene = _scene(look, filter_in_force)
    context = _sheet_context(scene) | _drawing(scene, PANEL, PANEL_LIMITS)
    is_refresh = request.headers.get("HX-Target") == "graph-view"
    template = "signalscope/graph_view.html" if is_refresh else "signalscope/graph_panel.html"
    return render(request, template, context)


def _of_page_around(request: HttpRequest, name: str) -> str:
    """Return what the address of the page that asks for the panel says under this name."""
    query = request.headers.get("HX-Current-URL", "").partition("?")[2]
    return dict(parse_qsl(query)).get(name, "")


def _scene(look: Look, filter_in_force: str = "") -> Scene:
    registered = registrations()
    stretch = measure(look.window.seconds, datetime.now(UTC), registered)
    whole = build(registered, stretch.statistics, naming.family_of)
    if look.hide_idle:
        whole = without_idle(whole)
    if look.hide_caused:
        whole = without_caused(whole)
    if look.panel:
        look = look._replace(node=_link_to_stream(whole, filter_in_force))
    else:
        _link_to_sheets(whole, look)
    return Scene(look, registered, stretch, whole)


def _sheet_context(scene: Scene) -> dict[str, Any]:
    chosen = scene.chosen
    sheet: Sheet | None = None
    if chosen is not None:
        sheet = sheet_of(chosen, scene.graph, scene.stretch.statistics, scene.registered, conf.get().SLOW_MS)
    return {
        "look": scene.look,
        "sheet": sheet,
        "slow_ms": f"{conf.get().SLOW_MS:g}",
        "close": scene.look._replace(node="").address(),
        "full": scene.look._replace(panel=False).address(),
    }


def _drawing(scene: Scene, metrics: Metrics, limits: tuple[int, int, int, int]) -> dict[str, Any]:
    look, whole = scene.look, scene.graph
    nodes, edges = sum(1 for _ in whole.nodes()), len(whole.edges)
    idle = sum(one.kind == "receiver" and one.idle for one in whole.nodes())
    # The panel's node follows from the stream's filter, and has no place in the panel's address.
    node = "" if look.panel else look.node
    drawn = keep_busiest(whole, limits, look.node)
    arrange(drawn)
    describe(drawn, look.window.idle, wording.took)
    lay_out(drawn, metrics)
    return {
        "graph": drawn,
        "metrics": metrics,
        "compact": look.panel,
        "headings": list(zip(COLUMNS, drawn.lefts, strict=True)),
        "hidden": _hidden(drawn, look),
        "windows": [(one, look._replace(window=one).address(node)) for one in WINDOWS.values()],
        "counts": (nodes, edges, idle),
        "stretch": scene.stretch,
        "refresh": look.address(""),
        "show_idle": look._replace(hide_idle=False).address(),
    }


def _link_to_sheets(whole: Graph, look: Look) -> None:
    pattern = look.address("NODE")
    for one in whole.nodes():
        one.chosen = one.id == look.node
        one.found = bool(look.find) and look.find.casefold() in one.title.casefold()
        one.href = pattern.replace("NODE", one.id, 1)


def _link_to_stream(whole: Graph, filter_in_force: str) -> str:
    """Let each node filter the stream, or show all of it again; return the node that is filtered to."""
    chosen = ""
    for one in whole.nodes():
        query = query_for(one)
        one.chosen = not chosen and bool(query) and query == filter_in_force
        one.href = live_address("" if one.chosen else query)
        chosen = one.id if one.chosen else chosen
    return chosen


def _hidden(drawn: Graph, look: Look) -> list[dict[str, Any]]:
    """Say under each column how many nodes it lacks, and make room for that."""
    found = []
    drawn.height += 14 if any(drawn.hidden) else 0
    for column, left, count in zip(drawn.columns, drawn.lefts, drawn.hidden, strict=True):
        if count:
            bottom = max((one.y + one.height for one in column), default=0.0)
            text = f"{count:,} more"
            found.append(
                {"x": left, "y": bottom, "text": text, "href": look._replace(panel=False).address("")}
            )
    return found
