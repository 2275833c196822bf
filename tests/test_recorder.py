"""What is recorded of an emission: who, what, in what order, how it ended, what caused it."""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group
from django.db.models.signals import post_init
from django.dispatch import Signal

from dashboard.causality import suppressed
from dashboard.events import MAX_ABOVE, Cause
from dashboard.recorder import FAULTS_BEFORE_OFF

from .hearing import Heard, hearing

outer = Signal()
inner = Signal()


@pytest.fixture
def heard() -> Iterator[Heard]:
    with hearing() as heard:
        yield heard
    for signal in (outer, inner):
        signal.receivers.clear()


class Sender:
    """Something to send from."""


def test_an_emission_without_receivers_is_recorded(heard: Heard) -> None:
    outer.send(Sender, a=1)
    emission = heard.one("outer")
    assert emission.signal == f"{__name__}.outer"
    assert emission.sender == f"{__name__}.Sender"
    assert emission.payload == {"a": 1}
    assert emission.calls == []
    assert emission.duration_us == 0  # nothing ran


@pytest.mark.parametrize("method", ["send", "send_robust", "asend", "asend_robust"])
def test_each_method_is_recorded_with_all_receivers_in_order(heard: Heard, method: str) -> None:
    def first(**named: Any) -> None:
        pass

    async def second(**named: Any) -> None:
        await asyncio.sleep(0.002)

    outer.connect(first)
    outer.connect(second)
    send = getattr(outer, method)
    asyncio.run(send(Sender)) if method.startswith("a") else send(Sender)
    emission = heard.one("outer")
    assert emission.method == method
    calls = {call.receiver.rpartition(".")[2]: call for call in emission.calls}
    if not method.startswith("a"):  # there both may begin at once, and stand in the order they did
        assert list(calls) == ["first", "second"]
    assert [call.outcome for call in emission.calls] == ["returned", "returned"]
    assert [call.offset_us for call in emission.calls] == sorted(call.offset_us for call in emission.calls)
    assert not calls["first"].is_async
    assert calls["second"].is_async
    assert calls["second"].duration_us > 1_900
    assert emission.duration_us >= calls["second"].offset_us + calls["second"].duration_us


def test_a_call_says_where_its_receiver_is_written(heard: Heard) -> None:
    def receiver(**named: Any) -> None:
        pass

    outer.connect(receiver)
    outer.send(Sender)
    (call,) = heard.one("outer").calls
    assert call.file == "tests/test_recorder.py"
    assert call.line == receiver.__code__.co_firstlineno


def test_the_emitting_line_is_the_projects_own(heard: Heard) -> None:
    outer.send(Sender)
    site = heard.one("outer").site
    assert site is not None
    assert (site.file, site.function) == (
        "tests/test_recorder.py",
        "test_the_emitting_line_is_the_projects_own",
    )


def test_a_raising_receiver_is_recorded_and_those_after_it_are_not(heard: Heard) -> None:
    def raising(**named: Any) -> None:
        raise ValueError("boom", 5)

    outer.connect(raising)
    outer.connect(lambda **named: None, weak=False)
    with pytest.raises(ValueError, match="boom"):
        outer.send(Sender)
    emission = heard.one("outer")
    (call,) = emission.calls
    assert emission.flags == ["error"]
    assert call.outcome == "raised"
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("ValueError", "boom, 5")
    last = call.error.frames[-1]
    assert (last.function, last.own, last.source) == ("raising", True, 'raise ValueError("boom", 5)')
    assert not any("dispatcher" in frame.file for frame in call.error.frames)


def test_a_raising_receiver_under_send_robust_is_recorded_and_the_rest_too(heard: Heard) -> None:
    def raising(**named: Any) -> None:
        raise ValueError

    outer.connect(raising)
    outer.connect(lambda **named: None, weak=False)
    outer.send_robust(Sender)
    assert [call.outcome for call in heard.one("outer").calls] == ["raised", "returned"]


