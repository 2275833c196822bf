"""Where the graph is drawn: order, places, edges; the same every time, nothing over anything else."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from dashboard.graph import FULL, PANEL, Node, arrange, crossings, lay_out
from dashboard.graph.layout import DENSE, metrics_for
from dashboard.graph.placement import Wish, place

from .graphs import graph_of, laid_out, many, registration
from .samples import admin_add, call, emission

# --- order -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_the_order_crosses_fewer_edges_than_the_names_do(seed: int) -> None:
    graph = many(seed)
    before = crossings(graph)

    arrange(graph)

    assert crossings(graph) < before


def test_two_edges_that_cross_are_uncrossed() -> None:
    graph = graph_of(
        [
            emission("a", sender="app.A", signal="s.z", calls=[call("r.z")]),
            emission("b", sender="app.B", signal="s.a", calls=[call("r.a")]),
        ]
    )
    assert crossings(graph) > 0

    arrange(graph)

    assert crossings(graph) == 0


def test_the_same_input_gives_the_same_drawing() -> None:
    one, other = laid_out(many()), laid_out(many())

    assert [(node.key, node.x, node.y) for node in one.nodes()] == [
        (node.key, node.x, node.y) for node in other.nodes()
    ]
    assert [edge.path for edge in one.edges] == [edge.path for edge in other.edges]


def test_the_drawing_does_not_depend_on_the_order_of_the_entries() -> None:
    entries = admin_add()

    one, other = laid_out(graph_of(entries)), laid_out(graph_of(entries[::-1]))

    assert [(node.key, node.y) for node in one.nodes()] == [(node.key, node.y) for node in other.nodes()]


def test_idle_nodes_stand_below_the_others() -> None:
    graph = laid_out(many())

    assert graph.divider is not None
    for column in graph.columns:
        assert all(node.y > graph.divider for node in column if node.idle)
        assert all(node.y + node.height < graph.divider for node in column if not node.idle)


def test_an_idle_box_of_a_dense_drawing_keeps_no_room_for_figures() -> None:
    name = "shop.receivers.refresh_materialized_view"
    others = [registration(f"shop.receivers.one_{number}") for number in range(20)]
    graph = graph_of([], [registration(name), *others])
    lay_out(graph, metrics_for(graph))

    assert metrics_for(graph) is DENSE
    assert "refresh_materialized_view" in {node.label for node in graph.nodes()}


# --- places ----------------------------------------------------------------------------------


def assert_apart(boxes: Iterable[Node]) -> None:
    ordered = sorted(boxes, key=lambda box: box.y)
    for upper, lower in itertools.pairwise(ordered):
        assert upper.y + upper.height <= lower.y + 0.2, (upper.key, lower.key)


@pytest.mark.parametrize("metrics", [FULL, PANEL])
@pytest.mark.parametrize("seed", range(4))
def test_no_boxes_of_a_column_overlap(seed: int, metrics: object) -> None:
    graph = many(seed)
    arrange(graph)
    lay_out(graph, metrics)  # type: ignore[arg-type]

    for column in graph.columns:
        assert_apart(column)
        for node in column:
            assert_apart(node.rows)


def test_columns_do_not_overlap_and_everything_is_inside_the_drawing() -> None:
    graph = laid_out(many())

    for left, right in zip(graph.columns, graph.columns[1:], strict=False):
        assert max(node.x + node.width for node in left) + FULL.gutter <= min(node.x for node in right) + 0.5
    for node in graph.nodes():
        assert node.x >= 0
        assert node.x + node.width <= graph.width
        assert node.y + node.height <= graph.height


def test_points_stand_inside_their_signal() -> None:
    for signal in laid_out(many()).columns[2]:
        for point in signal.rows:
            assert signal.y < point.y
            assert point.y + point.height <= signal.y + signal.height


def test_edges_connect_nodes_of_the_drawing_at_their_sides() -> None:
    graph = laid_out(many())
    nodes = set(graph.nodes())

    assert any(edge.caused for edge in graph.edges)
    for edge in graph.edges:
        assert {edge.source, edge.target} <= nodes
        start, end = ends_of(edge.path)
        if edge.caused:
            assert start[0] == pytest.approx(edge.source.x, abs=0.1)
            assert end[0] == pytest.approx(edge.target.x + edge.target.width + 4, abs=0.1)
        else:
            assert start[0] == pytest.approx(edge.source.x + edge.source.width, abs=0.1)
            assert end[0] == pytest.approx(edge.target.x, abs=0.1)
        assert edge.source.y <= start[1] <= edge.source.y + edge.source.height
        assert edge.target.y <= end[1] <= edge.target.y + edge.target.height


def ends_of(path: str) -> tuple[tuple[float, float], tuple[float, float]]:
    numbers = [float(number) for number in path.replace("M", "").replace("C", " ").split()]
    return (numbers[0], numbers[1]), (numbers[-2], numbers[-1])


def test_a_busier_edge_is_thicker_and_an_idle_one_thin() -> None:
    busy = [emission(f"e{index}", sender="app.Busy") for index in range(50)]
    graph = laid_out(graph_of([*busy, emission("x", sender="app.Rare")], [registration(sender="app.Idle")]))
    width = {edge.source.name: edge.width for edge in graph.edges if edge.source.kind == "sender"}

    assert width["app.Busy"] > width["app.Rare"] > width["app.Idle"] == 1.0


def test_boxes_stand_where_they_want_when_there_is_room() -> None:
    assert place([Wish(10, 5), Wish(10, 40)], gap=2, top=0, bottom=100) == [5, 40]


def test_boxes_that_want_the_same_place_share_it_in_order() -> None:
    assert place([Wish(10, 50), Wish(10, 50)], gap=2, top=0, bottom=100) == [44, 56]


def test_a_heavier_wish_counts_for_more() -> None:
    first, second = place([Wish(10, 50, weight=3), Wish(10, 50, weight=1)], gap=2, top=0, bottom=100)

    assert (first, second) == (47, 59)


def test_boxes_keep_within_their_bounds() -> None:
    assert place([Wish(10, -90), Wish(10, 400)], gap=2, top=20, bottom=100) == [20, 90]


def test_boxes_without_room_run_over_the_bottom_and_still_do_not_overlap() -> None:
    assert place([Wish(10, 0)] * 3, gap=2, top=0, bottom=20) == [0, 12, 24]


# --- many nodes ------------------------------------------------------------------------------


def test_five_hundred_nodes_stay_readable() -> None:
    graph = laid_out(many(senders=60, signals=20, receivers=150))

    assert len(list(graph.nodes())) >= 400
    for column in graph.columns:
        ordered = sorted(column, key=lambda node: node.y)
        for upper, lower in itertools.pairwise(ordered):
            assert lower.y - upper.y - upper.height >= FULL.gap - 0.2
