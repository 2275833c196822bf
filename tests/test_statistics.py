"""Figures of receivers and edges, compared with what a person counts by hand; pulses; names of origins."""

from __future__ import annotations

import pytest

from dashboard.events import Bypass, Cause, Entry, Gap, Origin, Outcome, Transaction, Unknown
from dashboard.statistics import Figures, Pulses, Sample, collect, origin_label, orphans, pulse_key, route_of

from .samples import NOON, POST_SAVE, PRE_SAVE, TRACE, admin_add, at, boom, call, emission, origin

POST = ("sender", "demo_app.Post")
SAVED = ("point", POST_SAVE, "demo_app.Post")
THUMBNAIL = ("receiver", "demo_app.receivers.make_thumbnail")
ADD = ("origin", "POST /admin/demo_app/post/add/")


def no_route(path: str) -> None:
    return None


def figures(*durations_us: float) -> Figures:
    made = Figures(60.0)
    for index, duration in enumerate(durations_us):
        made.add(Sample(duration, at(index), f"{index:032x}"))
    return made


# --- figures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50.0), (95, 95.0), (99, 99.0), (100, 100.0), (1, 1.0), (0, 1.0)]
)
def test_a_percentile_is_the_duration_that_so_many_runs_do_not_exceed(
    percent: float, expected: float
) -> None:
    assert figures(*reversed([float(one) for one in range(1, 101)])).percentile(percent) == expected


def test_the_percentiles_of_three_runs_are_durations_that_were_measured() -> None:
    three = figures(30.0, 10.0, 20.0)

    assert (three.p50_us, three.p95_us, three.p99_us) == (20.0, 30.0, 30.0)


def test_a_percentile_counts_runs_added_after_it_was_first_asked() -> None:
    growing = figures(10.0)
    assert growing.p50_us == 10.0

    growing.add(Sample(2.0, NOON, TRACE))
    growing.add(Sample(1.0, NOON, TRACE))

    assert growing.p50_us == 2.0


def test_figures_without_runs_are_zero_and_not_an_error() -> None:
    nothing = figures()

    assert (nothing.count, nothing.rate, nothing.p95_us, nothing.last_at) == (0, 0.0, 0.0, None)
    assert sum(nothing.histogram().counts) == 0


def test_the_rate_is_the_mean_of_the_whole_window() -> None:
    assert figures(*[1.0] * 90).rate == 1.5


def test_the_slowest_runs_name_each_trace_once() -> None:
    made = Figures(60.0)
    for trace, duration in [("a", 1.0), ("b", 9.0), ("b", 8.0), ("c", 5.0), ("d", 7.0)]:
        made.add(Sample(duration, NOON, trace))

    assert [(sample.trace, sample.duration_us) for sample in made.slowest(3)] == [
        ("b", 9.0),
        ("d", 7.0),
        ("c", 5.0),
    ]


def test_the_latest_runs_are_the_newest_ones_newest_first() -> None:
    assert [sample.duration_us for sample in figures(1.0, 2.0, 3.0, 4.0).latest(2)] == [4.0, 3.0]


def test_a_histogram_counts_every_run_and_what_is_longer_in_its_last_bin() -> None:
    spread = figures(*[500.0] * 200, 90_000.0)

    top_us, counts = spread.histogram(10)

    assert top_us == 500.0
    assert sum(counts) == 201
    assert counts[-1] == 201


def test_the_end_of_a_histogram_is_a_round_number() -> None:
    assert figures(140_100.0).histogram().top_us == 150_000.0
    assert figures(0.2).histogram().top_us == 10.0


# --- the figures of a window -----------------------------------------------------------------


def test_one_admin_request_gives_the_figures_counted_by_hand() -> None:
    seen = collect(admin_add(), 60.0, route=no_route)

    assert seen.emissions == 5
    assert seen.nodes[POST].count == 4
    assert seen.nodes[POST].rate == 4 / 60
    assert seen.nodes[SAVED].p50_us == 93_400.0
    assert seen.nodes[THUMBNAIL].p95_us == 75_600.0
    assert seen.nodes["receiver", "demo_app.receivers.slugify_title"].count == 2
    assert seen.nodes["receiver", "demo_app.mail.notify_author"].errors == 1
    assert seen.nodes["signal", PRE_SAVE].count == 2
    assert seen.flows[SAVED, THUMBNAIL].count == 1
    assert seen.flows[POST, SAVED].errors == 0


def test_an_emission_sent_by_a_receiver_flows_from_it_and_not_from_the_origin() -> None:
    seen = collect(admin_add(), 60.0, route=no_route)

    nested = ("point", PRE_SAVE, "demo_app.Post")
    assert list(seen.caused) == [(THUMBNAIL, nested)]
    assert seen.caused[THUMBNAIL, nested].p50_us == 300.0
    assert seen.flows[ADD, POST].count == 3
    assert seen.via[ADD, POST] == {
        nested,
        SAVED,
        ("point", "demo_app.signals.post_published", "demo_app.Post"),
    }