def test_an_exception_whose_text_cannot_be_made_is_recorded_without_asking_it(heard: Heard) -> None:
    class HostileError(Exception):
        def __str__(self) -> str:
            raise AssertionError("asked")

    def raising(**named: Any) -> None:
        raise HostileError(object())

    outer.connect(raising)
    with pytest.raises(HostileError):
        outer.send(Sender)
    error = heard.one("outer").calls[0].error
    assert error is not None
    assert error.name == "HostileError"
    assert error.message == "<object>"


def test_a_nested_send_is_caused_by_the_call_that_sent_it(heard: Heard) -> None:
    outer.connect(lambda **named: None, weak=False)
    outer.connect(lambda **named: inner.send(Sender), weak=False)
    outer.send(Sender)
    outside, within = heard.one("outer"), heard.one("inner")
    assert within.cause == Cause(outside.id, 1)
    assert within.trace == outside.trace
    assert outside.cause is None


def test_a_cause_names_the_emissions_around_it(heard: Heard) -> None:
    def nest(sender: Any, depth: int = 0, **named: Any) -> None:
        if depth < MAX_ABOVE + 3:
            outer.send(sender, depth=depth + 1)

    outer.connect(nest)
    outer.send(Sender)
    innermost, *around = heard.emissions("outer")
    assert innermost.cause is not None
    assert innermost.cause.emission == around[0].id
    assert list(innermost.cause.above) == [one.id for one in around[1 : MAX_ABOVE + 1]]
    assert around[-2].cause == Cause(around[-1].id, 0)


def test_what_is_sent_after_an_emission_is_not_caused_by_it(heard: Heard) -> None:
    outer.connect(lambda **named: None, weak=False)
    outer.send(Sender)
    inner.send(Sender)
    assert heard.one("inner").cause is None


def test_a_raising_receiver_leaves_no_cause_behind(heard: Heard) -> None:
    def raising(**named: Any) -> None:
        raise ValueError

    outer.connect(raising)
    with pytest.raises(ValueError, match="^$"):
        outer.send(Sender)
    inner.send(Sender)
    assert heard.one("inner").cause is None


def test_concurrent_async_receivers_keep_their_causes_apart(heard: Heard) -> None:
    def sending(name: str) -> Any:
        async def receiver(**named: Any) -> None:
            for _ in range(3):
                await asyncio.sleep(0.001)
                await inner.asend(name)

        return receiver

    receivers = [sending("a"), sending("b")]
    for receiver in receivers:
        outer.connect(receiver)
    asyncio.run(outer.asend(Sender))
    outside = heard.one("outer")
    causes = {(emission.sender, emission.cause) for emission in heard.emissions("inner")}
    assert causes == {("a", Cause(outside.id, 0)), ("b", Cause(outside.id, 1))}


def test_causality_crosses_sync_to_async_and_async_to_sync(heard: Heard) -> None:
    async def receiver(**named: Any) -> None:
        await sync_to_async(inner.send)("thread")

    def sync_receiver(**named: Any) -> None:
        async_to_sync(inner.asend)("loop")

    outer.connect(sync_receiver)
    outer.connect(receiver)
    asyncio.run(outer.asend(Sender))
    outside = heard.one("outer")
    place = {call.receiver.rpartition(".")[2]: index for index, call in enumerate(outside.calls)}
    assert {(one.sender, one.cause) for one in heard.emissions("inner")} == {
        ("loop", Cause(outside.id, place["sync_receiver"])),
        ("thread", Cause(outside.id, place["receiver"])),
    }


def test_under_asend_what_did_not_run_is_told_from_what_did(heard: Heard) -> None:
    def raising(**named: Any) -> None:
        raise ValueError

    def never(**named: Any) -> None:
        pass

    async def sending(**named: Any) -> None:
        await inner.asend("async")

    for receiver in (raising, never, sending):
        outer.connect(receiver)
    with pytest.raises(ValueError, match="^$"):
        asyncio.run(outer.asend(Sender))
    outside = heard.one("outer")
    ran = [call.receiver.rpartition(".")[2] for call in outside.calls]
    assert "never" in [name.rpartition(".")[2] for name in outside.stopped]
    assert "never" not in ran
    for within in heard.emissions("inner"):
        assert within.cause == Cause(outside.id, ran.index("sending"))


