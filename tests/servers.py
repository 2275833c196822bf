"""A small project in a folder of its own, and the servers and commands that run it, for real.

Comes in: command lines. Goes out: the processes they started, and what these left in the journal.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

from dashboard.events import Emission, Entry, Process
from dashboard.journal import open_journal
from dashboard.journal.base import Cursor

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 60.0

SETTINGS = """
from pathlib import Path
BASE_DIR = Path(__file__).parent
ROOT = Path(__import__("dashboard").__file__).parent.parent
SECRET_KEY = "tests"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "site_urls"
ASGI_APPLICATION = "site_asgi.application"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
    "dashboard",
    "jobs",
]
STATIC_URL = "static/"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
STATICFILES_DIRS = [ROOT / "static"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "app.sqlite3"}}
USE_TZ = True
SIGNALSCOPE = {"ACCESS": "site_urls.anybody"}
"""

URLS = """
import os, sys
from django.dispatch import Signal
from django.http import HttpResponse
from django.urls import include, path

told = Signal()

def anybody(user):
    return True

def tell(request, name):
    told.send(name)
    return HttpResponse(str(os.getpid()))

def fork(request, name):
    told.send(f"{name}-before")
    child = os.fork()
    if not child:
        told.send(f"{name}-child")
        from dashboard import pipeline
        pipeline.flush()
        os._exit(0)
    os.waitpid(child, 0)
    told.send(f"{name}-after")
    return HttpResponse(str(child))

urlpatterns = [
    path("tell/<str:name>/", tell),
    path("fork/<str:name>/", fork),
    path("signals/", include("dashboard.urls")),
]
"""

COMMAND = """
import multiprocessing, os, signal, sys, time
import django
from django.core.management.base import BaseCommand
from site_urls import told

def child(name):
    django.setup()  # a spawned child begins with nothing
    told.send(name)

class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("way")
        parser.add_argument("name")

    def handle(self, way, name, **options):
        if way in ("fork", "spawn"):
            started = multiprocessing.get_context(way).Process(target=child, args=(f"{name}-{way}",))
            started.start()
            started.join()
            self.stdout.write(str(started.pid))
        told.send(name)
        if way == "flood":
            sent = 0
            while not os.path.exists("stop"):
                told.send(f"{name}-{sent}")
                sent += 1
                time.sleep(0.002)
            self.stdout.write(str(sent))
        if way == "exit":
            sys.exit(0)
        if way == "raise":
            raise RuntimeError("the last act")
        if way == "sigterm":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        if way == "os._exit":
            from dashboard import pipeline
            pipeline.flush()
            os._exit(0)
"""

WSGI = """
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""

ASGI = """
from django.core.asgi import get_asgi_application
pages = get_asgi_application()
from channels.routing import ProtocolTypeRouter
from dashboard.routing import websocket_application
application = ProtocolTypeRouter({"http": pages, "websocket": websocket_application})
"""

MANAGE = """
import sys
from django.core.management import execute_from_command_line
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""

FILES = {
    "site_settings.py": SETTINGS,
    "site_urls.py": URLS,
    "site_wsgi.py": WSGI,
    "site_asgi.py": ASGI,
    "manage.py": MANAGE,
    "jobs/__init__.py": "",
    "jobs/management/__init__.py": "",
    "jobs/management/commands/__init__.py": "",
    "jobs/management/commands/job.py": COMMAND,
}


class Site:
    """The project. Its journal is ``journal.sqlite3`` in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.url = f"sqlite:///{folder / 'journal.sqlite3'}"
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "SIGNALSCOPE_JOURNAL": self.url,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        }

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the project to its end, which must be ``code``; return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def flooding(self, name: str) -> Iterator[Callable[[], int]]:
        """Send without end in a process of its own; what is yielded ends that, and says how often it sent."""
        flood = subprocess.Popen(
            [sys.executable, "manage.py", "job", "flood", name],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

        def end() -> int:
            (self.folder / "stop").touch()
            told, wrong = flood.communicate(timeout=PATIENCE_S)
            assert flood.returncode == 0, wrong
            return int(told)

        try:
            yield end
        finally:
            if flood.poll() is None:
                flood.kill()
                flood.communicate()

    @contextmanager
    def serving(self, *arguments: str, port: int) -> Iterator[subprocess.Popen[str]]:
        """Serve the project while inside, by ``python`` with these arguments, once it answers on the port."""
        with (self.folder / "server.log").open("w+") as log:
            server = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            try:
                until(lambda: answers(port) or server.poll() is not None)
                assert server.poll() is None, (self.folder / "server.log").read_text()
                yield server
            finally:
                stop(server)

    def entries(self) -> list[Entry]:
        """Return everything in the journal, in its order."""
        journal = open_journal(self.url)
        try:
            return list(journal.read(0, 100_000))
        finally:
            journal.close()

    def head(self) -> Cursor:
        """Return where the journal ends now."""
        journal = open_journal(self.url)
        try:
            return journal.head()
        finally:
            journal.close()

    def told(self) -> dict[str, Process]:
        """Return what was told, in the journal's order, and by which process. Each stands there once."""
        found = [(one.sender or "", one.process) for one in self.entries() if is_told(one)]
        twice = [name for name, times in Counter(name for name, _ in found).items() if times > 1]
        assert not twice, f"journalled more than once: {twice}"
        return {name: process for name, process in found if process is not None}


def is_told(entry: Entry) -> TypeGuard[Emission]:
    """Return whether it is what the project's signal told."""
    return isinstance(entry, Emission) and entry.signal == "site_urls.told"


def get(port: int, path: str) -> str:
    """Return what the server answers to a GET on a connection of its own."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())


def answers(port: int) -> bool:
    """Return whether anybody listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def stop(server: subprocess.Popen[str]) -> None:
    """End a server as Ctrl-C does, and what it started, should it not end by itself."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGINT)
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(timeout=20)
