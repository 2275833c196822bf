"""Signalscope as others have it: the built wheel in an empty environment, beside a project of theirs.

Comes in: a wheel, what else to install, a project's folder. Goes out: a ``Project`` to run commands in, and
its dashboard in a ``Browser``. Needs the network, or pip's cache.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")

_OURS = ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "DATA_DIR", "SIGNALSCOPE_JOURNAL")


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    """Run a command outside this repository's folder and return what it printed."""
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd or Path(sys.prefix),
        env=_environment() | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OURS}


def environment(folder: Path, *requirements: object, base: str = sys.executable) -> Path:
    """Make an empty virtual environment, install into it, and return its Python."""
    run(base, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    # What is imported gets compiled then; the rest of what is installed never need be.
    run(sys.executable, *PIP, "--python", python, "install", "--no-compile", *requirements)
    return python


class Project:
    """A project in a folder, with the Python that runs it."""

    def __init__(self, folder: Path, python: Path, settings: str = "") -> None:
        self.folder = folder
        self.python = python
        self.environment = {"DJANGO_SETTINGS_MODULE": settings} if settings else {}

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run ``manage.py`` and return what it printed."""
        return self.run("manage.py", *arguments, **environment)

    def run(self, *arguments: str, **environment: str) -> str:
        """Run the project's Python with these arguments and return what it printed."""
        return run(self.python, *arguments, cwd=self.folder, **{**self.environment, **environment})

    def entries(self, query: str = "") -> list[dict[str, object]]:
        """Return what the journal holds and the filter lets through."""
        lines = self.manage("signals", "tail", "--no-follow", "--json", "--since", "0", "--filter", query)
        return [json.loads(line) for line in lines.splitlines()]

    @contextmanager
    def serve(self) -> Iterator[Browser]:
        """Run ``signals serve`` and yield a browser that is at it."""
        port = free_port()
        server = subprocess.Popen(
            [self.python, "manage.py", "signals", "serve", "--port", str(port)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment() | self.environment,
        )
        try:
            assert server.stdout is not None
            assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
            _wait_for(port, server)
            yield Browser(f"http://127.0.0.1:{port}")
        finally:
            server.terminate()
            server.communicate(timeout=20)


class Browser:
    """Keeps cookies and asks for pages, as a person at the dashboard does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Return the address at which one ends, and the page. Any status but 200 raises ``HTTPError``."""
        data = urllib.parse.urlencode(form).encode() if form else None
        with self._opener.open(self.address + path, data, timeout=60) as answer:
            return answer.url.removeprefix(self.address), answer.read().decode()

    def sign_in(self, username: str, password: str) -> tuple[str, str]:
        """Fill in the form that one is led to, and return where one ends, and the page."""
        url, page = self.get("/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token is not None
        form = {"username": username, "password": password, "next": "/signals/"}
        return self.get(url, {**form, "csrfmiddlewaretoken": token[1]})


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"The server does not answer: {server.stdout.read() if server.stdout else ''}")
