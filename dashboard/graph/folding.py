"""Groups what is too much to read: the nodes of one app become one node, which opens again.

Comes in: a whole graph, and which groups are open. Goes out: a graph whose folded groups stand for
their members, with the edges of all of them. What runs nothing is folded first, so that the paths
on which receivers were called stay apart as long as there is room.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from ..statistics import Figures
from .model import COLUMNS, ORIGINS, RECEIVERS, SIGNALS, Edge, Graph, Key, Node, node_id

Grouping = Literal["auto", "app", "none"]
AppOf = Callable[[str], str]

MOST_ROWS = 60
"""Rows of a column above which it is grouped."""

# A column that was folded stays so until it needs this few rows: a graph that moves must not flicker.
_FEW_ROWS = 45

# Gives a node its app, or ``None`` where it stays by itself.
_GroupOf = Callable[[Node], str | None]


class _Level(NamedTuple):
    """How far a column is folded: its rows, the rows of whole boxes until it fits, and its boxes."""

    rows: _GroupOf | None = None
    boxes: _GroupOf | None = None
    until_it_fits: bool = False


class _Branch(NamedTuple):
    """A node, with its rows if it is a box; or a group (which then has no node) with its members."""

    node: Node | None
    branches: list[_Branch]
    key: Key = ()

    @property
    def height(self) -> int:
        """How many rows it takes while every group is folded."""
        return 1 + sum(branch.height for branch in self.branches) if self.node else 1

    def nodes(self) -> Iterator[Node]:
        """Yield every node in it."""
        if self.node:
            yield self.node
        for branch in self.branches:
            yield from branch.nodes()


def fold(
    graph: Graph,
    app_of: AppOf,
    *,
    grouping: Grouping = "auto",
    opened: Collection[str] = (),
    before: Sequence[int] = (0, 0, 0, 0),
) -> Graph:
    """Return the graph with groups in place of what they stand for.

    Args:
        graph: the whole graph; its boxes are changed.
        app_of: gives the dotted name of a sender, a signal or a receiver its app.
        grouping: ``auto`` folds the columns that have more than ``MOST_ROWS`` rows, as little as
            will do; ``app`` folds all of them, ``none`` none.
        opened: ids of groups that show their members; a node's id opens the group that it is in.
        before: the ``levels`` of the drawing that this one takes the place of.
    """
    if grouping == "none":
        return graph
    quiet = _quiet(graph)
    columns, reached, drawn = [], [], _Drawn(opened)
    for number, column in enumerate(graph.columns):
        levels = _levels(number, app_of, quiet)
        if grouping == "app":
            level = _BY_AREA if number == ORIGINS else _BY_APP
            plan = _plan(number, column, levels[level], quiet)
        else:
            plans = [_plan(number, column, level, quiet) for level in levels]
            level, plan = _first_that_fits(plans, before[number])
        columns.append([drawn.node(branch) for branch in plan])
        reached.append(level)
    return Graph(columns, _merged(graph.edges, drawn.in_place_of), graph.hidden, tuple(reached))


# --- how far a column is folded --------------------------------------------------------------


def _levels(number: int, app_of: AppOf, quiet: Collection[Node]) -> list[_Level]:
    def by_app(node: Node) -> str | None:
        return app_of(node.name) or None

    def quiet_by_app(node: Node) -> str | None:
        return by_app(node) if node in quiet else None

    def own_by_app(node: Node) -> str | None:
        return by_app(node) if node.family == "custom" else None

    if number == ORIGINS:
        by_verb: _GroupOf = lambda node: node.name.partition(" ")[0]  # noqa: E731
        return [_Level(), _Level(boxes=lambda node: _area(node.name)), _Level(boxes=by_verb)]
    if number != SIGNALS:
        return [_Level(), _Level(boxes=quiet_by_app), _Level(boxes=by_app)]
    return [
        _Level(),
        _Level(quiet_by_app),
        _Level(by_app),
        _Level(by_app, until_it_fits=True),
        _Level(_whole, own_by_app),
    ]


_BY_AREA, _BY_APP = 1, 2


def _whole(node: Node) -> str:
    """Put everything into one group."""
    return ""


def _area(origin: str) -> str:
    """Return what an origin's group is called: the first part of a path, else the verb."""
    verb, _, title = origin.partition(" ")
    return f"/{title.split('/')[1]}/" if title.startswith("/") and title.count("/") > 1 else verb


def _first_that_fits(plans: Sequence[list[_Branch]], before: int) -> tuple[int, list[_Branch]]:
    for level, plan in enumerate(plans):
        most = MOST_ROWS if level >= before else _FEW_ROWS
        if sum(branch.height for branch in plan) <= most:
            return level, plan
    return len(plans) - 1, plans[-1]


def _quiet(graph: Graph) -> set[Node]:
    """Return what ran no receiver in the window, and the receivers that did not run."""
    runs: set[Node] = set()
    for edge in graph.edges:
        if not edge.idle and edge.target.column == RECEIVERS:
            runs |= {edge.source, edge.target, *edge.source.rows}
    runs |= {edge.source for edge in graph.edges if not edge.idle and edge.target in runs and not edge.caused}
    return {node for node in graph.nodes() if node not in runs}


