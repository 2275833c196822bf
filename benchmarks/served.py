"""``signals serve`` beside the demo, in a process of its own that says how much processor time it has taken.

Comes in: ``DATA_DIR`` and ``SIGNALSCOPE_JOURNAL`` in the environment. Goes out: a port, a session key
for it, and processor time.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import django

from dashboard.server import HOSTS, PROJECT_SETTINGS

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

SERVES = {
    PROJECT_SETTINGS: "config.settings",
    HOSTS: "127.0.0.1",
    "DJANGO_SETTINGS_MODULE": "dashboard.server.settings",
}
"""The environment that ``signals serve`` gives its process."""


class Server:
    """The dashboard in a process of its own, which says how much processor time it has taken."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process = process
        self.port = port

    def cpu(self) -> float:
        """Return its processor time so far, in seconds."""
        return float(self._asked("cpu"))

    def _asked(self, question: str) -> str:
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None and answers is not None  # noqa: PT018
        print(question, file=asked, flush=True)
        return answers.readline()


@contextmanager
def serving() -> Iterator[Server]:
    """Start the server, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.served", str(port)]
    process = subprocess.Popen(  # noqa: S603  (this module)
        command,
        env=os.environ | SERVES,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    server = Server(process, port)
    server.cpu()
    try:
        yield server
    finally:
        process.terminate()
        process.wait()


def serve(port: int) -> None:
    """Be the server: answer each line on stdin with the processor time so far."""
    from daphne.server import Server as Daphne  # type: ignore[import-untyped]

    from dashboard.server.application import application

    def answer(questions: IO[str]) -> None:
        for _ in questions:
            print(time.process_time(), flush=True)

    threading.Thread(target=answer, args=(sys.stdin,), daemon=True).start()
    Daphne(application, endpoints=[f"tcp:port={port}:interface=127.0.0.1"], signal_handlers=False).run()


def prepare() -> str:
    """Make the database, and return the session key of somebody who may look."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    from dashboard.causality import suppressed

    with suppressed():
        call_command("migrate", verbosity=0)
        user = User.objects.create_superuser("benchmark", "", "benchmark")
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "demo_app.auth.DemoBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
    return str(session.session_key)


if __name__ == "__main__":
    django.setup()
    serve(int(sys.argv[1]))
