"""Comparing two sides: what is new, gone, slower, reordered, and what is only noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dashboard.comparison import Comparison, compare, profile, sentence
from dashboard.comparison.aligning import longest_rising
from dashboard.comparison.profile import MOST_PATHS
from dashboard.events import Bypass, Call, Cause, Entry, Origin, Statement
from dashboard.statistics.origins import origin_label

from .samples import POST_SAVE, PRE_SAVE, at, boom, call, emission, origin


def trace(*calls: Call, trace: str = "t", ms: float = 0.0, **fields: Any) -> list[Entry]:
    """Return a request with one ``post_save`` that ran these calls."""
    took = sum(one.duration_us for one in calls)
    sent = emission(f"{trace}-e", ms + 1, trace=trace, calls=list(calls), duration_us=took, **fields)
    ends = {"trace": trace, "title": "/pages/"}
    return [origin("opened", ms, **ends), sent, origin("closed", ms + 150, **ends, duration_us=150e3)]


def ran(name: str, took_ms: float = 1.0, **fields: Any) -> Call:
    return call(f"app.receivers.{name}", duration_us=took_ms * 1_000, **fields)


def of_traces(before: Sequence[Entry], after: Sequence[Entry]) -> Comparison:
    return compare(profile(before), profile(after))


def of_stretches(before: Sequence[Entry], after: Sequence[Entry]) -> Comparison:
    return compare(profile(before, origin_label), profile(after, origin_label))


def marks(found: Comparison) -> dict[str, list[str]]:
    """Return the words at each row that has some, by the last part of its name."""
    return {
        row.key.name.rpartition(".")[2]: [mark.word for mark in row.marks]
        for row in found.changed()
        if row.marks
    }


def titles(found: Comparison, name: str) -> list[str]:
    return [mark.title for row in found.rows if row.key.name.endswith(name) for mark in row.marks]


# --- calls -----------------------------------------------------------------------------------


def test_the_same_trace_differs_in_nothing() -> None:
    found = of_traces(trace(ran("a"), ran("b")), trace(ran("a"), ran("b")))
    assert not found.differs
    assert found.changed() == []
    assert sentence(found).startswith("B does what A did")


def test_a_new_call_and_one_that_is_gone_are_named() -> None:
    found = of_traces(trace(ran("a"), ran("b")), trace(ran("a"), ran("c")))
    assert marks(found) == {"b": ["gone"], "c": ["new"]}
    assert sentence(found) == "In B, against A: 1 call (c) is new; 1 call (b) is gone."


def test_rows_around_a_difference_say_where_it_is_and_nothing_else_is_shown() -> None:
    found = of_traces(trace(ran("a"), ran("b")), trace(ran("a"), ran("c")))
    assert [row.key.name.rpartition(".")[2] for row in found.changed()] == ["", "post_save", "b", "c"]
    assert [row.level for row in found.changed()] == [1, 2, 3, 3]


def test_what_is_gone_stands_behind_what_it_followed() -> None:
    found = of_traces(trace(ran("x"), ran("a"), ran("y"), ran("b")), trace(ran("a"), ran("b"), ran("z")))
    calls = [row.key.name.rpartition(".")[2] for row in found.rows if row.key.kind == "call"]
    assert calls == ["x", "a", "y", "b", "z"]


def test_all_that_a_new_emission_caused_is_new() -> None:
    nested = emission("n", 2, trace="t", signal=PRE_SAVE, cause=Cause("t-e", 0), calls=[ran("deep")])
    before = trace(ran("a", 5))
    found = of_traces(before, [*before, nested])
    assert marks(found) == {"pre_save": ["new"], "deep": ["new"]}
    assert found.counts["call new"] == 1
    assert found.counts["emission new"] == 1


def test_the_same_receiver_under_another_sender_is_another_path() -> None:
    found = of_traces(trace(ran("a")), trace(ran("a"), sender="demo_app.Comment"))
    assert [(row.key.of, row.status) for row in found.rows if row.key.kind == "emission"] == [
        ("demo_app.Post", "gone"),
        ("demo_app.Comment", "new"),
    ]


# --- order -----------------------------------------------------------------------------------


def test_the_fewest_moves_that_explain_an_order_are_marked() -> None:
    found = of_traces(
        trace(ran("a"), ran("b"), ran("c"), ran("d")), trace(ran("d"), ran("a"), ran("b"), ran("c"))
    )
    assert marks(found) == {"d": ["reordered"]}
    assert sentence(found) == "In B, against A: d (runs at another place) runs in another order."


def test_calls_that_are_new_or_gone_do_not_reorder_the_others() -> None:
    found = of_traces(trace(ran("a"), ran("b"), ran("c")), trace(ran("n"), ran("b"), ran("m"), ran("c")))
    assert marks(found) == {"a": ["gone"], "n": ["new"], "m": ["new"]}


@pytest.mark.parametrize(
    ("numbers", "rising"),
    [([], 0), ([1], 1), ([3, 2, 1], 1), ([1, 2, 3], 3), ([2, 0, 1, 4, 3], 3), ([4, 0, 1, 2, 3], 4)],
)
def test_the_longest_rising_part_is_found(numbers: list[int], rising: int) -> None:
    indexes = longest_rising(numbers)
    assert len(indexes) == rising
    assert indexes == sorted(indexes)
    assert [numbers[index] for index in indexes] == sorted(numbers[index] for index in indexes)


# --- time ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "words"),
    [
        (10, 16, ["slower"]),
        (16, 10, ["faster"]),
        (10, 14.9, []),
        (0.1, 1.0, []),
        (0.1, 1.2, ["slower"]),
        (100, 140, []),
        (0, 5, ["slower"]),
    ],
)
def test_slower_needs_a_factor_and_a_millisecond(before_ms: float, after_ms: float, words: list[str]) -> None:
    found = of_traces(trace(ran("a", before_ms)), trace(ran("a", after_ms)))
    assert marks(found).get("a", []) == words


def test_how_much_slower_is_said_absolutely_and_as_a_factor() -> None:
    found = of_traces(trace(ran("a", 10)), trace(ran("a", 51)))
    assert titles(found, "a") == ["+41.0 ms, \u00d75.1"]
    assert sentence(found) == "In B, against A: a (+41.0 ms, \u00d75.1) is slower."
    assert titles(of_traces(trace(ran("a", 0)), trace(ran("a", 51))), "a") == ["+51.0 ms"]
    assert titles(of_traces(trace(ran("a", 51)), trace(ran("a", 10))), "a") == ["-41.0 ms, \u00d70.2"]


def test_a_call_is_not_slower_because_of_what_it_caused() -> None:
    def nested(took_ms: float) -> list[Entry]:
        inner = emission(
            "n",
            1.01,
            trace="t",
            cause=Cause("t-e", 0),
            calls=[ran("inner", took_ms)],
            duration_us=took_ms * 1_000,
        )
        return [*trace(ran("outer", took_ms + 1)), inner]

    found = marks(of_traces(nested(5), nested(80)))
    assert found["inner"] == ["slower"]
    assert "outer" not in found


def stretch(took_ms: Sequence[float], name: str = "a") -> list[Entry]:
    return [
        entry
        for number, took in enumerate(took_ms)
        for entry in trace(ran(name, took), trace=f"t{number}", ms=200.0 * number)
    ]


def test_with_enough_runs_the_middle_halves_must_not_overlap() -> None:
    calm, noisy = [10.0] * 8, [10.0, 10.0, 10.0, 16.0, 16.0, 16.0, 16.0, 16.0]
    assert marks(of_stretches(stretch(calm), stretch(noisy))) == {}
    assert marks(of_stretches(stretch(calm), stretch([16.0] * 8))) == {"a": ["slower"]}


def test_one_outlier_among_many_runs_is_noise() -> None:
    assert marks(of_stretches(stretch([10.0] * 9), stretch([10.0] * 8 + [5_000.0]))) == {}


# --- queries, errors, runs -------------------------------------------------------------------


def test_more_queries_a_run_are_marked_and_other_ones_too() -> None:
    one, two = Statement("SELECT 1"), Statement("SELECT 2")
    found = of_traces(trace(ran("a", queries=1)), trace(ran("a", queries=5)))
    assert (marks(found), titles(found, "a")) == ({"a": ["more queries"]}, ["1 q to 5 q a run"])
    found = of_traces(trace(ran("a", queries=5)), trace(ran("a", queries=1)))
    assert marks(found) == {"a": ["fewer queries"]}
    found = of_traces(
        trace(ran("a", queries=1, statements=[one])), trace(ran("a", queries=1, statements=[two]))
    )
    assert (marks(found), titles(found, "a")) == ({"a": ["other queries"]}, ["1 new, 1 gone"])


def test_an_error_that_is_new_and_one_that_is_gone_are_told_by_type() -> None:
    fine, broken = trace(ran("a")), trace(ran("a", outcome="raised", error=boom()))
    assert marks(of_traces(fine, broken)) == {"a": ["raises"]}
    assert marks(of_traces(broken, fine)) == {"a": ["no longer raises"]}
    assert marks(of_traces(broken, broken)) == {}
    assert sentence(of_traces(fine, broken)) == (
        "In B, against A: a (ConnectionRefusedError) raises what A did not."
    )


def test_a_new_call_that_raises_says_both() -> None:
    found = of_traces(trace(ran("a")), trace(ran("a"), ran("b", outcome="raised", error=boom())))
    assert marks(found) == {"b": ["new", "raises"]}


def test_an_origin_that_fails_now_is_an_error_of_the_trace() -> None:
    before, after = trace(ran("a")), trace(ran("a"))
    end = after[-1]
    assert isinstance(end, Origin)
    end.error = "builtins.ValueError: no such thing"
    assert marks(of_traces(before, after)) == {"": ["raises"]}


def test_in_a_trace_every_run_counts() -> None:
    again = emission("again", 3, trace="t", calls=[ran("a")])
    found = of_traces(trace(ran("a")), [*trace(ran("a")), again])
    assert marks(found)["post_save"] == ["more often"]
    assert titles(found, "post_save") == ["1 to 2 runs"]


def test_in_a_stretch_more_traffic_is_no_difference_but_more_runs_each_time_are() -> None:
    assert marks(of_stretches(stretch([1.0] * 2), stretch([1.0] * 20))) == {}
    busy = [
        *stretch([1.0] * 2),
        *(emission(f"x{n}", 3 + n, trace="t0", calls=[ran("a")]) for n in range(3)),
    ]
    found = of_stretches(stretch([1.0] * 2), busy)
    assert titles(found, "post_save") == ["1 to 2.5 runs each time"]


def test_a_bypass_is_a_path_of_its_own() -> None:
    bypass = Bypass(id="b", operation="update", sender="demo_app.Tag", at=at(5), trace="t", duration_us=9.0)
    found = of_traces(trace(ran("a")), [*trace(ran("a")), bypass])
    assert [(row.key.kind, row.key.of, row.status) for row in found.changed()][-1] == (
        "bypass",
        "demo_app.Tag",
        "new",
    )


def test_many_differences_are_counted_instead_of_named() -> None:
    after = trace(*[ran(name, outcome="raised", error=boom()) for name in "abc"])
    found = of_traces(trace(*map(ran, "abc")), after)
    assert sentence(found) == "In B, against A: 3 raise what A did not."


# --- stretches -------------------------------------------------------------------------------


def test_stretches_compare_by_what_started_the_traces() -> None:
    other: list[Entry] = [
        origin("opened", 900, trace="o", title="/other/7/"),
        emission("o1", 901, trace="o"),
        origin("closed", 990, trace="o", title="/other/7/"),
    ]
    found = of_stretches(stretch([1.0]), [*stretch([1.0]), *other])
    assert [(row.key.name, row.status) for row in found.rows if row.key.kind == "origin"] == [
        ("POST /pages/", "both"),
        ("POST /other/<id>/", "new"),
    ]
    assert "1 origin (POST /other/<id>/) is new" in sentence(found)


def test_a_trace_beside_a_stretch_is_compared_as_a_stretch() -> None:
    found = compare(profile(trace(ran("a")), origin_label), profile(stretch([1.0] * 3), origin_label))
    assert not found.differs


# --- what a hostile file may hold ------------------------------------------------------------


def test_a_ring_of_causes_and_a_cause_that_is_missing_end() -> None:
    ring = [
        emission("r1", 1, trace="t", cause=Cause("r2", 0), calls=[ran("a")]),
        emission("r2", 2, trace="t", cause=Cause("r1", 0), calls=[ran("b")]),
        emission("r3", 3, trace="t", cause=Cause("nowhere", 5), calls=[ran("c")]),
        emission("r3", 3, trace="t", cause=Cause("r3", 0)),
    ]
    found = of_traces(ring, ring)
    assert not found.differs
    assert {row.key.name.rpartition(".")[2] for row in found.rows if row.key.kind == "call"} == {
        "a",
        "b",
        "c",
    }


def test_a_loop_deeper_than_pythons_stack_is_compared() -> None:
    deep: list[Entry] = [
        emission(f"d{n}", n / 1000, trace="t", cause=Cause(f"d{n - 1}", 0) if n else None, calls=[ran("a")])
        for n in range(3_000)
    ]
    found = of_traces(deep, deep[:-1])
    assert found.counts["call gone"] == 1


def test_nothing_on_either_side_is_no_difference() -> None:
    assert not of_traces([], []).differs
    assert not of_stretches([], []).differs


def test_the_number_of_paths_is_bounded_and_what_is_beyond_is_counted() -> None:
    wide: list[Entry] = [
        emission(f"w{n}", n / 1000, trace="t", signal=POST_SAVE, sender=f"app.M{n}")
        for n in range(MOST_PATHS + 50)
    ]
    side = profile(wide)
    assert len(side.whole.children) == MOST_PATHS
    assert side.left_out == 50
