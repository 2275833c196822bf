"""The demo as a process of its own, with data of its own: for what wants a whole server, such as pictures.

Comes in: a folder, environment variables. Goes out: a server on a free port that can be stopped and started.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
SIGN_IN = """
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.filter(username={name!r}).first() or User.objects.create_user({name!r}))
print(client.cookies["sessionid"].value)
"""


class Demo:
    """The demo with its database and journal in ``folder``. Each call of ``manage`` is a process."""

    def __init__(self, folder: Path, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = {**os.environ, "DATA_DIR": str(folder), **environment}
        self._aside = {**self._environment, "SIGNALSCOPE_JOURNAL": f"sqlite:///{folder / 'aside.sqlite3'}"}
        self._server: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def manage(self, *arguments: str, recorded: bool = True) -> str:
        """Run a command of ``manage.py`` and return what it says; raise ``CalledProcessError`` when it fails.

        What is not to be ``recorded`` goes to another journal.
        """
        environment = self._environment if recorded else self._aside
        done = subprocess.run(
            self._command(*arguments),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return done.stdout.decode()

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of ``manage.py``, and do not wait for it."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            self._command(*arguments), cwd=ROOT, env=self._environment, stdout=quiet, stderr=quiet
        )

    def sign_in(self, name: str) -> str:
        """Return the key of a session in which this user, made if there is none, is signed in; unrecorded."""
        return self.manage("shell", "-c", SIGN_IN.format(name=name), recorded=False).split()[-1]

    def start(self) -> None:
        """Serve, unless it does; raise ``TimeoutError`` when nothing answers after a minute."""
        if self._server is not None:
            return
        self._server = self.begin("runserver", "--noreload", f"127.0.0.1:{self._port}")
        deadline = time.monotonic() + PATIENCE_S
        while not self._listens():
            if time.monotonic() > deadline or self._server.poll() is not None:
                self.stop()
                raise TimeoutError(
                    f"The demo does not answer at {self.url}. Try manage.py runserver by hand."
                )
            time.sleep(0.2)

    def stop(self) -> None:
        """End the server. Does nothing without one."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(PATIENCE_S)
            self._server = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "manage.py", *arguments]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