def test_the_order_of_the_entries_does_not_matter() -> None:
    forward, backward = collect(admin_add(), 60.0), collect(admin_add()[::-1], 60.0)

    assert forward.nodes.keys() == backward.nodes.keys()
    assert forward.caused.keys() == backward.caused.keys()
    assert forward.nodes[THUMBNAIL].p95_us == backward.nodes[THUMBNAIL].p95_us


def test_calls_of_a_receiver_for_all_senders_flow_from_the_signal() -> None:
    seen = collect([emission(calls=[call()])], 60.0, {(POST_SAVE, THUMBNAIL[1])})

    assert list(seen.flows) == [(POST, SAVED), (("signal", POST_SAVE), THUMBNAIL)]


def test_an_emission_failed_when_one_of_its_calls_raised() -> None:
    seen = collect(
        [emission("a", calls=[call(), call(outcome="raised", error=boom())]), emission("b", calls=[call()])],
        60.0,
    )

    assert (seen.nodes[SAVED].errors, seen.nodes[SAVED].count) == (1, 2)
    assert (seen.nodes[THUMBNAIL].errors, seen.nodes[THUMBNAIL].count) == (1, 3)


def test_a_cancelled_call_is_no_error() -> None:
    assert collect([emission(calls=[call(outcome="cancelled")])], 60.0).nodes[THUMBNAIL].errors == 0


def test_a_sender_that_is_none_has_the_empty_name() -> None:
    assert ("point", POST_SAVE, "") in collect([emission(sender=None)], 60.0).nodes


def test_an_origin_is_measured_by_its_whole_traces() -> None:
    entries = [
        *admin_add(),
        origin("opened", 200, trace="t2"),
        origin("closed", 300, trace="t2", status="500", duration_us=2e3),
    ]

    requests = collect(entries, 60.0, route=no_route).requests[ADD]

    assert (requests.count, requests.errors, requests.p50_us) == (2, 1, 2e3)


def test_an_origin_that_began_before_the_window_is_found_by_what_is_known_of_it() -> None:
    entries = [emission(trace="old")]
    assert orphans(entries) == {"old"}

    shell = origin(trace="old", type="shell", verb="shell", title="interactive session")
    seen = collect(entries, 60.0, known=[shell])

    assert (("origin", "shell"), POST) in seen.flows
    assert seen.labels == {"old": "shell"}


def test_entries_that_are_no_emissions_count_for_nothing() -> None:
    others: list[Entry] = [Gap(at=NOON, dropped=3, reason="full"), Unknown(kind="bypass", body={}, at=NOON)]

    assert collect(others, 60.0).nodes == {}
    assert orphans(others) == set()


def test_a_cause_that_names_no_call_or_is_not_there_draws_no_edge() -> None:
    entries = [
        emission("a", cause=Cause("gone", 0)),
        emission("b", cause=Cause("c", None)),
        emission("d", cause=Cause("c", 7)),
        emission("c", calls=[call()]),
    ]

    assert collect(entries, 60.0).caused == {}


# --- what an origin is called ----------------------------------------------------------------


def named(**fields: object) -> str:
    return origin_label(Origin(**({"state": "opened", "type": "request", "at": NOON} | fields)), no_route)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"verb": "GET", "title": "/posts/17/"}, "GET /posts/<id>/"),
        ({"verb": "GET", "title": "/a/2b7c9d1e-0000-4000-8000-123456789abc/b"}, "GET /a/<id>/b"),
        ({"verb": "GET", "title": "/v2/posts/"}, "GET /v2/posts/"),
        ({"verb": "GET", "title": "/find/?q=1"}, "GET /find/"),
        ({"type": "command", "verb": "manage.py", "title": "migrate"}, "manage.py migrate"),
        ({"type": "shell", "verb": "shell", "title": "interactive session"}, "shell"),
        ({"type": "thread", "verb": "thread", "title": "Thread-12 (work)"}, "thread Thread-N (work)"),
        ({"type": "task"}, "task"),
    ],
)
def test_an_origin_is_called_by_what_it_is_and_not_by_which_object_it_was_for(
    fields: dict[str, str], label: str
) -> None:
    assert named(**fields) == label


def test_a_request_is_called_by_its_route_where_the_project_knows_one() -> None:
    entry = origin(title="/admin/demo_app/post/42/change/")

    assert origin_label(entry) == "POST /admin/demo_app/post/<object_id>/change/"
    assert origin_label(origin("closed", title=entry.title)) == origin_label(entry)


def test_a_path_without_a_route_has_none() -> None:
    assert route_of("/nothing/is/here/at/all") is None


# --- pulses ----------------------------------------------------------------------------------


