"""The graph that a look asks for, from registrations and the journal: what page, files and command draw.

Comes in: a look. Goes out: a ``Scene`` with the whole graph, and the drawing made of it.
"""

from __future__ import annotations

from typing import NamedTuple

from .. import naming, pipeline, wording
from ..graph import (
    PANEL,
    Graph,
    Metrics,
    Node,
    arrange,
    build,
    describe,
    fold,
    keep_busiest,
    keep_paths,
    lay_out,
    metrics_for,
    without_caused,
    without_idle,
)
from ..query import Query
from ..registrations import Registration, registrations
from ..sessions import current
from .looks import Look
from .shares import draw_bands
from .stretch import Stretch, measure
from .windows import SHORTEST

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


def scene_of(look: Look, query: Query | None = None) -> Scene:
    """Return what the look asks for, of emissions that the query matches if one is given."""
    # What is registered here says nothing of the process that an imported session comes from.
    registered = [] if current.shown() else registrations()
    until = look.until or pipeline.now()
    past = look.until is not None
    stretch = measure(
        look.window.seconds,
        until,
        registered,
        past=past,
        query=query,
        between=look.stretch,
        process=look.process,
        recent=look.panel and look.window is SHORTEST,
    )
    whole = build(registered, stretch.statistics, naming.family_of, bypasses=not look.hide_bypasses)
    if look.hide_idle:
        whole = without_idle(whole)
    if look.hide_caused:
        whole = without_caused(whole)
    scene = Scene(look, registered, stretch, whole)
    if look.focus and scene.chosen is not None:
        return scene._replace(graph=keep_paths(whole, [scene.chosen]))
    return scene


def found_in(graph: Graph, text: str) -> list[Node]:
    """Return the nodes whose name holds the text, in any case."""
    wanted = text.casefold()
    return [node for node in graph.nodes() if wanted in node.title.casefold()] if wanted else []


def drawing_of(scene: Scene) -> tuple[Graph, Metrics]:
    """Return the graph as it is drawn, placed and described, and its measures.

    Searched for, it holds what was found and the paths to it. The scene's own graph is used up.
    """
    look, graph = scene.look, scene.graph
    if look.find and not look.panel:
        for node in (found := found_in(graph, look.find)):
            node.found = True
        graph = keep_paths(graph, found)
    graph = keep_busiest(graph, PANEL_LIMITS if look.panel else PAGE_LIMITS, look.node)
    if not look.panel:
        opened = {*look.opened, look.node}
        graph = fold(graph, naming.app_of, grouping=look.grouping, opened=opened, before=look.levels)
    arrange(graph)
    describe(graph, look.idle, wording.took)
    metrics = PANEL if look.panel else metrics_for(graph)
    lay_out(graph, metrics)
    if len(scene.stretch.processes) > 1 and not look.process:
        draw_bands(graph)
    return graph, metrics
