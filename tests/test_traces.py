"""A trace as a tree: order, causes that are missing or circular, folding, depth."""

from __future__ import annotations

from dashboard.events import Cause, Emission, Entry
from dashboard.traces.tree import assemble

from .samples import admin_add, call, emission, origin


def outline(entries: list[Entry]) -> list[tuple[int, str, str]]:
    return [(row.level, row.kind, row.key) for row in assemble(entries).rows().rows]


def test_rows_come_in_the_order_in_which_things_began() -> None:
    assert outline(admin_add()) == [
        (2, "quiet", "quiet.e1"),
        (3, "emission", "e1"),
        (2, "emission", "e2"),
        (3, "call", "e2.0"),
        (2, "emission", "e3"),
        (3, "call", "e3.0"),
        (4, "emission", "e4"),
        (5, "call", "e4.0"),
        (3, "call", "e3.1"),
        (2, "emission", "e5"),
        (3, "call", "e5.0"),
    ]


def test_an_emission_whose_cause_is_not_stored_becomes_a_root() -> None:
    tree = assemble([emission("e1", cause=Cause("gone", 0), calls=[call()])])
    first = tree.rows().rows[0]
    assert (first.level, first.key, first.orphan) == (2, "e1", True)


def test_causes_in_a_ring_are_cut_and_every_emission_is_shown_once() -> None:
    ring: list[Entry] = [
        emission(f"e{n}", n, cause=Cause(f"e{(n + 1) % 5}", 0), calls=[call()], seq=n + 1) for n in range(5)
    ]
    keys = [key for _, kind, key in outline(ring) if kind == "emission"]
    assert sorted(keys) == ["e0", "e1", "e2", "e3", "e4"]


def test_an_entry_that_comes_twice_is_shown_once() -> None:
    entries: list[Entry] = [emission("e1", calls=[call()]), emission("e1", calls=[call()])]
    assert len(outline(entries)) == 2


def test_work_that_outlived_its_call_hangs_on_the_emission_itself() -> None:
    parent = emission("parent", 0, calls=[call()], duration_us=5_000.0)
    late = emission("late", 3, cause=Cause("parent", None), calls=[call()])
    strange = emission("strange", 4, cause=Cause("parent", 7), calls=[call()])
    assert outline([late, strange, parent]) == [
        (2, "emission", "parent"),
        (3, "call", "parent.0"),
        (3, "emission", "late"),
        (4, "call", "late.0"),
        (3, "emission", "strange"),
        (4, "call", "strange.0"),
    ]


def test_short_emissions_without_calls_fold_into_one_row() -> None:
    entries: list[Entry] = [emission(f"e{n}", n, duration_us=100.0) for n in range(3)]
    rows = assemble(entries).rows().rows
    assert (rows[0].kind, len(rows[0].quiet), rows[0].hidden) == ("quiet", 3, False)
    assert [row.hidden for row in rows[1:]] == [True, True, True]
    assert rows[0].quiet_text == "3 quiet: post_save demo_app.Post"


def test_what_the_filter_asks_for_is_not_folded_and_the_rest_is_marked() -> None:
    entries: list[Entry] = [emission("e1", 0, duration_us=10.0), emission("e2", 1, duration_us=10.0)]
    rows = assemble(entries).rows(matches=lambda sent: isinstance(sent, Emission) and sent.id == "e2").rows
    assert [(row.kind, row.key) for row in rows if not row.hidden] == [
        ("quiet", "quiet.e1"),
        ("emission", "e2"),
    ]


def test_a_window_of_rows_says_where_the_next_one_begins() -> None:
    entries: list[Entry] = [emission(f"e{n:03}", n, calls=[call()]) for n in range(200)]
    tree = assemble(entries)
    first, last = tree.rows(0, 300), tree.rows(300, 300)
    assert (first.total, first.next_start, last.next_start) == (400, 300, None)
    assert last.rows[0].key == "e150"


def test_a_chain_deeper_than_pythons_stack_is_shown() -> None:
    depth = 3_000
    entries: list[Entry] = [
        emission(f"e{n}", depth - n, cause=Cause(f"e{n + 1}", 0), calls=[call()], seq=n + 1)
        for n in range(depth)
    ]
    assert assemble(entries).rows(limit=5).total == 2 * depth


def test_positions_stay_on_the_lane_whatever_the_clocks_say() -> None:
    entries: list[Entry] = [
        origin("opened", 0),
        emission("e1", -500, calls=[call(offset_us=9e9)]),
        origin("closed", 10),
    ]
    for row in assemble(entries).rows().rows:
        assert 0 <= float(row.span.x) <= 100
        assert float(row.span.x) + float(row.span.width) <= 100.01


def test_a_tree_of_nothing_is_empty() -> None:
    assert assemble([]).rows().rows == []