# --- which nodes go together -----------------------------------------------------------------


def _plan(number: int, column: Sequence[Node], level: _Level, quiet: Collection[Node]) -> list[_Branch]:
    boxes = [_box(number, node, level.rows) for node in column]
    if level.until_it_fits:
        # The largest first, and before them what runs nothing.
        order = sorted(boxes, key=lambda box: (box.node not in quiet, -box.height))
        spare = sum(box.height for box in boxes) - MOST_ROWS
        folded = {}
        for box in order:
            if spare > 0 and box.node:
                folded[box.node] = _box(number, box.node, _whole)
                spare -= box.height - folded[box.node].height
        boxes = [folded.get(box.node, box) if box.node else box for box in boxes]
    return _grouped(number, boxes, level.boxes)


def _box(number: int, node: Node, group_of: _GroupOf | None) -> _Branch:
    rows = [_Branch(row, []) for row in node.rows]
    return _Branch(node, _grouped(number, rows, group_of, node.key))


def _grouped(number: int, branches: list[_Branch], group_of: _GroupOf | None, box: Key = ()) -> list[_Branch]:
    """Put the branches of one app into one group, where the first of them stood; one alone stays alone."""
    if group_of is None:
        return branches
    groups: dict[Key, list[_Branch]] = defaultdict(list)
    for branch in branches:
        groups[_group_key(number, branch, group_of, box)].append(branch)
    found = []
    for key, members in groups.items():
        if len(members) > 1 and key[0] == "group":
            found.append(_Branch(None, members, key))
        else:
            found += members
    return found


def _group_key(number: int, branch: _Branch, group_of: _GroupOf, box: Key) -> Key:
    node = branch.node
    assert node is not None, "only nodes are grouped, no groups"  # noqa: S101  (for the type checker)
    app = group_of(node)
    if app is None:
        return node.key
    return ("group", COLUMNS[number], app, "idle" if node.idle else "", *box)


# --- what is drawn of it ---------------------------------------------------------------------


class _Drawn:
    """Makes nodes of branches. ``in_place_of`` tells what is drawn instead of a node that is not."""

    def __init__(self, opened: Collection[str]) -> None:
        self._opened = frozenset(opened)
        self.in_place_of: dict[Node, Node] = {}

    def node(self, branch: _Branch, depth: int = 0) -> Node:
        """Return the branch's own node, at the top of a column with its rows."""
        node = branch.node or self._group(branch)
        node.depth = depth
        if depth == 0:
            node.rows = list(self._rows(branch, node, 1))
        elif node.kind in ("signal", "bypass"):
            node.rows = []
        return node

    def _rows(self, branch: _Branch, node: Node, depth: int) -> Iterator[Node]:
        if node.kind == "group" and not node.opened:
            return
        for part in branch.branches:
            row = self.node(part, depth)
            yield row
            yield from self._rows(part, row, depth + 1)

    def _group(self, branch: _Branch) -> Node:
        direct = [part.node for part in branch.branches if part.node]
        name = node_id(branch.key)
        members = list(branch.nodes())
        seen = [node.figures for node in direct if node.figures]
        group = Node(
            id=name,
            kind="group",
            key=branch.key,
            family=direct[0].family if len({node.family for node in direct}) == 1 else "none",
            figures=Figures.together(seen) if seen else None,
            registered=sum(node.registered for node in direct),
            skipped=sum(node.skipped for node in direct),
            traces=sum(node.traces for node in direct),
            changed=sum(node.changed for node in direct),
            members=members,
            size=len(direct),
            opened=not self._opened.isdisjoint({name, *(node.id for node in members)}),
        )
        if not group.opened:
            self.in_place_of.update((node, group) for node in group.members)
        return group


def _merged(edges: Iterable[Edge], in_place_of: dict[Node, Node]) -> list[Edge]:
    """Return the edges between what is drawn; those that now lead the same way are one."""
    ids = {node.id: other.id for node, other in in_place_of.items()}
    merged: dict[tuple[Node, Node, bool], list[Edge]] = defaultdict(list)
    for edge in edges:
        source = in_place_of.get(edge.source, edge.source)
        target = in_place_of.get(edge.target, edge.target)
        merged[source, target, edge.caused].append(edge)
    return [_one(source, target, same, ids) for (source, target, _), same in merged.items()]


def _one(source: Node, target: Node, edges: Sequence[Edge], ids: dict[str, str]) -> Edge:
    first = edges[0]
    seen = [edge.figures for edge in edges if edge.figures and (not edge.ghost or first.ghost)]
    return Edge(
        source,
        target,
        family=first.family if len({edge.family for edge in edges}) == 1 else "none",
        figures=Figures.together(seen) if len(seen) > 1 else seen[0] if seen else None,
        registered=any(edge.registered for edge in edges),
        caused=first.caused,
        ghost=all(edge.ghost for edge in edges),
        via=sorted({ids.get(point, point) for edge in edges for point in edge.via}),
    )
