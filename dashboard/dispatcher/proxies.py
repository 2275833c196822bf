"""Async receivers through Django's own code: a stand-in signal whose receivers are proxies.

Comes in: the receivers of one emission. Goes out: to Django's ``send`` methods, the same receivers
behind proxies that note each call; to the sender, the responses with the proxies taken off.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Generator, Iterable, Sequence
from contextvars import Token
from time import perf_counter_ns as clock
from typing import Any

from django.dispatch import Signal

from ..causality import Block, Head, Running, current, this_thread
from .changes import Changes
from .contract import GlobalReceiver


class StandIn:
    """What Django's own send methods get for ``self``: the same receivers, each behind a proxy."""

    receivers = True

    def __init__(
        self,
        signal: Signal,
        emission: Head,
        calls: list[Running],
        heard: GlobalReceiver,
        sync_receivers: Sequence[Any],
        async_receivers: Sequence[Any],
        changes: Changes,
    ) -> None:
        self.sender_receivers_cache: dict[Any, Any] = {}
        self._signal: Any = signal  # its logging of failures is private
        self._emission = emission
        self._calls = calls
        self._heard = heard
        self._changes = changes
        # Under send, coroutines run in another thread; what they ask of the database runs in this one.
        self._blocks = this_thread.here.blocks
        self._sync = [self._proxy(_SyncProxy, receiver) for receiver in sync_receivers]
        self._async = [self._proxy(_AsyncProxy, receiver) for receiver in async_receivers]

    def _proxy(self, kind: type[_Proxy], receiver: Any) -> _Proxy:
        emission = self._emission
        call = Running(emission.trace, emission, 0, emission.cause, kind is _AsyncProxy)
        return kind(self._signal, receiver, call, self._heard, self._calls, self._changes, self._blocks)

    def in_order(self) -> list[Any]:
        """Return the receivers in the order of the calls, those that never ran last."""
        proxies = {id(proxy.call): proxy.receiver for proxy in (*self._sync, *self._async)}
        ran = [proxies.pop(id(call)) for call in self._calls if id(call) in proxies]
        return [*ran, *proxies.values()]

    def _live_receivers(self, sender: Any) -> tuple[list[_Proxy], list[_Proxy]]:
        return self._sync, self._async

    def _log_robust_failure(self, proxy: _Proxy, error: BaseException) -> None:
        self._signal._log_robust_failure(proxy.receiver, error)

    @staticmethod
    def unwrap(responses: Iterable[tuple[_Proxy, Any]]) -> list[tuple[Any, Any]]:
        """Return the responses with the app's receivers in place of their proxies."""
        return [(proxy.receiver, response) for proxy, response in responses]


class _Proxy:
    """A receiver that notes its call. ``signal`` is passed on as the real one."""

    __slots__ = ("blocks", "call", "calls", "changes", "heard", "receiver", "signal")

    def __init__(
        self,
        signal: Signal,
        receiver: Any,
        call: Running,
        heard: GlobalReceiver,
        calls: list[Running],
        changes: Changes,
        blocks: tuple[Block, ...],
    ) -> None:
        self.signal = signal
        self.receiver = receiver
        self.call = call
        self.heard = heard
        self.calls = calls
        self.changes = changes
        self.blocks = blocks

    def __call__(self, /, *, signal: Any, **named: Any) -> Any:
        call = self.call
        # Sync and async receivers may begin at once in two threads: the place is looked up, not counted.
        self.calls.append(call)
        call.index = next(place for place, one in enumerate(self.calls) if one is call)
        self.changes.enter(call)
        token = current.set(call)
        call.started = clock()
        try:
            response = self.receiver(signal=self.signal, **named)
            return self.returned(response)
        except BaseException as error:
            self.heard.failed(call, error)
            raise
        finally:
            current.reset(token)
            self.left()

    def left(self) -> None:
        """Take note that the call waits, or has ended."""
        self.changes.leave(self.call)
        if self.call.ended:
            self.heard.ended(self.call, self.receiver)

    def returned(self, response: Any) -> Any:
        """Take what the receiver returned and return what Django gets."""
        raise NotImplementedError


class _SyncProxy(_Proxy):
    __slots__ = ()

    def returned(self, response: Any) -> Any:
        self.call.ended = clock()
        return response


class _AsyncProxy(_Proxy):
    __slots__ = ()

    def returned(self, response: Any) -> Any:
        # Anything else fails in Django's hands as it would without us.
        return _Steps(response, self) if hasattr(type(response), "__await__") else response


class _Steps:
    """Drives an awaitable step by step, its call being the current one during each step only.

    From 6.1 async receivers of one emission share one context (``_run_parallel``): a variable set
    across an ``await`` would be seen by the others.
    """

    __slots__ = ("_awaitable", "_call", "_is_lent", "_proxy")

    def __init__(self, awaitable: Awaitable[Any], proxy: _Proxy) -> None:
        self._awaitable = awaitable
        self._proxy = proxy
        self._call = proxy.call
        self._is_lent = False

    def __await__(self) -> Generator[Any, Any, Any]:
        steps: Any = self._awaitable.__await__()
        sent: Any = None
        thrown: BaseException | None = None
        while True:
            token = self._enter()
            try:
                waiting = _advance(steps, sent, thrown)
            except StopIteration as done:
                self._call.ended = clock()
                return done.value
            except BaseException as error:
                self._proxy.heard.failed(self._call, error)
                raise
            finally:
                self._leave(token)
                thrown = None
            try:
                sent = yield waiting
            except GeneratorExit:
                self._close(steps)
                raise
            except BaseException as error:  # noqa: BLE001  (goes on into the receiver)
                thrown = error

    def _close(self, steps: Any) -> None:
        token = self._enter()
        try:
            if hasattr(steps, "close"):
                steps.close()
        finally:
            self._proxy.heard.failed(self._call, CancelledError())
            self._leave(token)

    def _enter(self) -> Token[Running | None]:
        here = this_thread.here
        self._is_lent = not here.blocks
        if self._is_lent:
            here.blocks = self._proxy.blocks
        self._proxy.changes.enter(self._call)
        return current.set(self._call)

    def _leave(self, token: Token[Running | None]) -> None:
        current.reset(token)
        self._proxy.left()
        if self._is_lent:
            this_thread.here.blocks = ()


def _advance(steps: Any, sent: Any, thrown: BaseException | None) -> Any:
    """Take one step, as ``yield from`` does: https://peps.python.org/pep-0380/#formal-semantics."""
    if thrown is not None:
        if not hasattr(steps, "throw"):
            raise thrown
        return steps.throw(thrown)
    return next(steps) if sent is None else steps.send(sent)
