"""The receiver graph: its page, the panel beside the stream, the sheet of a node, and the graph as a file.

Comes in: a look (window, what is hidden, folded and looked for, the chosen node). Goes out:
server-rendered SVG and the node's sheet; a part of it to htmx, the whole page to everybody else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from .. import conf
from ..graph import COLUMNS, Graph
from ..query import QuerySyntaxError, parse
from ..security import guarded
from .filters import Wrong
from .listing import listing_of
from .looks import COLOURS, GROUPINGS, SHAPES, Look, live_address, query_for
from .page import page, wants_part
from .picture import FORMATS, picture
from .scene import Scene, drawing_of, scene_of
from .shares import Shares, shares_of
from .sheet import Sheet, sheet_of
from .windows import WINDOWS


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
    return render(request, "signalscope/graph_node.html", _sheet_context(_linked(_filtered(look)[0])))


@guarded
def export(request: HttpRequest, format: str) -> HttpResponse:
    """Send the graph as a file. 404 for a format that is not there."""
    wanted = FORMATS.get(format)
    if wanted is None:
        raise Http404(f"There is no export format {format!r}. Known ones: {', '.join(FORMATS)}.")
    scene, _ = _filtered(Look.of(request.GET)._replace(panel=False))
    if scene.stretch.error:
        return HttpResponse(scene.stretch.error, status=503, content_type="text/plain; charset=utf-8")
    response = HttpResponse(picture(scene, format), content_type=f"{wanted.content_type}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="signals.{wanted.suffix}"'
    return response


def _page(request: HttpRequest, look: Look) -> HttpResponse:
    scene, wrong = _filtered(look)
    scene = _linked(scene)
    context = _sheet_context(scene) | {"wrong": wrong, "until": "All that was sent is drawn until then."}
    if wants_part(request) and request.headers.get("HX-Target") == "node":
        return render(request, "signalscope/graph_node.html", context)
    # A wide page shows the list by choice only; it need not come with each refresh.
    listed = request.GET.get("wide") != "1" or look.shape == "list"
    context |= _drawing(scene, listed=listed)
    if wants_part(request):
        return render(request, "signalscope/graph_view.html", context | {"refreshed": True})
    missing = bool(look.node) and scene.chosen is None
    return page(request, "signalscope/graph.html", context, name="graph", status=404 if missing else 200)


def _filtered(look: Look) -> tuple[Scene, Wrong | None]:
    """Return what the look asks for, and what is wrong with its filter, which then is not applied."""
    if not look.q:
        return scene_of(look), None
    try:
        query = parse(look.q, slow_ms=conf.get().SLOW_MS)
    except QuerySyntaxError as error:
        return scene_of(look._replace(q="")), Wrong(look.q, error)
    return scene_of(look, query), None


def _panel(request: HttpRequest, look: Look) -> HttpResponse:
    scene = scene_of(look)
    filter_in_force = _of_page_around(request, "q")
    node = _link_to_stream(scene.graph, filter_in_force, look.stretch)
    scene = scene._replace(look=look._replace(node=node))
    context = _sheet_context(scene) | _drawing(scene, listed=False)
    is_refresh = request.headers.get("HX-Target") == "graph-view"
    template = "signalscope/graph_view.html" if is_refresh else "signalscope/graph_panel.html"
    return render(request, template, context)


def _of_page_around(request: HttpRequest, name: str) -> str:
    """Return what the address of the page that asks for the panel says under this name."""
    query = request.headers.get("HX-Current-URL", "").partition("?")[2]
    return dict(parse_qsl(query)).get(name, "")


def _sheet_context(scene: Scene) -> dict[str, Any]:
    chosen = scene.chosen
    sheet: Sheet | None = None
    if chosen is not None:
        sheet = sheet_of(chosen, scene.graph, scene.stretch.statistics, scene.registered, conf.get().SLOW_MS)
        if scene.look.process:
            sheet = sheet._replace(filter=live_address(_of_process(query_for(chosen), scene.look.process)))
    return {
        "look": scene.look,
        "sheet": sheet,
        "slow_ms": f"{conf.get().SLOW_MS:g}",
        "shares": _shares(scene) if sheet is not None else None,
        "close": scene.look._replace(node="").address(),
        "full": scene.look._replace(panel=False, stretch=None).address(),
        "focus": scene.look._replace(focus=True).address(),
        "exports": _exports(scene.look._replace(focus=True)),
    }


def _of_process(query: str, process: str) -> str:
    return parse(query).with_term("process", process, exact=True)


def _shares(scene: Scene) -> Shares | None:
    """Return the processes of the chosen node, where the graph has several."""
    chosen = scene.chosen
    if chosen is None or len(scene.stretch.processes) < 2:
        return None
    figures = scene.stretch.statistics.nodes.get(chosen.key) or chosen.figures
    return shares_of(figures.processes, scene.look) if figures else None


def _exports(look: Look) -> list[tuple[str, str]]:
    return [(known.title, look.export_address(name)) for name, known in FORMATS.items()]


def _drawing(scene: Scene, *, listed: bool) -> dict[str, Any]:
    look, whole = scene.look, scene.graph
    nodes, edges = sum(1 for _ in whole.nodes()), len(whole.edges)
    idle = sum(one.kind == "receiver" and one.idle for one in whole.nodes())
    listing = listing_of(whole, look) if listed else None
    # The panel's node follows from the stream's filter, and has no place in the panel's address.
    node = "" if look.panel else look.node
    drawn, metrics = drawing_of(scene)
    for one in drawn.nodes():
        if one.kind == "group":
            one.href = look.turned(one).address()
    return {
        "graph": drawn,
        "metrics": metrics,
        "compact": look.panel,
        "headings": list(zip(COLUMNS, drawn.lefts, strict=True)),
        "hidden": _hidden(drawn, look),
        "listing": listing,
        "windows": [(one, look._replace(window=one).address(node)) for one in WINDOWS.values()],
        "choices": _choices(look),
        "counts": (nodes, edges, idle),
        "stretch": scene.stretch,
        "processes": (processes := shares_of(scene.stretch.processes, look)),
        "alone_is_shown": any(share.on for share in processes.shown),
        "all_processes": look._replace(process="").address(),
        "refresh": "" if look.until or look.stretch else look.refresh(drawn.levels),
        # An address says whole seconds, and what is seen now should stay.
        "hold": look._replace(until=datetime.now(UTC) + timedelta(seconds=1)).address(),
        "now": look._replace(until=None).address(),
        "show_idle": look._replace(hide_idle=False).address(),
        "show_all": look._replace(find="", focus=False).address(),
        "unfiltered": look._replace(q="").address(),
        "whole_exports": _exports(look if look.focus else look._replace(node="")),
    }


def _choices(look: Look) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    """Return the switches of the toolbar: what they choose, its parameter, and each choice's address."""
    grouped = [
        (title, look._replace(grouping=key, opened=frozenset()).address(), key == look.grouping)
        for key, title in GROUPINGS.items()
    ]
    coloured = [
        (title, look._replace(colour=key).address(), key == look.colour) for key, title in COLOURS.items()
    ]
    shaped = [(title, look._replace(shape=key).address(), key == look.shape) for key, title in SHAPES.items()]
    return [("Group", "group", grouped), ("Colour", "colour", coloured), ("Show as", "shape", shaped)]


def _linked(scene: Scene) -> Scene:
    """Let each node lead to its sheet."""
    look = scene.look
    pattern = look.address("NODE")
    for one in scene.graph.nodes():
        one.chosen = one.id == look.node
        one.href = pattern.replace("NODE", one.id, 1)
    return scene


def _link_to_stream(whole: Graph, filter_in_force: str, stretch: tuple[int, int] | None) -> str:
    """Let each node filter the stream, or show all of it again; return the node that is filtered to.

    ``stretch`` is what the stream replays, ``None`` where it is live.
    """
    chosen = ""
    for one in whole.nodes():
        query = query_for(one)
        one.chosen = not chosen and bool(query) and query == filter_in_force
        one.href = live_address("" if one.chosen else query, stretch)
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
                {
                    "x": left,
                    "y": bottom,
                    "text": text,
                    "href": look._replace(panel=False, stretch=None).address(""),
                }
            )
    return found