def test_an_unsaved_instance_that_comes_back_is_a_loop(heard: Heard) -> None:
    instance = Group(name="unsaved")

    def again(instance: Group, depth: int, **named: Any) -> None:
        if depth:
            outer.send(Group, instance=instance, depth=depth - 1)

    outer.connect(again)
    outer.send(Group, instance=instance, depth=2)
    assert [one.flags for one in heard.emissions("outer")] == [["loop:3"], ["loop:2"], []]
    outer.send(Group, instance=Group(name="another"), depth=0)
    assert heard.emissions("outer")[-1].flags == []


def test_an_app_that_uses_up_the_stack_is_no_fault_of_ours(heard: Heard) -> None:
    def again(**named: Any) -> None:
        inner.send(Sender, instance=Group())
        outer.send(Sender, instance=Group())

    outer.connect(again)
    for _ in range(5):
        with pytest.raises(RecursionError):
            outer.send(Sender, instance=Group())
    assert heard.recorder.faults == 0


def test_a_task_that_outlives_its_receiver_is_still_caused_by_it(heard: Heard) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def late() -> None:
        await asyncio.sleep(0.005)
        await inner.asend("late")

    async def starting(**named: Any) -> None:
        tasks.append(asyncio.create_task(late()))

    async def other(**named: Any) -> None:
        await asyncio.sleep(0.001)

    outer.connect(starting)
    outer.connect(other)

    async def run() -> None:
        await outer.asend(Sender)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert heard.one("inner").cause == Cause(heard.one("outer").id, 0)


def test_a_cancelled_receiver_is_recorded_as_cancelled(heard: Heard) -> None:
    async def receiver(**named: Any) -> None:
        await asyncio.sleep(60)

    outer.connect(receiver)

    async def run() -> None:
        task = asyncio.create_task(outer.asend(Sender))
        await asyncio.sleep(0.005)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert heard.one("outer").calls[0].outcome == "cancelled"


def test_recursion_is_recorded_down_to_where_python_stops_it(heard: Heard) -> None:
    def again(**named: Any) -> None:
        outer.send(Sender)

    outer.connect(again)
    with pytest.raises(RecursionError):
        outer.send(Sender)
    emissions = heard.emissions("outer")
    assert len(emissions) > 50
    assert heard.recorder.faults < FAULTS_BEFORE_OFF
    error = emissions[-1].calls[0].error
    assert error is not None
    assert error.name == "RecursionError"
    assert len(error.frames) <= 41
    assert any("frames cut" in frame.file for frame in error.frames)


def test_a_signal_made_after_installation_is_recorded_by_where_it_is_held(heard: Heard) -> None:
    module = sys.modules[__name__]
    module.made_later = Signal()  # type: ignore[attr-defined]
    try:
        module.made_later.send(None)
        assert heard.one().signal == f"{__name__}.made_later"
        assert heard.one().sender is None
    finally:
        del module.made_later


def test_ignored_signals_are_not_even_entered(heard: Heard) -> None:
    with mock.patch.object(heard.recorder, "begin", side_effect=AssertionError) as begin:
        post_init.send(Sender, instance=None)
    begin.assert_not_called()
    assert heard.events == []


def test_a_custom_signal_is_ignored_by_name() -> None:
    with hearing(ignored=(f"{__name__}.outer",)) as heard:
        outer.send(Sender)
        assert heard.emissions() == []
        outer.send(Sender)
        assert len(heard.events) == 2


def test_nothing_is_recorded_while_suppressed_and_receivers_still_run(heard: Heard) -> None:
    ran: list[str] = []

    async def later(**named: Any) -> None:
        ran.append("async")
        inner.send(Sender)

    def now(**named: Any) -> None:
        ran.append("sync")
        inner.send(Sender)

    outer.connect(now)
    outer.connect(later)
    with suppressed():
        outer.send(Sender)
        outer.send_robust(Sender)
        asyncio.run(outer.asend(Sender))
    assert heard.events == []
    assert sorted(ran) == ["async"] * 3 + ["sync"] * 3


