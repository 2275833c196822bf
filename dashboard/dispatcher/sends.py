"""The replacements of ``Signal.send`` and its siblings, and of ``Signal.__init__``.

Comes in: Django's own methods and the global receiver. Goes out: functions that do what Django's
do, and tell the global receiver. Written against django/dispatch/dispatcher.py of 5.2, 6.0 and 6.1.

Sync receivers are called from loops of our own, so that exactly one frame stands between sender and
receiver, as in Django (``warnings`` counts frames). Async receivers go through Django's own code,
over proxies: how they run together differs between versions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from time import perf_counter_ns as clock
from types import FrameType
from typing import Any

from django.dispatch import Signal
from django.dispatch.dispatcher import NO_RECEIVERS

from ..causality import Running, current
from ..events import SendMethod
from .changes import Changes
from .connections import note_created
from .contract import GlobalReceiver
from .proxies import StandIn

_Send = Callable[..., list[tuple[Any, Any]]]


def replacements(  # noqa: C901  (closures over hot names; a helper would add a frame)
    plain: Mapping[str, Any], heard: GlobalReceiver
) -> dict[str, Callable[..., Any]]:
    """Return the functions to put in place of those in ``plain``, under the same names."""
    begin, finish, failed = heard.begin, heard.finish, heard.failed
    unheard, watch, compare, compare_any = heard.unheard, heard.watch, heard.compare, heard.compare_any
    set_current, frame_of = current.set, sys._getframe
    plain_init = plain["__init__"]
    plain_send: _Send = plain["send"]
    plain_send_robust: _Send = plain["send_robust"]
    plain_asend, plain_asend_robust = plain["asend"], plain["asend_robust"]

    @wraps(plain_init)
    def __init__(self: Signal, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        plain_init(self, *args, **kwargs)
        note_created(self)

    @wraps(plain_send)
    def send(self: Signal, sender: Any, **named: Any) -> list[tuple[Any, Any]]:  # noqa: C901
        if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
            emission = begin(self, sender, named, "send", frame_of(1))
            if emission is not None:
                unheard(emission)
            return []
        responses: list[tuple[Any, Any]] = []
        sync_receivers, async_receivers = self._live_receivers(sender)
        emission = begin(self, sender, named, "send", frame_of(1))
        if emission is None:
            if async_receivers:
                return plain_send(self, sender, **named)
            for receiver in sync_receivers:
                response = receiver(signal=self, sender=sender, **named)
                responses.append((receiver, response))
            return responses
        calls: list[Running] = []
        trace, parent = emission.trace, emission.cause
        watched = watch(emission, named)
        try:
            for receiver in sync_receivers:
                call = Running(trace, emission, len(calls), parent)
                calls.append(call)
                set_current(call)
                call.started = clock()
                response = receiver(signal=self, sender=sender, **named)
                call.ended = clock()
                if watched is not None:
                    compare(watched, call)
                responses.append((receiver, response))
            if async_receivers:
                changes = Changes(watched, compare_any)
                stand_in = StandIn(self, emission, calls, heard, (), async_receivers, changes)
                set_current(parent)
                responses.extend(stand_in.unwrap(plain_send(stand_in, sender, **named)))
        except BaseException as error:
            if calls and not calls[-1].ended and not calls[-1].is_async:
                failed(calls[-1], error)
                if watched is not None:
                    compare(watched, calls[-1])
            raise
        finally:
            set_current(parent)
            receivers = [*sync_receivers, *async_receivers] if async_receivers else sync_receivers
            finish(emission, calls, receivers)
        return responses

    @wraps(plain_send_robust)
    def send_robust(self: Signal, sender: Any, **named: Any) -> list[tuple[Any, Any]]:  # noqa: C901
        if not self.receivers or self.sender_receivers_cache.get(sender) is NO_RECEIVERS:
            emission = begin(self, sender, named, "send_robust", frame_of(1))
            if emission is not None:
                unheard(emission)
            return []
        responses: list[tuple[Any, Any]] = []
        sync_receivers, async_receivers = self._live_receivers(sender)
        emission = begin(self, sender, named, "send_robust", frame_of(1))
        if emission is None:
            if async_receivers:
                return plain_send_robust(self, sender, **named)
            for receiver in sync_receivers:
                try:
                    response = receiver(signal=self, sender=sender, **named)
                except Exception as error:  # noqa: BLE001  (as Django does)
                    self._log_robust_failure(receiver, error)  # type: ignore[attr-defined]
                    responses.append((receiver, error))
                else:
                    responses.append((receiver, response))
            return responses
        calls: list[Running] = []
        trace, parent = emission.trace, emission.cause
        watched = watch(emission, named)
        try:
            for receiver in sync_receivers:
                call = Running(trace, emission, len(calls), parent)
                calls.append(call)
                set_current(call)
                call.started = clock()
                try:
                    response = receiver(signal=self, sender=sender, **named)
                except Exception as error:  # noqa: BLE001  (as Django does)
                    failed(call, error)
                    self._log_robust_failure(receiver, error)  # type: ignore[attr-defined]
                    responses.append((receiver, error))
                else:
                    call.ended = clock()
                    responses.append((receiver, response))
                if watched is not None:
                    compare(watched, call)
            if async_receivers:
                changes = Changes(watched, compare_any)
                stand_in = StandIn(self, emission, calls, heard, (), async_receivers, changes)
                set_current(parent)
                responses.extend(stand_in.unwrap(plain_send_robust(stand_in, sender, **named)))
        except BaseException as error:
            if calls and not calls[-1].ended and not calls[-1].is_async:
                failed(calls[-1], error)
                if watched is not None:
                    compare(watched, calls[-1])
            raise
        finally:
            set_current(parent)
            receivers = [*sync_receivers, *async_receivers] if async_receivers else sync_receivers
            finish(emission, calls, receivers)
        return responses

    async def sent_async(
        signal: Signal,
        plain_method: Any,
        method: SendMethod,
        frame: FrameType,
        sender: Any,
        named: dict[str, Any],
    ) -> list[tuple[Any, Any]]:
        if not signal.receivers or signal.sender_receivers_cache.get(sender) is NO_RECEIVERS:
            emission = begin(signal, sender, named, method, frame)
            if emission is not None:
                unheard(emission)
            return []
        sync_receivers, async_receivers = signal._live_receivers(sender)
        emission = begin(signal, sender, named, method, frame)
        if emission is None:
            responses: list[tuple[Any, Any]] = await plain_method(signal, sender, **named)
            return responses
        calls: list[Running] = []
        changes = Changes(watch(emission, named), compare_any)
        stand_in = StandIn(signal, emission, calls, heard, sync_receivers, async_receivers, changes)
        try:
            return stand_in.unwrap(await plain_method(stand_in, sender, **named))
        finally:
            finish(emission, calls, stand_in.in_order())

    @wraps(plain_asend)
    async def asend(self: Signal, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        return await sent_async(self, plain_asend, "asend", frame_of(1), sender, named)

    @wraps(plain_asend_robust)
    async def asend_robust(self: Signal, sender: Any, **named: Any) -> list[tuple[Any, Any]]:
        return await sent_async(self, plain_asend_robust, "asend_robust", frame_of(1), sender, named)

    return {
        "__init__": __init__,
        "send": send,
        "send_robust": send_robust,
        "asend": asend,
        "asend_robust": asend_robust,
    }
