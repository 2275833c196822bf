"""Groups in the graph: what is folded, how far, what opens again, and what the edges make of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from dashboard.graph import FULL, Graph, Node, arrange, fold, lay_out, node_id
from dashboard.graph.folding import MOST_ROWS

from .graphs import graph_of, many, registration
from .samples import call, emission, origin


def app_of(name: str) -> str:
    return name.partition(".")[0]


def big(senders: int = 70, apps: int = 7) -> Graph:
    """Return a graph with so many senders of one signal, each heard by a receiver of its own app."""
    return graph_of(
        [
            emission(
                f"e{index}",
                sender=f"app{index % apps}.Model{index}",
                signal="django.db.models.signals.post_save",
                calls=[call(f"app{index % apps}.receivers.receiver{index}")],
            )
            for index in range(senders)
        ]
    )


def groups(graph: Graph, column: int) -> list[Node]:
    nodes = [node for box in graph.columns[column] for node in (box, *box.rows)]
    return [node for node in nodes if node.kind == "group"]


def rows(graph: Graph, column: int) -> int:
    return sum(1 + len(node.rows) for node in graph.columns[column])


def keys(nodes: Sequence[Node]) -> list[str]:
    return [node.key[2] for node in nodes]


def test_a_small_graph_is_left_as_it_is() -> None:
    graph = fold(big(10), app_of)

    assert graph.levels == (0, 0, 0, 0)
    assert not [node for node in graph.nodes() if node.kind == "group"]


def test_a_column_of_more_than_sixty_is_grouped_by_app() -> None:
    graph = fold(big(70), app_of)

    for column in (1, 3):
        assert sorted(keys(groups(graph, column))) == [f"app{index}" for index in range(7)]
        assert {node.size for node in groups(graph, column)} == {10}
    assert all(rows(graph, column) <= MOST_ROWS for column in range(4))


def test_within_a_signal_the_senders_of_each_app_stay_apart() -> None:
    graph = fold(big(70), app_of)

    (signal,) = graph.columns[2]
    assert [(row.kind, row.size, row.count) for row in signal.rows] == [("group", 10, 10)] * 7


def test_a_folded_edge_carries_all_that_its_members_did() -> None:
    whole = big(70)
    before = sum(edge.count for edge in whole.edges)

    graph = fold(whole, app_of)

    assert len(graph.edges) == 14
    assert sum(edge.count for edge in graph.edges) == before


def test_what_runs_nothing_is_folded_first() -> None:
    loud = [emission("x", sender="app0.Loud", calls=[call("app0.receivers.hears")])]
    quiet = [
        emission(f"q{index}", sender=f"app{index % 3}.Quiet{index}", signal="s.quiet") for index in range(80)
    ]

    graph = fold(graph_of([*loud, *quiet]), app_of)

    assert graph.find(node_id(("sender", "app0.Loud"))) is not None
    assert graph.levels[1] == 1
    assert sum(node.size for node in groups(graph, 1)) == 80


def test_an_open_group_shows_its_members_below_it() -> None:
    folded = groups(fold(big(70), app_of), 1)[0]

    graph = fold(big(70), app_of, opened=[folded.id])

    (opened,) = [node for node in groups(graph, 1) if node.opened]
    assert opened.id == folded.id
    assert [row.kind for row in opened.rows] == ["sender"] * 10
    assert opened.stands_for == ""
    assert not any(edge.source is opened or edge.target is opened for edge in graph.edges)


def test_the_group_of_a_chosen_node_is_open() -> None:
    chosen = node_id(("receiver", "app3.receivers.receiver3"))

    graph = fold(big(70), app_of, opened=[chosen])

    assert keys([node for node in groups(graph, 3) if node.opened]) == ["app3"]
    assert graph.find(chosen) is not None


def test_a_folded_group_names_what_it_stands_for() -> None:
    group = groups(fold(big(70), app_of), 3)[0]

    assert '"receiver|app0.receivers.receiver0"' in group.stands_for
    assert "folded group app0, 10 receivers" in group.spoken


def test_flows_lead_by_way_of_what_is_drawn() -> None:
    entries = [
        part
        for index in range(70)
        for part in (
            origin(trace=f"{index:032x}", title=f"/page/{index}x/"),
            emission(
                f"e{index}", trace=f"{index:032x}", sender=f"app.Model{index}", calls=[call("app.hears")]
            ),
        )
    ]

    graph = fold(graph_of(entries), app_of)

    ids = {node.id for node in graph.nodes()}
    flows = [edge for edge in graph.edges if edge.source.column == 0]
    assert flows
    assert all(edge.via and set(edge.via) <= ids for edge in flows)


def test_grouping_can_be_forced_and_forbidden() -> None:
    assert groups(fold(big(10, apps=2), app_of, grouping="app"), 3)
    assert fold(big(70), app_of, grouping="none").levels == (0, 0, 0, 0)


def test_a_column_that_was_folded_stays_so_while_it_is_nearly_too_long() -> None:
    assert fold(big(50), app_of).levels == (0, 0, 0, 0)
    assert fold(big(50), app_of, before=(0, 2, 2, 2)).levels == (0, 2, 2, 2)
    assert fold(big(30), app_of, before=(0, 2, 2, 2)).levels == (0, 0, 0, 0)


def test_many_signals_of_ones_own_are_grouped_by_their_app() -> None:
    entries = [
        emission(f"e{signal}-{sender}", sender=f"app.M{sender}", signal=f"app{signal % 4}.signals.s{signal}")
        for signal in range(60)
        for sender in range(4)
    ]

    graph = fold(graph_of(entries), app_of)

    assert [(node.kind, node.size) for node in graph.columns[2]] == [("group", 15)] * 4
    opened = fold(graph_of(entries), app_of, opened=[graph.columns[2][0].id]).columns[2][0]
    assert {row.depth for row in opened.rows if row.kind == "signal"} == {1}
    assert {row.depth for row in opened.rows if row.kind == "group"} == {2}


def test_idle_nodes_are_grouped_apart_from_those_that_ran() -> None:
    registered = [registration(f"app.receivers.idle{index}") for index in range(70)]
    graph = fold(graph_of([emission(calls=[call("app.receivers.ran")])], registered), app_of)

    (group,) = groups(graph, 3)
    assert (group.idle, group.size, group.title) == (True, 70, "app, 70 receivers, idle")
    assert graph.find(node_id(("receiver", "app.receivers.ran"))) is not None


@pytest.mark.parametrize("seed", range(3))
def test_a_folded_graph_is_laid_out_without_overlaps(seed: int) -> None:
    whole = many(seed, senders=80, signals=20, receivers=150)
    first = fold(whole, app_of, grouping="app")
    opened = [node.id for node in first.nodes() if node.kind == "group"]

    for opening in ((), opened):
        graph = fold(
            many(seed, senders=80, signals=20, receivers=150), app_of, grouping="app", opened=opening
        )
        arrange(graph)
        lay_out(graph, FULL)
        for column in graph.columns:
            boxes = sorted(column, key=lambda node: node.y)
            for upper, lower in itertools.pairwise(boxes):
                assert upper.y + upper.height <= lower.y + 0.2
            for box in column:
                assert all(box.y < row.y and row.y + row.height <= box.y + box.height for row in box.rows)