def test_a_fault_of_ours_never_reaches_the_sender_and_ends_the_recording_of_that_signal(
    heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    def receiver(**named: Any) -> str:
        return "ran"

    outer.connect(receiver)
    with mock.patch("dashboard.recorder.sites.emitting", side_effect=ZeroDivisionError("ours")):
        for _ in range(FAULTS_BEFORE_OFF + 5):
            assert outer.send(Sender) == [(receiver, "ran")]
    assert heard.recorder.faults == FAULTS_BEFORE_OFF
    assert heard.recorder.last_fault == "ZeroDivisionError: ours"
    assert len(caplog.records) == FAULTS_BEFORE_OFF
    outer.send(Sender)
    assert heard.emissions("outer") == []
    inner.send(Sender)
    assert len(heard.emissions("inner")) == 1


def test_a_push_that_fails_never_reaches_the_sender(heard: Heard) -> None:
    with mock.patch.object(heard.recorder, "_push", side_effect=OSError("full")):
        assert outer.send(Sender) == []
    assert heard.recorder.faults == 2  # the emission, and the origin that its thread began


def test_what_is_recorded_keeps_nothing_of_the_app_alive(heard: Heard) -> None:
    class Thing:
        def receive(self, **named: Any) -> None:
            raise ValueError(self)

    thing, payload = Thing(), Thing()
    outer.connect(thing.receive)
    with pytest.raises(ValueError, match="Thing"):
        outer.send(thing, instance=payload, other=[payload])
    assert heard.events
    references = [weakref.ref(thing), weakref.ref(payload)]
    del thing, payload
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_receivers_of_every_kind_have_a_name(heard: Heard) -> None:
    class Kind:
        def method(self, **named: Any) -> None:
            pass

        @classmethod
        def class_method(cls, **named: Any) -> None:
            pass

        @staticmethod
        def static_method(**named: Any) -> None:
            pass

        def __call__(self, **named: Any) -> None:
            pass

    def function(**named: Any) -> None:
        pass

    class Heir(Kind):
        pass

    kind, heir = Kind(), Heir()
    for receiver in (
        kind.method,
        Kind.class_method,
        Kind.static_method,
        kind,
        functools.partial(function),
        mock.Mock(),
    ):
        outer.connect(receiver, weak=False)
    outer.send(Sender)
    prefix = f"{__name__}.test_receivers_of_every_kind_have_a_name.<locals>"
    assert [call.receiver for call in heard.one("outer").calls] == [
        f"{prefix}.Kind.method",
        f"{prefix}.Kind.class_method",
        f"{prefix}.Kind.static_method",
        f"{prefix}.Kind",
        f"partial({prefix}.function)",
        "unittest.mock.Mock",
    ]
    del heir


def test_threads_of_their_own_have_traces_of_their_own(heard: Heard) -> None:
    outer.send("main")
    thread = threading.Thread(target=outer.send, args=("thread",), name="worker-7")
    thread.start()
    thread.join()
    main, other = heard.emissions("outer")
    assert main.trace != other.trace
    assert other.process is not None
    assert other.process.thread == "worker-7"
    assert {(origin.verb, origin.title) for origin in heard.origins("opened")} >= {("thread", "worker-7")}


def test_emission_ids_are_sixteen_hex_digits_and_never_repeat(heard: Heard) -> None:
    for _ in range(50):
        outer.send(Sender)
    ids = [emission.id for emission in heard.emissions("outer")]
    assert len(set(ids)) == 50
    assert all(len(one) == 16 and int(one, 16) for one in ids)


def test_uninstalling_leaves_nothing_behind() -> None:
    before = {
        name: vars(Signal)[name] for name in ("__init__", "send", "send_robust", "asend", "asend_robust")
    }
    held = dict(vars(post_init))
    with hearing(), hearing():
        assert vars(Signal)["send"] is not before["send"]
        assert "send" in vars(post_init)
    assert {name: vars(Signal)[name] for name in before} == before
    assert dict(vars(post_init)) == held
