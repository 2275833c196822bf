"""One line for a whole trace: counts, flags, and a lane that does not grow."""

from __future__ import annotations

import re

import pytest

from dashboard.events import Bypass, Cause, Entry, Gap, Outcome
from dashboard.traces.lanes import BARS, HEIGHT, WIDTH, Lane, Path
from dashboard.traces.summaries import TraceSummary, microseconds, summarise

from .samples import PROCESS, TRACE, admin_add, at, boom, call, emission, origin

_RECT = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z")


def numbered(entries: list[Entry]) -> list[Entry]:
    for seq, entry in enumerate(entries, 1):
        entry.seq = seq
    return entries


def rects(paths: list[Path], mark: str = "") -> list[tuple[float, float, float, float]]:
    return [
        (float(x), float(y), float(wide), float(high))
        for path in paths
        if path.mark == mark or not mark
        for x, y, wide, high in _RECT.findall(path.data)
    ]


def test_a_request_is_summed_up_in_one_line() -> None:
    summary = summarise(numbered(admin_add()))
    assert (summary.verb, summary.title) == ("POST", "/admin/demo_app/post/add/")
    assert (summary.user, summary.status, summary.status_class) == ("admin", "302", "3xx")
    assert (summary.emissions, summary.calls, summary.queries, summary.errors) == (5, 5, 8, 1)
    assert (summary.state, summary.took_us, summary.started) == ("closed", 148e3, at(0))
    assert [(flag.name, flag.label) for flag in summary.flags] == [
        ("error", "ConnectionRefusedError"),
        ("slow", "slow"),
    ]


def test_entries_that_come_twice_count_once() -> None:
    entries = numbered(admin_add())
    summary = summarise([*entries, *entries])
    assert summary.emissions == 5


def test_children_that_are_stored_before_their_parents_do_not_move_the_beginning() -> None:
    child = emission("child", 50, cause=Cause("parent", 0), seq=1)
    parent = emission("parent", 10, duration_us=80_000.0, seq=2)
    summary = summarise([child, parent])
    assert summary.started == at(10)
    assert summary.took_us == 80_000.0


def test_a_request_that_runs_is_open_and_a_thread_has_no_end() -> None:
    assert summarise([origin("opened")]).state == "open"
    assert summarise([origin("opened", type="thread", verb="thread", title="worker-1")]).state == "loose"


def test_a_trace_without_an_origin_is_named_after_its_process() -> None:
    summary = summarise([emission()])
    assert summary.title == "MainThread of pid 4711 on web-1"
    assert summary.state == "loose"


def test_several_errors_are_counted_and_named_in_the_title() -> None:
    raised = call(outcome="raised", error=boom())
    summary = summarise([emission("e1", calls=[raised, raised], seq=1)])
    (flag,) = [flag for flag in summary.flags if flag.name == "error"]
    assert (flag.label, flag.title) == ("2 errors", "raised: ConnectionRefusedError")


def test_stored_flags_keep_the_largest_number_they_carry() -> None:
    entries = [emission(f"e{n}", flags=[f"loop:{n}", "n+1:5"], seq=n) for n in (2, 3, 4)]
    labels = {flag.name: flag.label for flag in summarise(entries).flags}
    assert labels == {"loop": "loop \u00d74", "n+1": "N+1 \u00d75"}


def test_flags_of_an_unknown_kind_are_bounded() -> None:
    summary = TraceSummary(TRACE)
    for number in range(500):
        summary.add(emission(f"e{number}", flags=[f"new-{number}"], seq=number + 1))
    assert len(summary.flags) < 40


def test_rows_changed_without_a_signal_and_a_rollback_show_in_the_line() -> None:
    summary = summarise(
        [
            origin("opened", seq=1),
            Bypass(
                id="b1", trace=TRACE, at=at(5), operation="update()", sender="demo_app.Tag", rows=2,
                duration_us=700.0, skipped=["a.b", "a.c"], seq=2,
            ),
            Outcome(
                trace=TRACE, at=at(20), block="x", alias="default", state="rolled back", emissions=3,
                duration_us=15_000.0, seq=3,
            ),
            origin("closed", 30, duration_us=30_000.0, seq=4),
        ]
    )  # fmt: skip
    assert summary.unsignalled == 2
    assert [flag.label for flag in summary.flags] == ["rolled back", "2 receivers skipped"]
    assert {path.mark for path in summary.paths} == {"ghost", "back"}


def test_the_lane_shows_nested_emissions_below_their_cause() -> None:
    summary = summarise(numbered(admin_add()))
    tops = {y for _, y, _, _ in rects(summary.paths)}
    assert tops == {4.0, 10.0}
    assert rects(summary.paths, "err") == [(858.1, 10.0, 87.2, 5.0)]


def test_ten_thousand_emissions_become_a_bounded_histogram() -> None:
    lane = Lane()
    for number in range(10_000):
        failing = [call(outcome="raised")] if number == 9_999 else []
        lane.add(emission(f"e{number}", calls=failing, cause=Cause(f"e{number - 1}")), 50 * number)
    paths = lane.paths(0, 500_000)
    drawn = rects(paths)
    assert BARS // 2 < len(drawn) <= 2 * BARS + 1
    assert len(rects(paths, "err")) == 1
    assert all(min(x, y) >= 0 and x + wide <= WIDTH + 1 and y + high <= HEIGHT for x, y, wide, high in drawn)


def test_a_wild_clock_stays_inside_the_lane() -> None:
    lane = Lane()
    for number in range(100):
        lane.add(emission(f"e{number}"), (-1) ** number * 10**15 * number)
    for x, _, wide, _ in rects(lane.paths(0, 1.0)):
        assert 0 <= x <= WIDTH
        assert wide <= WIDTH


def test_causes_in_a_ring_do_not_hang_the_lane() -> None:
    one = emission("one", cause=Cause("two", 0))
    two = emission("two", cause=Cause("one", 0))
    lane = Lane()
    for each in (one, two):
        lane.add(each, microseconds(each.at))
    assert len(rects(lane.paths(microseconds(one.at), 1000))) == 2


def test_a_gap_belongs_to_no_trace() -> None:
    summary = summarise([Gap(at=at(0), dropped=3, reason="full", process=PROCESS, seq=1)])
    assert summary.emissions == 0


@pytest.mark.parametrize("status", ["200", "404", "500"])
def test_an_http_status_has_a_class(status: str) -> None:
    summary = summarise([origin("opened", seq=1), origin("closed", 5, status=status, seq=2)])
    assert summary.status_class == f"{status[0]}xx"


def test_a_commands_exit_has_none() -> None:
    closed = origin("closed", 5, type="command", verb="manage.py", title="migrate", status="done", seq=1)
    assert summarise([closed]).status_class == ""
