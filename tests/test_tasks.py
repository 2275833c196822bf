"""Celery tasks as origins: run for real, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, signals
from django.dispatch import Signal

from dashboard.observers import tasks
from dashboard.observers.origins import Origins

from .hearing import Heard, hearing

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
        tasks.install(Origins(heard.recorder, lambda path: False))
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
