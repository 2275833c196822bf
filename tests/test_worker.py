"""Traces that go on in a real Celery worker, over a real broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import dashboard
from dashboard import pipeline
from dashboard.events import Emission, Entry, Task
from dashboard.journal import open_journal
from dashboard.traces.branches import Stage
from dashboard.traces.tree import TraceTree, assemble

from . import celery_shop
from .celery_worker import CeleryWorker
from .redis_server import RedisServer

WAITS_S = 60.0

Connect = Callable[..., None]


class Shop:
    """A worker, and the journal that it shares with the test."""

    def __init__(self, worker: CeleryWorker, journal: str) -> None:
        self.worker = worker
        self.journal = journal

    def trace(self, trace: str, tasks: int) -> list[Entry]:
        """Return a trace's entries once so many of its tasks have ended."""
        deadline = time.monotonic() + WAITS_S
        with closing(open_journal(self.journal)) as journal:
            while True:
                entries = journal.read_trace(trace, 1_000)
                ended = [one for one in entries if isinstance(one, Task) and one.state == "closed"]
                if len(ended) >= tasks:
                    return entries
                assert time.monotonic() < deadline, (ended, self.worker.log.read_text()[-4000:])
                time.sleep(0.05)


@pytest.fixture(scope="module")
def shop(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Return a worker whose children run one task each."""
    folder = tmp_path_factory.mktemp("worker")
    journal = f"sqlite:///{folder / 'journal.sqlite3'}"
    worker = CeleryWorker(folder, redis_server.url, journal, "--concurrency=2", "--max-tasks-per-child=1")
    celery_shop.reconnect()
    yield Shop(worker, journal)
    celery_shop.reconnect()
    worker.stop()


@pytest.fixture
def sending(
    shop: Shop, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, nothing_left_patched: None
) -> Iterator[Shop]:
    """Record in this process too, which sends to the worker."""
    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", shop.journal)
    use(redis_server.url, monkeypatch)
    dashboard.install()
    yield shop
    dashboard.uninstall()


def use(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process send its tasks there."""
    for name in ("broker_url", "result_backend"):
        monkeypatch.setitem(celery_shop.app.conf, name, broker)


def sent_by_a_receiver(connect: Connect, send: Callable[[], Any]) -> tuple[str, Any]:
    """Send tasks from a receiver; return its trace, and what was sent."""
    sent: list[Any] = []

    def receiver(**_: Any) -> None:
        sent.append(send())

    connect(celery_shop.followed, receiver, sender="test")
    celery_shop.followed.disconnect(celery_shop.hand_over)
    try:
        celery_shop.followed.send("test")
    finally:
        celery_shop.followed.connect(celery_shop.hand_over)
    pipeline.flush()
    with closing(pipeline.live_journal()) as journal:
        [emission] = [
            one
            for one in journal.read_back(None, 100)
            if isinstance(one, Emission) and one.name == "followed" and one.sender == "test"
        ][:1]
    return emission.trace, sent[0]


def shape(tree: TraceTree) -> list[str]:
    """Return the tree's rows: level, and what is there."""
    rows = []
    for row in tree.rows().rows:
        told = row.task.title if row.task else row.call.receiver if row.call else ""
        name = told or (row.emission.name if row.emission else "")
        rows.append(f"{row.level} {row.kind} {name.rpartition('.')[2]}")
    return rows


def test_a_task_appears_under_the_call_that_sent_it_with_its_process(sending: Shop, connect: Connect) -> None:
    trace, result = sent_by_a_receiver(
        connect, lambda: celery_shop.pack.apply_async(["one"], headers={"mine": "kept"})
    )
    assert result.get(timeout=WAITS_S) == {"mine": "kept"}
    tree = assemble(sending.trace(trace, 1))
    assert shape(tree) == [
        "2 emission followed",
        "3 call receiver",
        "4 task pack",
        "5 emission worked",
        "6 call note",
    ]
    (stage,) = tree.stages.values()
    (emission,) = [node.emission for node in tree.nodes.values() if node.emission.name == "worked"]
    assert stage.opened.process is not None
    assert tree.summary.process is not None
    assert emission.process == stage.opened.process
    assert stage.opened.process.pid != tree.summary.process.pid
    assert (stage.entry.status, stage.entry.attempt) == ("success", 0)
    assert emission.cause is not None
    assert emission.cause == stage.entry.cause


def test_a_task_that_fails_is_an_error_of_its_trace(sending: Shop, connect: Connect) -> None:
    trace, _ = sent_by_a_receiver(connect, celery_shop.fail.delay)
    tree = assemble(sending.trace(trace, 1))
    (stage,) = tree.stages.values()
    assert (stage.entry.status, stage.entry.error) == ("failure", "ZeroDivisionError")
    assert tree.summary.errors == 1


def test_a_retry_stands_beside_the_attempt_before_it(sending: Shop, connect: Connect) -> None:
    trace, _ = sent_by_a_receiver(connect, celery_shop.retry.delay)
    tree = assemble(sending.trace(trace, 2))
    first, second = sorted(tree.stages.values(), key=lambda stage: stage.entry.attempt)
    assert [(one.entry.attempt, one.entry.status) for one in (first, second)] == [
        (0, "retry"),
        (1, "success"),
    ]
    assert first.entry.cause == second.entry.cause
    assert (first.task, second.task) == ("", "")


def test_a_chain_and_its_group_go_on_with_the_trace(sending: Shop, connect: Connect) -> None:
    trace, _ = sent_by_a_receiver(connect, lambda: celery_shop.several().delay())
    tree = assemble(sending.trace(trace, 3))
    assert shape(tree) == [
        "2 emission followed",
        "3 call receiver",
        "4 task pack",
        "5 emission worked",
        "6 call note",
        "5 task pack",
        "6 emission worked",
        "7 call note",
        "5 task pack",
        "6 emission worked",
        "7 call note",
    ]


def test_a_task_that_sends_tasks_has_them_under_it(sending: Shop, connect: Connect) -> None:
    trace, _ = sent_by_a_receiver(connect, celery_shop.pass_on.delay)
    tree = assemble(sending.trace(trace, 3))
    (outer,) = [stage for stage in tree.stages.values() if stage.entry.title == "shop.pass_on"]
    directly = [one for one in outer.caused[None] if isinstance(one, Stage)]
    (sent,) = [node for node in tree.nodes.values() if node.emission.name == "followed" and node.task]
    assert [one.entry.title for one in directly] == ["shop.pack"]
    assert [one.entry.title for one in sent.caused[0] if isinstance(one, Stage)] == ["shop.pack"]


def test_without_signalscope_at_the_sender_a_task_is_an_origin_of_its_own(
    shop: Shop, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(redis_server.url, monkeypatch)
    assert celery_shop.pack.delay("alone").get(timeout=WAITS_S) == {}
    with closing(open_journal(shop.journal)) as journal:
        until = time.monotonic() + WAITS_S
        while not any(one.state == "closed" for one in journal.read_kind("origin", None, 5)):  # type: ignore[union-attr]
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_worker_without_signalscope_runs_what_is_sent_to_it_and_tells_nothing(
    redis_server: RedisServer,
    journal_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    connect: Connect,
) -> None:
    use(redis_server.url, monkeypatch)
    bare = "django.conf.global_settings"
    options = ("--concurrency=1", "--queues=bare")
    worker = CeleryWorker(tmp_path, redis_server.url, journal_url, *options, settings=bare)
    dashboard.install()
    try:
        trace, results = sent_by_a_receiver(
            connect,
            lambda: (
                celery_shop.pack.apply_async(["one"], headers={"mine": "kept"}, queue="bare"),
                celery_shop.retry.apply_async(queue="bare"),
            ),
        )
        assert [result.get(timeout=WAITS_S) for result in results] == [{"mine": "kept"}, 1]
    finally:
        dashboard.uninstall()
        worker.stop()
    with closing(open_journal(journal_url)) as read:
        assert not [one for one in read.read_trace(trace, 100) if isinstance(one, Task)]


@pytest.mark.parametrize("kept_in", ["sqlite", "redis"])
def test_what_a_worker_did_last_is_written_before_it_ends(
    kept_in: str,
    redis_server: RedisServer,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    connect: Connect,
) -> None:
    journal = redis_url if kept_in == "redis" else f"sqlite:///{tmp_path / 'journal.sqlite3'}"
    monkeypatch.setenv("SIGNALSCOPE_JOURNAL", journal)
    use(redis_server.url, monkeypatch)
    worker = CeleryWorker(tmp_path, redis_server.url, journal, "--concurrency=1", "--queues=last")
    dashboard.install()
    try:
        trace, result = sent_by_a_receiver(
            connect, lambda: celery_shop.pack.apply_async(["last"], queue="last")
        )
        result.get(timeout=WAITS_S)
    finally:
        dashboard.uninstall()
        worker.stop()
    with closing(open_journal(journal)) as read:
        entries = read.read_trace(trace, 100)
    assert [one.state for one in entries if isinstance(one, Task)] == ["opened", "closed"]
    assert [one.name for one in entries if isinstance(one, Emission)] == ["followed", "worked"]
