"""The paths through a node, which a search and a file keep."""

from __future__ import annotations

import pytest

from dashboard.graph import Graph, Paths, keep_paths, node_id

from .graphs import RECEIVER, SAVED, graph_of, registration
from .samples import POST_SAVE, PRE_SAVE, admin_add, call, emission

PRE_SAVED = ("point", PRE_SAVE, "demo_app.Post")
ADD = ("origin", "POST /admin/demo_app/post/add/")
POST = ("sender", "demo_app.Post")


def through(graph: Graph, *key: str) -> set[tuple[tuple[str, ...], tuple[str, ...]]]:
    node = graph.find(node_id(key))
    assert node is not None
    return {(edge.source.key, edge.target.key) for edge in Paths(graph).through(node)}


def test_the_paths_of_a_receiver_lead_from_its_origins_to_what_it_caused() -> None:
    assert through(graph_of(admin_add()), "receiver", RECEIVER) == {
        (ADD, POST),
        (POST, SAVED),
        (SAVED, ("receiver", RECEIVER)),
        (("receiver", RECEIVER), PRE_SAVED),
    }


def test_the_paths_of_a_point_are_not_those_of_other_points_of_its_sender() -> None:
    found = through(graph_of(admin_add()), *PRE_SAVED)

    assert (PRE_SAVED, ("receiver", "demo_app.receivers.slugify_title")) in found
    assert (("receiver", RECEIVER), PRE_SAVED) in found
    assert (POST, SAVED) not in found


def test_the_paths_of_an_origin_lead_to_the_points_that_it_sent_and_their_receivers() -> None:
    found = through(graph_of(admin_add()), *ADD)

    assert {(ADD, POST), (POST, SAVED), (SAVED, ("receiver", RECEIVER))} <= found


def test_receivers_for_all_senders_are_on_the_paths_of_every_point() -> None:
    graph = graph_of([emission(calls=[call()])], [registration(sender=None)])

    assert (("signal", POST_SAVE), ("receiver", RECEIVER)) in through(graph, *SAVED)
    assert (POST, SAVED) in through(graph, "receiver", RECEIVER)


@pytest.mark.parametrize("key", [("receiver", RECEIVER), SAVED, ("signal", POST_SAVE), POST, ADD])
def test_only_the_paths_are_kept_with_the_boxes_around_their_points(key: tuple[str, ...]) -> None:
    graph = graph_of(admin_add(), [registration("never.runs", "app.Other", "s.other")])
    node = graph.find(node_id(key))
    assert node is not None

    kept = keep_paths(graph, [node])

    assert kept.find(node.id) is node
    assert kept.find(node_id(("receiver", "never.runs"))) is None
    drawn = set(kept.nodes())
    assert all({edge.source, edge.target} <= drawn for edge in kept.edges)
    assert all(box.rows for box in kept.columns[2])


def test_nothing_found_keeps_nothing() -> None:
    kept = keep_paths(graph_of(admin_add()), [])

    assert list(kept.nodes()) == []
    assert kept.edges == []
