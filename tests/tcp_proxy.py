"""A network between a client and a server that a test can make bad: slow, cut, deaf, refusing.

Comes in: the server's port. Goes out: a port to connect to in its place.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Literal

State = Literal["open", "slow", "hole", "deaf", "refusing"]


class Proxy:
    """Passes bytes on between ``port`` and the server.

    ``state`` may be changed at any time: ``open``; ``slow`` holds every piece for ``delay_s``; ``hole``
    swallows everything both ways, as a firewall does that drops packets; ``deaf`` passes on what the
    client says and swallows the answers; ``refusing`` closes every connection, new ones at once.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._state: State = "open"
        self.delay_s = 0.1
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def state(self) -> State:
        """What the network is like now."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state = state
        if state == "refusing":
            self._cut()

    def stop(self) -> None:
        """Close everything."""
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            for each in self._sockets:
                # Closed by the thread that reads it; this wakes it.
                try:
                    each.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
            self._sockets.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._state == "refusing":
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with source:
            try:
                while data := source.recv(65_536):
                    if self._state == "slow":
                        time.sleep(self.delay_s)
                    if self._state == "hole" or (answers and self._state == "deaf"):
                        continue
                    target.sendall(data)
            except OSError:
                pass
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
