"""The deployment of compose.yaml, run outside of containers: five processes, one edit that all of them see.

Comes in: compose's own commands and environments, with this machine's ports in place of its names; a real
PostgreSQL and a real Redis. Goes out: what the app did for a request, and the worker for its task, as the
dashboard's own process shows it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from config.settings import BASE_DIR

from .postgres_server import PostgresServer
from .redis_server import free_port

WAIT_S = 90.0
IMAGE = ["config", "dashboard", "demo_app", "manage.py", "static", "templates"]
"""What of the repository the image holds, as far as its commands need it (``.dockerignore``)."""
PASSWORD = secrets.token_hex(12)
COMPOSE: dict[str, Any] = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())
GIVEN = {
    "DJANGO_SECRET_KEY": secrets.token_hex(32),
    "POSTGRES_PASSWORD": secrets.token_hex(12),
    "REDIS_PASSWORD": secrets.token_hex(12),
}


def filled(text: str) -> str:
    """Return a value as compose does: ``${NAME}``, ``${NAME:-default}``, ``${NAME:?message}``, ``$$``."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return GIVEN.get(match["name"]) or (match["default"] or "").removeprefix(":-")

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?P<default>:-[^}]*)?(?::\?[^}]*)?\}", value, text)


def until(what: str, done: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, f"{what} did not happen in {WAIT_S} s"
        time.sleep(0.1)


class Visitor:
    """A browser behind a proxy that speaks TLS: it keeps cookies and sends the token of each form."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Return status and text; with a form, send it with the token."""
        headers = {
            "Host": "localhost",
            "X-Forwarded-Proto": "https",
            "Referer": f"https://localhost{path}",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
        }
        body = None
        if form is not None:
            body = urlencode(form | {"csrfmiddlewaretoken": self._cookies["csrftoken"]})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET" if form is None else "POST", path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        self._keep(answer)
        return answer.status, text

    def _keep(self, answer: HTTPResponse) -> None:
        for header in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self._cookies[name] = morsel.value

    def sign_in(self, path: str) -> None:
        assert self.ask(path)[0] == 200
        status, text = self.ask(path, {"username": "ada", "password": PASSWORD})
        assert status == 302, text[:2000]


class Deployment:
    """The services of compose.yaml as processes of this machine."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self._image = folder / "image"
        self._image.mkdir()
        for name in IMAGE:
            copy = shutil.copytree if (BASE_DIR / name).is_dir() else shutil.copy
            copy(BASE_DIR / name, self._image / name)
        self._names = {
            f"postgres://signalscope:{GIVEN['POSTGRES_PASSWORD']}@postgres:5432/signalscope": database,
        }
        self.ports = {name: free_port() for name in ("redis", "app", "dashboard")}
        self._processes: list[subprocess.Popen[bytes]] = []

    def _here(self, text: str) -> str:
        text = filled(text).replace("@redis:6379/", f"@127.0.0.1:{self.ports['redis']}/")
        for there, here in self._names.items():
            text = text.replace(there, here)
        return text

    def environment(self, name: str) -> dict[str, str]:
        data = self._folder / name
        data.mkdir(exist_ok=True)
        told = {key: self._here(value) for key, value in COMPOSE["services"][name]["environment"].items()}
        paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        # What the image sets, and what a shell needs.
        return {"PATH": paths, "DJANGO_DEBUG": "0", "DATA_DIR": str(data), "PYTHONUNBUFFERED": "1", **told}

    def command(self, name: str) -> list[str]:
        words = [filled(word) for word in COMPOSE["services"][name]["command"]]
        if name == "redis":
            words[-1] += f" --port {self.ports[name]} --bind 127.0.0.1 --dir {self._folder}"
        port = {"app": "8000", "dashboard": "8001"}.get(name, "")
        return [str(self.ports[name]) if port and word == port else word for word in words]

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()

    def start(self, name: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen(
                    self.command(name),
                    cwd=self._image,
                    env=self.environment(name),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    def run(self, name: str, *command: str) -> None:
        """Run a command in a service, as ``docker compose run`` does; its own, if none is given."""
        done = subprocess.run(
            list(command) or self.command(name),
            cwd=self._image,
            env=self.environment(name) | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def answers(self, name: str, path: str) -> bool:
        try:
            return Visitor(self.ports[name]).ask(path)[0] == 200
        except OSError:
            return False

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    assert shutil.which("redis-server"), "redis-server is not installed, and this test runs it."
    server = PostgresServer()
    running = Deployment(tmp_path, server.create("signalscope"))
    try:
        yield running
    finally:
        running.stop()
        server.stop()


def test_an_edit_in_the_app_and_its_task_in_the_worker_show_in_the_dashboard(deployment: Deployment) -> None:
    deployment.start("redis")
    until("Redis", lambda: "Ready to accept connections" in deployment.log("redis"))
    deployment.run("app", "python", "manage.py", "collectstatic", "--noinput")
    deployment.run("migrate")
    deployment.run("app", "python", "manage.py", "seed_demo")
    deployment.run(
        "app",
        "python",
        "manage.py",
        "createsuperuser",
        "--noinput",
        "--username=ada",
        "--email=ada@example.com",
    )
    for name in ("app", "worker", "dashboard"):
        deployment.start(name)
    until("the worker", lambda: "ready." in deployment.log("worker"))
    until("the dashboard", lambda: deployment.answers("dashboard", "/static/signalscope/mark.svg"))
    until("the app", lambda: deployment.answers("app", "/admin/login/"))

    editor = Visitor(deployment.ports["app"])
    editor.sign_in("/admin/login/?next=/admin/")
    listed = editor.ask("/admin/demo_app/post/?status__exact=draft")[1]
    [draft, *_] = re.findall(r'name="_selected_action" value="(\d+)"', listed)
    action = {"action": "publish_selected", "_selected_action": draft}
    assert editor.ask("/admin/demo_app/post/", action)[0] == 302

    reader = Visitor(deployment.ports["dashboard"])
    assert reader.ask("/signals/")[0] == 302  # nobody looks without signing in
    reader.sign_in("/sign-in/?next=/signals/")

    def shown() -> bool:
        traces = re.findall(r'class="text" href="(/signals/traces/\w+/)"', reader.ask("/signals/")[1])
        pages = [reader.ask(trace)[1] for trace in traces]
        return any("/admin/demo_app/post/" in page and "deliver_issue" in page for page in pages)

    until("the edit and its task on the dashboard", shown)
    task = reader.ask("/signals/?layout=flat&q=signal:newsletter_sent")[1]
    assert "newsletter_sent" in task
    assert "raised" not in deployment.log("worker")
