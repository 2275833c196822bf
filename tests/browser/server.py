"""A real daphne in a thread of the test process: what the test does, the pages see, and no copy of it.

Comes in: an ASGI application. Goes out: a server on one port of 127.0.0.1 that can be stopped and
started again, as often as a test likes. Twisted's reactor runs once in a process, so it runs for
the whole session; stopping closes the port and cuts every connection, as a server that dies would.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from daphne.server import Server  # type: ignore[import-untyped]
from twisted.internet import reactor as _reactor

HOST = "127.0.0.1"
PATIENCE_S = 30.0

# Twisted chooses the reactor's class when it is imported, so its type says nothing of its methods.
reactor: Any = _reactor


class LiveServer:
    """Daphne, listening while started. ``url`` and ``port`` stay the same over restarts."""

    def __init__(self, application: Callable[..., Any]) -> None:
        ready: Future[Any] = Future()

        class _Server(Server):  # type: ignore[misc]  # daphne is not typed
            def listen_success(self, port: Any) -> None:
                ready.set_result(port)

            def listen_error(self, failure: Any) -> None:
                ready.set_exception(failure.value)

        self._server = _Server(application, endpoints=[f"tcp:port=0:interface={HOST}"], signal_handlers=False)
        self._thread = threading.Thread(target=self._server.run, name="daphne", daemon=True)
        self._thread.start()
        self._listening: Any = ready.result(PATIENCE_S)
        self.port: int = self._listening.getHost().port
        self.url = f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Listen on the port again. Does nothing when listening."""
        if self._listening is None:
            factory = self._server.http_factory
            self._listening = _in_reactor(lambda: reactor.listenTCP(self.port, factory, interface=HOST))

    def stop(self) -> None:
        """Close the port, cut every connection and wait until no request or consumer runs any more.

        Raises ``TimeoutError`` naming what still runs after half a minute.
        """
        if self._listening is not None:
            listening, self._listening = self._listening, None
            _in_reactor(listening.stopListening)
        _in_reactor(self._cut)
        self._wait_until_idle()

    def restart(self) -> None:
        """Stop, then start on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop for good: the reactor ends, and its thread with it."""
        self.stop()
        reactor.callFromThread(reactor.stop)
        self._thread.join(PATIENCE_S)

    def _cut(self) -> None:
        for protocol in list(self._server.connections):
            if protocol.transport is not None:
                protocol.transport.abortConnection()

    def _wait_until_idle(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while running := _in_reactor(self._running):
            if time.monotonic() > deadline:
                raise TimeoutError(f"After {PATIENCE_S:.0f} s the server still runs {running}.")
            time.sleep(0.02)
        _in_reactor(self._server.connections.clear)

    def _running(self) -> list[asyncio.Future[Any]]:
        found = (details.get("application_instance") for details in self._server.connections.values())
        return [application for application in found if application is not None and not application.done()]


def _in_reactor(work: Callable[[], Any]) -> Any:
    """Run ``work`` in the reactor's thread, wait, and return its result; a Deferred is waited for too."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            done.set_exception(error)
        else:
            if hasattr(result, "addCallbacks"):
                result.addCallbacks(done.set_result, lambda failure: done.set_exception(failure.value))
            else:
                done.set_result(result)

    reactor.callFromThread(run)
    return done.result(PATIENCE_S)
