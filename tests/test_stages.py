"""Tasks in a trace's tree: where they hang, what is told of them, and what damaged entries make of it."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.events import Cause, Entry, Process, Task, encode
from dashboard.exports.spans import spans
from dashboard.sessions.vetting import ImplausibleError, vet
from dashboard.stream.fragments import tree as markup
from dashboard.traces.timing import totals
from dashboard.traces.tree import assemble

from .samples import PROCESS, TRACE, at, call, emission, origin

WORKER = Process(host="worker-1", pid=815, thread="MainThread")


def task(id: str = "1", state: str = "closed", ms: float = 0.0, **fields: Any) -> Task:
    """Return a task's entry, changed by ``fields``; closed, it took 4 ms."""
    values: dict[str, Any] = {
        "id": id,
        "state": state,
        "trace": TRACE,
        "at": at(ms),
        "title": "shop.pack",
        "verb": "celery",
        "process": WORKER,
    }
    if state == "closed":
        values |= {"status": "success", "duration_us": 4_000.0}
    return Task(**(values | fields))


def handed_over() -> list[Entry]:
    """Return a request of 20 ms, whose receiver sends a task; that begins at 30 ms, and sends a signal."""
    cause = Cause("e1", 0)
    return [
        origin("opened", 0, seq=1),
        emission("e1", 1, calls=[call("shop.hand_over")], seq=2),
        origin("closed", 20, duration_us=20_000.0, seq=3),
        task(state="opened", ms=30, cause=cause, seq=4),
        emission("e2", 31, task="1", cause=cause, calls=[call("shop.note")], process=WORKER, seq=5),
        task(ms=34, cause=cause, seq=6),
    ]


def rows(entries: list[Entry]) -> list[tuple[int, str, str]]:
    return [(row.level, row.kind, row.key) for row in assemble(entries).rows().rows]


def test_what_a_task_sent_hangs_in_the_task_and_the_task_under_the_call_that_sent_it() -> None:
    assert rows(handed_over()) == [
        (2, "emission", "e1"),
        (3, "call", "e1.0"),
        (4, "task", "task.1"),
        (5, "emission", "e2"),
        (6, "call", "e2.0"),
    ]


def test_a_task_names_its_own_process_and_the_trace_that_of_its_origin() -> None:
    tree = assemble(handed_over())
    assert tree.summary.process == PROCESS
    shown = markup(tree.rows())
    assert "pid 815 on worker-1" in shown
    assert "success" in shown


def test_the_axis_reaches_as_far_as_the_last_task_and_the_request_took_what_it_took() -> None:
    tree = assemble(handed_over())
    assert (tree.summary.took_us, tree.summary.lasted_us) == (20_000.0, 34_000.0)
    (row,) = [row for row in tree.rows().rows if row.kind == "task"]
    assert (row.start_us, row.duration_us) == (30_000.0, 4_000.0)
    assert abs(float(row.span.x) - 100 * 30 / 34) < 0.1


def test_a_trace_goes_on_while_a_task_of_it_runs() -> None:
    entries = [entry for entry in handed_over() if not (isinstance(entry, Task) and entry.state == "closed")]
    tree = assemble(entries)
    assert (tree.summary.state, tree.summary.running_tasks, tree.summary.goes_on) == ("closed", 1, True)
    ended = assemble(handed_over()).summary
    assert (ended.tasks, ended.running_tasks, ended.goes_on) == (1, 0, False)


def test_a_call_did_not_wait_for_the_task_that_it_sent() -> None:
    held = totals(assemble(handed_over()).roots, 50.0)
    assert [(one.name, one.own_us) for one in held.by_receiver] == [
        ("shop.hand_over", 700.0),
        ("shop.note", 700.0),
    ]


def test_an_export_has_a_span_for_the_task() -> None:
    found = {span.id: span for span in spans(handed_over())}
    (stage,) = [span for span in found.values() if span.kind == "task"]
    assert found[stage.parent].name == "shop.hand_over"
    assert stage.process == WORKER
    assert [span.name for span in found.values() if span.parent == stage.id] == ["post_save demo_app.Post"]


def test_a_task_whose_sender_is_not_stored_stands_at_the_top_and_says_so() -> None:
    entries = [entry for entry in handed_over() if getattr(entry, "id", "") != "e1"]
    assert [key for level, _, key in rows(entries) if level == 2] == ["task.1"]
    assert "what sent it is not in the journal" in markup(assemble(entries).rows())


def test_a_task_that_only_its_end_tells_of_is_shown() -> None:
    entries = [entry for entry in handed_over() if entry.seq != 4]
    assert (4, "task", "task.1") in rows(entries)


def test_tasks_in_a_ring_are_cut_and_each_is_shown_once() -> None:
    ring: list[Entry] = [task(str(n), ms=n, task=str((n + 1) % 4), seq=n + 1) for n in range(4)]
    assert sorted(key for _, _, key in rows(ring)) == ["task.0", "task.1", "task.2", "task.3"]
    assert rows([task("1", task="1")]) == [(2, "task", "task.1")]


@pytest.mark.parametrize(
    "fields",
    [{"id": "../x"}, {"task": "<b>"}, {"duration_us": -1.0}, {"cause": Cause("a b")}, {"attempt": -1}],
)
def test_a_foreign_file_may_hold_tasks_and_no_nonsense(fields: dict[str, Any]) -> None:
    assert vet(encode(task())).kind == "task"
    with pytest.raises(ImplausibleError):
        vet(encode(task(**fields)))
