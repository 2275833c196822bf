"""Causality into threads and pools."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.dispatch import Signal

from dashboard.events import Cause

from .hearing import Heard, hearing

outer, inner = Signal(), Signal()


@pytest.fixture
def heard() -> Iterator[Heard]:
    with hearing() as heard:
        yield heard
    outer.receivers.clear()


def during_a_call(work: Callable[[], Any]) -> None:
    def receiver(**named: Any) -> None:
        work()

    outer.connect(receiver)
    outer.send("outside")


def run_in_thread(thread: threading.Thread) -> None:
    thread.start()
    thread.join()


class Worker(threading.Thread):
    """A thread that overrides ``run``."""

    def run(self) -> None:
        inner.send("worker")


def test_a_thread_started_by_a_call_is_caused_by_it(heard: Heard) -> None:
    during_a_call(lambda: run_in_thread(threading.Thread(target=inner.send, args=("thread",))))
    outside, within = heard.one("outer"), heard.one("inner")
    assert within.cause == Cause(outside.id, 0)
    assert within.trace == outside.trace


def test_a_thread_class_of_the_projects_own_is_caused_by_its_starter(heard: Heard) -> None:
    during_a_call(lambda: run_in_thread(Worker()))
    assert heard.one("inner").cause == Cause(heard.one("outer").id, 0)


def test_work_given_to_a_pool_is_caused_by_the_call_that_gave_it(heard: Heard) -> None:
    with ThreadPoolExecutor(max_workers=1) as threads:
        during_a_call(lambda: threads.submit(inner.send, "pool").result())
        threads.submit(inner.send, "later").result()
    pooled, later = heard.emissions("inner")
    assert pooled.cause == Cause(heard.one("outer").id, 0)
    assert later.cause is None
    assert later.trace != pooled.trace


def test_work_given_to_a_loops_executor_is_caused_by_the_call(heard: Heard) -> None:
    async def receiver(**named: Any) -> None:
        await asyncio.get_running_loop().run_in_executor(None, inner.send, "executor")
        await asyncio.to_thread(inner.send, "to_thread")

    outer.connect(receiver)
    asyncio.run(outer.asend("outside"))
    cause = Cause(heard.one("outer").id, 0)
    assert [(one.sender, one.cause) for one in heard.emissions("inner")] == [
        ("executor", cause),
        ("to_thread", cause),
    ]


def test_a_pools_result_and_exception_are_the_works_own(heard: Heard) -> None:
    def failing() -> None:
        raise ZeroDivisionError

    def work() -> None:
        with ThreadPoolExecutor() as threads:
            assert threads.submit(max, 1, 2, key=abs).result() == 2
            with pytest.raises(ZeroDivisionError):
                threads.submit(failing).result()

    during_a_call(work)


def test_a_thread_started_outside_any_call_has_no_cause(heard: Heard) -> None:
    run_in_thread(threading.Thread(target=inner.send, args=("alone",)))
    assert heard.one("inner").cause is None


def test_uninstalling_leaves_threads_as_they_were() -> None:
    def found() -> list[Any]:
        return [vars(threading.Thread)[name] for name in ("start", "_bootstrap_inner")] + [
            vars(ThreadPoolExecutor)["submit"]
        ]

    before = found()
    with hearing():
        assert found() != before
    assert found() == before
