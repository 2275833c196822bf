"""A real Redis server for a test: its own process, its own port and folder, gone afterwards.

Comes in: options of redis.conf. Goes out: a server that can be killed, started again and asked.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

STARTS_S = 20.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """One redis-server process. ``options`` are lines of redis.conf, by name.

    The default keeps nothing on disk. ``port`` stays the same over ``kill`` and ``start``.
    """

    def __init__(self, folder: Path, *, before: tuple[str, ...] = (), **options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._before = before
        self._options = {"save": "", "appendonly": "no", "maxmemory_policy": "noeviction"} | options
        self._process: subprocess.Popen[bytes] | None = None
        self.client = redis.Redis(port=self.port, socket_timeout=5)
        self.start()

    @property
    def url(self) -> str:
        """The server's database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("redis-server")
        assert program, (
            "redis-server is not installed, and these tests ask a real one. "
            "Install it (Debian, Ubuntu: apt-get install redis-server)."
        )
        options = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder)} | self._options
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
        log = self.folder / "redis.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._before, program, *words], stdout=output, stderr=subprocess.STDOUT, cwd=self.folder
            )
        deadline = time.monotonic() + STARTS_S
        while not self._answers():
            assert self._process.poll() is None, f"redis-server ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, "redis-server did not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    def kill(self) -> None:
        """End it as kill -9 does: nothing is saved, nobody is told."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it, whatever it was doing."""
        self.client.close()
        self.kill()

    def set(self, name: str, value: Any) -> None:
        """Change an option while it runs."""
        self.client.config_set(name, value)
