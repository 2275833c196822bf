"""The graph's model: what is drawn, what is left out, and what its nodes say."""

from __future__ import annotations

import pytest

from dashboard.events import Entry
from dashboard.graph import Graph, build, describe, keep_busiest, node_id, without_caused, without_idle
from dashboard.graph.notes import heat, rate
from dashboard.naming import family_of
from dashboard.statistics import Statistics

from .graphs import RECEIVER, SAVED, graph_of, laid_out, many, registration
from .samples import POST_SAVE, PRE_SAVE, admin_add, boom, call, emission

PANEL_LIMITS = (4, 4, 8, 4)


def links(graph: Graph, caused: bool = False) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    return {(edge.source.key, edge.target.key) for edge in graph.edges if edge.caused is caused}


# --- what is drawn ---------------------------------------------------------------------------


def test_a_signal_holds_one_emission_point_for_each_sender() -> None:
    graph = graph_of([emission("a", sender="app.A"), emission("b", sender="app.B")])

    (signal,) = graph.columns[2]
    assert signal.key == ("signal", POST_SAVE)
    assert [point.name for point in signal.rows] == ["app.A", "app.B"]
    assert (signal.count, [point.count for point in signal.rows]) == (2, [1, 1])


def test_paths_of_one_model_are_not_taken_by_another() -> None:
    graph = graph_of([emission(calls=[call()])], [registration(), registration("a.b", "app.Other")])

    assert (SAVED, ("receiver", RECEIVER)) in links(graph)
    assert (("point", POST_SAVE, "app.Other"), ("receiver", "a.b")) in links(graph)
    assert (SAVED, ("receiver", "a.b")) not in links(graph)


def test_a_receiver_for_all_senders_hangs_on_the_signal() -> None:
    graph = graph_of([emission(calls=[call()])], [registration(sender=None)])

    assert (("signal", POST_SAVE), ("receiver", RECEIVER)) in links(graph)
    assert (SAVED, ("receiver", RECEIVER)) not in links(graph)


def test_what_is_registered_and_never_ran_is_idle() -> None:
    graph = graph_of([], [registration()])

    assert {edge.registered: edge.idle for edge in graph.edges} == {True: True, False: True}
    assert all(node.idle for node in graph.nodes())
    assert {node.kind for node in graph.nodes()} == {"sender", "signal", "point", "receiver"}


def test_what_ran_without_being_registered_is_drawn_too() -> None:
    graph = graph_of([emission(calls=[call()])])

    (receiver,) = graph.columns[3]
    assert (receiver.count, receiver.registered) == (1, 0)


def test_an_edge_leads_back_from_a_receiver_to_what_it_caused() -> None:
    graph = graph_of(admin_add())

    assert links(graph, caused=True) == {(("receiver", RECEIVER), ("point", PRE_SAVE, "demo_app.Post"))}


def test_the_share_of_calls_that_raised_is_known_of_each_edge() -> None:
    entries = [
        emission("a", calls=[call(outcome="raised", error=boom())]),
        *(emission(f"b{index}", calls=[call()]) for index in range(3)),
    ]

    graph = graph_of(entries)

    assert {edge.error_share for edge in graph.edges if edge.target.kind == "receiver"} == {0.25}


def test_idle_nodes_and_caused_edges_can_be_left_out() -> None:
    graph = graph_of(admin_add(), [registration("never.runs", "app.Other"), registration("nor.this")])

    shown = without_caused(without_idle(graph))

    assert not any(node.idle for node in shown.nodes())
    assert not any(edge.idle or edge.caused for edge in shown.edges)
    assert shown.find(node_id(("receiver", RECEIVER))) is not None
    assert shown.find(node_id(("receiver", "never.runs"))) is None


def test_ids_are_the_same_every_time_and_safe_in_addresses() -> None:
    hostile = ("receiver", '"><script>alert(1)</script>/../\ud800')

    assert node_id(hostile) == node_id(hostile)
    assert node_id(hostile).isalnum()
    assert node_id(("a", "bc")) != node_id(("ab", "c"))


def test_nothing_at_all_is_a_graph_without_nodes() -> None:
    graph = laid_out(build([], Statistics(60.0), family_of))

    assert list(graph.nodes()) == []
    assert graph.height > 0


# --- selection -------------------------------------------------------------------------------


def test_only_the_busiest_nodes_are_kept_and_the_rest_is_counted() -> None:
    entries: list[Entry] = []
    for index in range(20):
        entries += [emission(f"{index}-{n}", sender=f"app.M{index:02}") for n in range(index + 1)]

    kept = keep_busiest(graph_of(entries), (3, 3, 4, 3))

    assert {node.name for node in kept.columns[1]} == {"app.M19", "app.M18", "app.M17"}
    assert len(kept.columns[2][0].rows) == 3
    assert kept.hidden == (0, 17, 17, 0)


def test_edges_to_nodes_that_are_left_out_go_with_them() -> None:
    kept = keep_busiest(many(), PANEL_LIMITS)
    nodes = set(kept.nodes())

    assert kept.edges
    assert all({edge.source, edge.target} <= nodes for edge in kept.edges)


def test_a_chosen_node_is_kept_whatever_its_rank() -> None:
    idle = registration("never.runs", "app.Zero")
    chosen = node_id(("receiver", "never.runs"))

    kept = keep_busiest(graph_of(admin_add(), [idle]), (1, 1, 2, 1), chosen)

    assert [node.name for node in kept.columns[3]] == ["never.runs"]


def test_a_point_that_runs_receivers_is_kept_before_a_busier_one_that_does_not() -> None:
    quiet = emission("a", signal="s.quiet", calls=[call()])
    noise = [emission(f"n{index}", signal="s.noise") for index in range(9)]

    kept = keep_busiest(graph_of([quiet, *noise]), (9, 9, 2, 9))

    assert [node.name for node in kept.columns[2]] == ["s.quiet"]


# --- what is written -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "per_second", "text"),
    [
        (3, 0.05, "3\u00d7"),
        (4_000, 0.4, "4,000\u00d7"),
        (30, 0.5, "0.5/s"),
        (1, 9.94, "9.9/s"),
        (1, 1234.4, "1,234/s"),
    ],
)
def test_a_rate_is_written_per_second_or_as_a_count(count: int, per_second: float, text: str) -> None:
    assert rate(count, per_second) == text


@pytest.mark.parametrize(("us", "step"), [(0, 0), (999, 0), (1_000, 1), (5_000, 2), (20_000, 3), (50_000, 4)])
def test_heat_rises_with_the_duration(us: float, step: int) -> None:
    assert heat(us) == step


def test_nodes_say_what_they_did_and_idle_ones_that_they_did_not() -> None:
    graph = graph_of(admin_add(), [registration("never.runs")])

    describe(graph, "idle", lambda us: f"{us:.0f} us")

    by_name = {node.key: node for node in graph.nodes()}
    assert by_name["receiver", RECEIVER].note == "p95 75600 us"
    assert by_name["receiver", RECEIVER].heat == 4
    assert by_name["receiver", "never.runs"].note == "idle"
    assert by_name["origin", "POST /admin/demo_app/post/add/"].note == "1 trace"


def test_a_node_says_its_kind_its_name_and_its_errors_to_who_cannot_see_it() -> None:
    graph = graph_of([emission(calls=[call(outcome="raised", error=boom())])])
    describe(graph, "idle", str)

    (receiver,) = graph.columns[3]
    assert receiver.spoken == f"1\u00d7, p95 700.0, 1 error, receiver {RECEIVER}"
