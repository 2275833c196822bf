"""A watched signal behaves as an unwatched one: every test here runs on bare Django and recorded.

What passes on bare Django is Django's behaviour; what passes recorded is ours. So no test may
look at what was recorded: ``test_recorder`` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import logging
import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.dispatch import Signal
from django.dispatch.dispatcher import NO_RECEIVERS

from .hearing import hearing


@pytest.fixture(params=["bare", "recorded"], autouse=True)
def watched(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "bare":
        yield
    else:
        with hearing():
            yield


@pytest.fixture(params=[False, True], ids=["plain", "caching"])
def signal(request: pytest.FixtureRequest) -> Signal:
    return Signal(use_caching=request.param)


class Sender:
    """Something to send from, once per test class of senders."""


def returning(value: Any) -> Any:
    def receiver(**named: Any) -> Any:
        return value

    return receiver


def test_a_signal_without_receivers_returns_an_empty_list(signal: Any) -> None:
    assert signal.send(Sender) == []
    assert signal.send_robust(Sender) == []
    assert asyncio.run(signal.asend(Sender)) == []
    assert asyncio.run(signal.asend_robust(Sender)) == []


def test_responses_pair_the_very_receivers_with_what_they_returned_in_order(signal: Any) -> None:
    receivers = [returning(number) for number in range(3)]
    for receiver in receivers:
        signal.connect(receiver)
    for responses in (signal.send(Sender), signal.send_robust(Sender)):
        assert [response for _, response in responses] == [0, 1, 2]
        assert all(heard is receiver for (heard, _), receiver in zip(responses, receivers, strict=True))


def test_asend_returns_the_very_receivers_sync_first(signal: Any) -> None:
    async def later(**named: Any) -> str:
        await asyncio.sleep(0)
        return "later"

    now = returning("now")
    signal.connect(later)
    signal.connect(now)
    for send in (signal.asend, signal.asend_robust):
        assert asyncio.run(send(Sender)) == [(now, "now"), (later, "later")]
    assert signal.send(Sender) == [(now, "now"), (later, "later")]


def test_a_receiver_gets_the_signal_the_sender_and_the_keywords_as_sent(signal: Any) -> None:
    got: dict[str, Any] = {}
    signal.connect(got.update, weak=False)
    marker = object()
    signal.send(Sender, value=marker)
    assert got["signal"] is signal
    assert got["sender"] is Sender
    assert got["value"] is marker
    assert list(got) == ["signal", "sender", "value"]


def test_async_receivers_get_the_real_signal(signal: Any) -> None:
    got: list[Any] = []

    async def receiver(signal: Signal, sender: Any, **named: Any) -> None:
        got.append((signal, sender, named))

    signal.connect(receiver)
    signal.send(Sender, a=1)
    asyncio.run(signal.asend(Sender, a=2))
    assert got == [(signal, Sender, {"a": 1}), (signal, Sender, {"a": 2})]


def test_an_exception_under_send_stops_the_rest_and_is_the_same_object(signal: Any) -> None:
    error = ValueError("boom")
    reached: list[Any] = []

    def raising(**named: Any) -> None:
        raise error

    signal.connect(raising)
    signal.connect(reached.append, weak=False)
    with pytest.raises(ValueError, match="boom") as caught:
        signal.send(Sender)
    assert caught.value is error
    assert reached == []
    assert traceback.extract_tb(error.__traceback__)[-1].name == "raising"
    assert error.__context__ is None


def test_an_exception_under_send_robust_is_returned_logged_and_the_rest_run(
    signal: Any, caplog: pytest.LogCaptureFixture
) -> None:
    error = ValueError("boom")

    def raising(**named: Any) -> None:
        raise error

    after = returning("after")
    signal.connect(raising)
    signal.connect(after)
    with caplog.at_level(logging.ERROR, "django.dispatch"):
        assert signal.send_robust(Sender) == [(raising, error), (after, "after")]
    (record,) = caplog.records
    assert "raising" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_an_async_exception_under_send_robust_is_returned_and_logged(
    signal: Any, caplog: pytest.LogCaptureFixture
) -> None:
    error = ValueError("boom")

    async def raising(**named: Any) -> None:
        raise error

    signal.connect(raising)
    with caplog.at_level(logging.ERROR, "django.dispatch"):
        assert signal.send_robust(Sender) == [(raising, error)]
        assert asyncio.run(signal.asend_robust(Sender)) == [(raising, error)]
    assert ["raising" in record.getMessage() for record in caplog.records] == [True, True]


@pytest.mark.parametrize("exception", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_passes_through_send_robust(signal: Any, exception: type[BaseException]) -> None:
    def raising(**named: Any) -> None:
        raise exception

    signal.connect(raising)
    with pytest.raises(exception):
        signal.send_robust(Sender)


def test_a_weak_receiver_that_dies_in_mid_dispatch_still_runs_this_time(signal: Any) -> None:
    ran: list[str] = []
    holder: dict[str, Any] = {}

    def first(**named: Any) -> None:
        ran.append("first")
        holder.clear()
        gc.collect()

    def second(**named: Any) -> None:
        ran.append("second")

    holder["second"] = second
    signal.connect(first)
    signal.connect(second)
    del second
    signal.send(Sender)
    signal.send(Sender)
    assert ran == ["first", "second", "first"]


def test_sending_keeps_neither_receiver_nor_instance_nor_sender_alive(signal: Any) -> None:
    class Thing:
        def receive(self, **named: Any) -> None:
            pass

    class Temporary:
        pass

    thing, instance = Thing(), Thing()
    signal.connect(thing.receive)
    signal.send(Temporary, instance=instance)
    references: list[Any] = [weakref.ref(thing), weakref.ref(instance), weakref.ref(Temporary)]
    del thing, instance, Temporary
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]


def test_an_exception_keeps_nothing_alive_once_dropped(signal: Any) -> None:
    class Thing:
        pass

    def raising(instance: Thing, **named: Any) -> None:
        raise ValueError

    signal.connect(raising)
    instance = Thing()
    reference = weakref.ref(instance)
    with contextlib.suppress(ValueError):
        signal.send(Sender, instance=instance)
    del instance
    gc.collect()
    assert reference() is None


def test_exactly_one_frame_stands_between_sender_and_receiver(signal: Any) -> None:
    depths: list[int] = []

    def receiver(**named: Any) -> None:
        depths.append(len(inspect.stack()))

    signal.connect(receiver)
    here = len(inspect.stack())
    signal.send(Sender)
    signal.send_robust(Sender)
    assert depths == [here + 2, here + 2]


def test_a_warning_with_stacklevel_three_names_the_senders_line(signal: Any) -> None:
    def receiver(**named: Any) -> None:
        warnings.warn("look", UserWarning, stacklevel=3)

    signal.connect(receiver)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        signal.send(Sender)
    assert caught[0].filename == __file__


def test_a_mock_is_a_receiver_like_any_other(signal: Any) -> None:
    receiver = mock.Mock(return_value=5)
    signal.connect(receiver)
    assert signal.send(Sender, a=1) == [(receiver, 5)]
    assert receiver.mock_calls == [mock.call(signal=signal, sender=Sender, a=1)]


def test_an_async_mock_is_awaited(signal: Any) -> None:
    receiver = mock.AsyncMock(return_value=5)
    signal.connect(receiver)
    assert asyncio.run(signal.asend(Sender, a=1)) == [(receiver, 5)]
    receiver.assert_awaited_once_with(signal=signal, sender=Sender, a=1)


def test_a_subclass_that_overrides_send_is_respected() -> None:
    class Loud(Signal):
        def send(self, sender: Any, **named: Any) -> Any:
            return ["loud", *super().send(sender, **named)]

    loud: Any = Loud()
    receiver = returning(1)
    loud.connect(receiver)
    assert loud.send(Sender) == ["loud", (receiver, 1)]


def test_a_replaced_live_receivers_is_asked(signal: Any) -> None:
    receiver, other = returning(1), returning(2)
    signal.connect(receiver)
    with mock.patch.object(signal, "_live_receivers", return_value=([other], [])) as live:
        assert signal.send(Sender) == [(other, 2)]
    live.assert_called_with(Sender)


def test_recursion_ends_as_python_ends_it(signal: Any) -> None:
    def again(**named: Any) -> None:
        signal.send(Sender)

    signal.connect(again)
    limit = sys.getrecursionlimit()
    with pytest.raises(RecursionError):
        signal.send(Sender)
    assert sys.getrecursionlimit() == limit


def test_threads_send_at_the_same_time(signal: Any) -> None:
    counts: list[int] = []

    def receiver(number: int, **named: Any) -> int:
        counts.append(number)
        return number

    signal.connect(receiver)
    failures: list[Any] = []

    def work(number: int) -> None:
        for _ in range(200):
            if signal.send(Sender, number=number) != [(receiver, number)]:
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(counts) == 800


def test_an_unhashable_sender_is_treated_as_django_treats_it() -> None:
    signal: Any = Signal()
    assert signal.send([]) == []
    signal.connect(returning(1), weak=False)
    with pytest.raises(TypeError):
        signal.send([])


def test_a_sender_may_be_anything() -> None:
    signal: Any = Signal()
    receiver = returning(1)
    signal.connect(receiver)
    senders: list[Any] = [None, "name", 5, object(), Sender, Sender(), sys]
    for sender in senders:
        assert signal.send(sender) == [(receiver, 1)]


def test_an_exception_in_live_receivers_reaches_the_sender(signal: Any) -> None:
    signal.connect(returning(1), weak=False)
    with mock.patch.object(signal, "_live_receivers", side_effect=OSError("gone")):
        with pytest.raises(OSError, match="gone"):
            signal.send(Sender)


def test_the_cache_is_filled_and_emptied_by_django() -> None:
    signal: Any = Signal(use_caching=True)
    receiver = returning(1)
    signal.connect(receiver, sender=int)
    signal.send(Sender)
    assert signal.sender_receivers_cache[Sender] is NO_RECEIVERS
    signal.connect(receiver, sender=Sender)
    assert signal.send(Sender) == [(receiver, 1)]
    signal.disconnect(receiver, sender=Sender)
    assert signal.send(Sender) == []


def test_has_listeners_is_unchanged(signal: Any) -> None:
    assert not signal.has_listeners(Sender)
    signal.send(Sender)
    assert not signal.has_listeners(Sender)


def test_a_context_variable_set_by_a_receiver_stays_set(signal: Any) -> None:
    import contextvars

    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    def receiver(**named: Any) -> None:
        variable.set("set")

    signal.connect(receiver)

    def run() -> str:
        signal.send(Sender)
        return variable.get()

    assert contextvars.copy_context().run(run) == "set"


def test_async_receivers_run_concurrently(signal: Any) -> None:
    order: list[str] = []

    def waiting(name: str) -> Any:
        async def receiver(**named: Any) -> str:
            order.append(f"{name} begins")
            await asyncio.sleep(0.01)
            order.append(f"{name} ends")
            return name

        return receiver

    receivers = [waiting("a"), waiting("b")]
    for receiver in receivers:
        signal.connect(receiver)
    responses = asyncio.run(signal.asend(Sender))
    assert responses == [(receivers[0], "a"), (receivers[1], "b")]
    assert order[:2] == ["a begins", "b begins"]


def test_cancelling_asend_cancels_its_receivers(signal: Any) -> None:
    seen: list[str] = []

    async def receiver(**named: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    signal.connect(receiver)

    async def run() -> None:
        task = asyncio.create_task(signal.asend(Sender))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert seen == ["cancelled"]


def test_a_receiver_that_yields_to_a_future_gets_its_result(signal: Any) -> None:
    async def receiver(**named: Any) -> Any:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, future.set_result, "future")
        return await future

    signal.connect(receiver)
    assert asyncio.run(signal.asend(Sender)) == [(receiver, "future")]


def test_an_exception_thrown_into_an_awaiting_receiver_can_be_handled_there(signal: Any) -> None:
    async def receiver(**named: Any) -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)
        except TimeoutError:
            return "timed out"
        return "slept"

    signal.connect(receiver)
    assert asyncio.run(signal.asend(Sender)) == [(receiver, "timed out")]


def test_a_keyword_called_self_or_emission_reaches_the_receiver(signal: Any) -> None:
    got: dict[str, Any] = {}
    signal.connect(got.update, weak=False)
    signal.send(Sender, emission=1, method=2, named=3, frame=4)
    assert {key: got[key] for key in ("emission", "method", "named", "frame")} == {
        "emission": 1,
        "method": 2,
        "named": 3,
        "frame": 4,
    }


def test_the_methods_look_the_same() -> None:
    for name in ("send", "send_robust", "asend", "asend_robust"):
        method = getattr(Signal, name)
        assert method.__name__ == name
        assert method.__qualname__ == f"Signal.{name}"
        assert list(inspect.signature(method).parameters) == ["self", "sender", "named"]
        assert inspect.iscoroutinefunction(method) is name.startswith("a")