def test_pulses_count_emissions_and_calls_by_path() -> None:
    counts = Pulses(route=no_route).count(admin_add())

    added = "POST /admin/demo_app/post/add/"
    assert counts[pulse_key(added, "demo_app.Post", POST_SAVE)] == 1
    assert counts[pulse_key("", "demo_app.Post", POST_SAVE, THUMBNAIL[1])] == 1
    assert counts[pulse_key("", "demo_app.Post", PRE_SAVE, "demo_app.receivers.slugify_title")] == 2


def test_a_caused_emission_pulses_from_its_receiver_once_the_cause_has_arrived() -> None:
    pulses = Pulses(route=no_route)
    child = emission("child", signal=PRE_SAVE, cause=Cause("parent", 1))
    parent = emission("parent", calls=[call("a.first"), call("a.second")])

    first, second = pulses.count([child]), pulses.count([parent])

    assert first == {pulse_key("", "demo_app.Post", PRE_SAVE): 1}
    assert second[pulse_key("\u21b3a.second", "demo_app.Post", PRE_SAVE)] == 1
    assert not any(key.startswith("\u21b3") for key in pulses.count([parent]))


def test_what_exceeds_the_paths_is_counted_together() -> None:
    pulses = Pulses(paths=2, route=no_route)

    counts = pulses.count([emission(str(index), sender=f"app.M{index}") for index in range(5)])

    assert len(counts) == 3
    assert counts[""] == 3


def test_pulses_forget_the_oldest_traces_and_causes() -> None:
    pulses = Pulses(traces=1, waiting=1, route=no_route)

    pulses.count([origin(trace="one"), origin(trace="two")])
    pulses.count([emission("x", cause=Cause("p1", 0)), emission("y", cause=Cause("p2", 0))])
    counts = pulses.count([emission("p1", trace="one", calls=[call("a.b")])])

    assert counts == {
        pulse_key("", "demo_app.Post", POST_SAVE): 1,
        pulse_key("", "demo_app.Post", POST_SAVE, "a.b"): 1,
    }


def test_a_bar_in_a_name_does_not_cut_the_path() -> None:
    assert pulse_key("GET /a|b", None, "s", "r").split("|") == ["GET /a\u00a6b", "", "s", "r"]


# --- bypasses and outcomes -------------------------------------------------------------------


def bypass(id: str = "b1", ms: float = 5.0, **fields: object) -> Bypass:
    values: dict[str, object] = {
        "id": id,
        "at": at(ms),
        "trace": TRACE,
        "operation": "bulk_create()",
        "sender": "demo_app.Post",
        "rows": 20,
        "skipped": [THUMBNAIL[1]],
    }
    return Bypass(**(values | fields))  # type: ignore[arg-type]


GHOST = ("ghost", "bulk_create()", "demo_app.Post")


def test_a_bypass_counts_apart_from_emissions_with_its_rows_and_the_receivers_it_skipped() -> None:
    seen = collect([*admin_add(), bypass(), bypass("b2", rows=None)], 60.0, route=no_route)

    assert (seen.emissions, seen.nodes[POST].count) == (5, 4)
    assert seen.changed[GHOST] == 20
    assert {link: figures.count for link, figures in seen.bypasses.items()} == {
        (POST, GHOST): 2,
        (GHOST, THUMBNAIL): 2,
        (ADD, POST): 2,
    }
    assert GHOST in seen.via[ADD, POST]


def test_a_bypass_that_a_receiver_made_flows_from_it_and_not_from_the_origin() -> None:
    seen = collect([*admin_add(), bypass(cause=Cause("e3", 0))], 60.0, route=no_route)

    assert (THUMBNAIL, GHOST) in seen.caused
    assert (ADD, POST) not in seen.bypasses


def test_a_trace_of_which_only_a_bypass_is_there_misses_its_origin() -> None:
    assert orphans([bypass(trace="old")]) == {"old"}


def test_what_was_sent_in_a_transaction_that_was_rolled_back_is_counted() -> None:
    sent = emission(transaction=Transaction("default", "open", ["t1"]), calls=[call()])
    end = Outcome(at=at(9), trace=TRACE, block="t1", alias="default", state="rolled back", emissions=1)

    seen = collect([sent, emission("other", calls=[call()]), end], 60.0)

    assert (seen.nodes[SAVED].rolled_back, seen.nodes[SAVED].count) == (1, 2)
    assert seen.nodes[THUMBNAIL].rolled_back == 1
    assert collect([sent], 60.0).nodes[SAVED].rolled_back == 0


def test_figures_put_together_are_those_of_all_their_runs() -> None:
    one, other = figures(10.0, 20.0), figures(30.0)

    both = Figures.together([one, other])

    assert (both.count, both.p50_us, both.window_s) == (3, 20.0, 60.0)
    assert (one.count, Figures.together([]).count) == (2, 0)
