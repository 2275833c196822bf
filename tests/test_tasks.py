"""Celery tasks as origins and as parts of a trace: sent and run for real, in this process.

``test_worker.py`` does it over a broker, with a worker's own processes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery, signals
from django.dispatch import Signal
from hypothesis import given
from hypothesis import strategies as some

from config.settings import BASE_DIR
from dashboard.causality import suppressed
from dashboard.events import MAX_ABOVE, Cause, Origin
from dashboard.journal.base import Packed, pack
from dashboard.journal.sqlite import SqliteJournal
from dashboard.observers import tasks
from dashboard.observers.headers import HEADER, read, written
from dashboard.observers.origins import Origins
from dashboard.writer import Writer

from .celery_shop import pack as shop_pack
from .hearing import Heard, hearing
from .samples import origin

touched = Signal()
app = Celery("tests", set_as_current=False)


@app.task(name="shop.publish_due")
def publish_due(fail: bool = False) -> str:
    touched.send("task")
    if fail:
        raise ZeroDivisionError
    return "done"


@pytest.fixture
def heard() -> Iterator[Heard]:
    with hearing() as heard:
        tasks.install(Origins(heard.recorder, lambda path: False, cause_of=heard.encoder.cause_of))
        try:
            yield heard
        finally:
            tasks.uninstall()


def test_a_task_is_an_origin_with_its_state(heard: Heard) -> None:
    assert publish_due.apply().get() == "done"
    (closed,) = heard.origins()
    assert (closed.type, closed.verb, closed.title, closed.status) == (
        "task",
        "celery",
        "shop.publish_due",
        "success",
    )
    assert heard.one("touched").trace == closed.trace


def test_a_failing_task_closes_its_origin(heard: Heard) -> None:
    assert publish_due.apply(kwargs={"fail": True}).state == "FAILURE"
    assert [origin.status for origin in heard.origins()] == ["failure"]
    touched.send("after")
    assert heard.emissions("touched")[-1].trace != heard.origins()[0].trace


def test_a_task_run_inside_something_else_stays_in_its_trace(heard: Heard) -> None:
    outer = Signal()

    def calling(**named: Any) -> None:
        publish_due.apply()

    outer.connect(calling)
    outer.send("outside")
    assert heard.origins() == []
    assert len({emission.trace for emission in heard.emissions()}) == 1


def test_uninstalling_leaves_celerys_signals_as_they_were() -> None:
    before = list(signals.task_prerun.receivers or [])
    with hearing() as heard:
        tasks.install(Origins(heard.recorder, lambda path: False))
        assert len(signals.task_prerun.receivers) == len(before) + 1
        tasks.uninstall()
    assert list(signals.task_prerun.receivers or []) == before


# --- on the way --------------------------------------------------------------------------------

ids = some.text("0123456789abcdef", min_size=16, max_size=16)
causes = some.builds(
    Cause, ids, some.none() | some.integers(0, 999_999), some.lists(ids, max_size=MAX_ABOVE).map(tuple)
)


@given(some.tuples(ids, ids).map("".join), some.just("") | ids, some.none() | causes)
def test_what_is_written_is_read(trace: str, task: str, cause: Cause | None) -> None:
    found = read(written(trace, task, cause))
    assert found is not None
    assert (found.id, found.task, found.cause) == (trace, task, cause)


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        {"trace": "a" * 32},
        "",
        "a" * 31,
        "A" * 32,
        "a" * 32 + "\n",
        "a" * 32 + "/" + "b" * 15,
        "a" * 32 + "~<script>",
        "a" * 32 + "/" + "b" * 16 + ".-1",
        "\u0661" * 32,
        "a" * 32 + ("/" + "b" * 16) * (MAX_ABOVE + 2),
    ],
)
def test_any_other_header_is_ignored(text: Any, heard: Heard) -> None:
    assert read(text) is None
    run(text)
    (closed,) = heard.origins()
    assert closed.title == "shop.pack"
    assert heard.tasks() == []


def run(header: Any, retries: int = 0) -> None:
    """Run a task as a worker does that got this header."""
    task = SimpleNamespace(name="shop.pack", request=SimpleNamespace(retries=retries, **{HEADER: header}))
    signals.task_prerun.send(sender=None, task_id="1", task=task)
    touched.send("task")
    signals.task_postrun.send(sender=None, task_id="1", task=task, state="SUCCESS")


@pytest.fixture
def published() -> Iterator[list[dict[str, Any]]]:
    """Return the headers of the messages that were sent."""
    found: list[dict[str, Any]] = []

    def note(headers: dict[str, Any], **_: Any) -> None:
        found.append(headers)

    signals.after_task_publish.connect(note)
    yield found
    signals.after_task_publish.disconnect(note)


def test_a_message_says_which_call_sent_it_and_nothing_else_changes(
    heard: Heard, published: list[dict[str, Any]], connect: Callable[..., None]
) -> None:
    own = {"mine": "kept"}
    shop_pack.apply_async(["plain"], headers=own, task_id="1")
    connect(touched, lambda **_: shop_pack.apply_async(["plain"], headers=own, task_id="1"))
    touched.send(None)
    before, after = published
    found = read(after.pop(HEADER))
    assert after == before
    assert own == {"mine": "kept"}
    emission = heard.one("touched")
    assert found is not None
    assert (found.id, found.cause) == (emission.trace, Cause(emission.id, 0))


def test_what_a_task_does_belongs_to_the_trace_that_sent_it(
    heard: Heard, published: list[dict[str, Any]], connect: Callable[..., None]
) -> None:
    sending = Signal()
    connect(sending, lambda **_: shop_pack.delay())
    sending.send(None)
    run(published[0][HEADER])
    (sent, worked), (task,) = heard.emissions(), heard.tasks()
    assert heard.origins() == []
    assert {sent.trace, worked.trace, task.trace} == {sent.trace}
    assert (worked.task, task.task) == (task.id, "")
    assert worked.cause == task.cause == Cause(sent.id, 0)


def test_nothing_is_added_outside_of_a_trace_nor_by_what_is_not_recorded(
    heard: Heard, published: list[dict[str, Any]]
) -> None:
    shop_pack.delay()
    with suppressed():
        shop_pack.delay()
    assert [HEADER in headers for headers in published] == [False, False]


def test_a_project_without_celery_is_left_without_it() -> None:
    lines = [
        "import sys",
        "from django.conf import settings",
        "settings.configure(INSTALLED_APPS=['dashboard'], SIGNALSCOPE={'JOURNAL': 'sqlite:////dev/null/x'})",
        "import django",
        "django.setup()",
        "from dashboard import pipeline",
        "assert pipeline.health().recording",
        "assert not any(name.partition('.')[0] in ('celery', 'kombu', 'billiard') for name in sys.modules)",
    ]
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_a_workers_child_writes_what_waits_before_it_ends(tmp_path: Any) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite3")

    def encode(event: Origin) -> Packed:
        return pack(event)

    writer = Writer(lambda: journal, encode, 10, interval_s=3600.0)
    try:
        writer.push(origin())
        signals.worker_process_shutdown.send(sender=None, pid=1, exitcode=0)
        assert writer.written == 1
    finally:
        writer.stop()
    assert not signals.worker_process_shutdown.receivers
