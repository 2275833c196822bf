"""The package: the wheel, installed in an environment of its own, in a project that django-admin made.

Comes in: this repository. Goes out: ``import signalscope`` elsewhere. Needs the network, or pip's cache.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, *PIP, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


class Project:
    """A project as ``django-admin startproject`` leaves it, with ``signalscope`` in INSTALLED_APPS."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python

    def manage(self, *arguments: str) -> str:
        return run(self.python, "manage.py", *arguments, cwd=self.folder)

    def entries(self, query: str = "") -> list[dict[str, object]]:
        lines = self.manage("signals", "tail", "--no-follow", "--json", "--since", "0", "--filter", query)
        return [json.loads(line) for line in lines.splitlines()]


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(python, *PIP, "install", wheel)
    run(python, "-m", "django", "startproject", "mysite", folder)
    with (folder / "mysite" / "settings.py").open("a") as settings:
        settings.write('\nINSTALLED_APPS += ["signalscope"]\n')
    made = Project(folder, python)
    made.manage("migrate", "--verbosity", "0")
    made.manage("shell", "-c", MAKE_ADMIN)
    return made


MAKE_ADMIN = (
    "from django.contrib.auth.models import User; User.objects.create_superuser('ada', '', 'lovelace')"
)


def run(*command: object, cwd: Path | None = None) -> str:
    """Run a command outside this repository's folder and return what it printed."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "DATA_DIR", "SIGNALSCOPE_JOURNAL")
    }
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd or Path(sys.prefix),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_app_its_templates_and_static_files_and_nothing_of_the_demo(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"signalscope"}
    for folder, inside in (
        ("dashboard", ""),
        ("templates/signalscope", "templates/signalscope/"),
        ("static/signalscope", "static/signalscope/"),
    ):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert f"signalscope/{inside}{path.relative_to(ROOT / folder)}" in names
    assert "signalscope/templates/admin/base.html" in names
    assert not [name for name in names if "demo" in name or "base_site" in name or "__pycache__" in name]


def test_the_wheel_needs_what_requirements_txt_says_the_app_needs() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    first_block = (ROOT / "requirements.txt").read_text().split("\n\n")[0]
    assert declared == [line for line in first_block.splitlines() if not line.startswith("#")]


def test_one_line_in_installed_apps_records_and_passes_every_check(project: Project) -> None:
    assert "no issues" in project.manage("check", "--fail-level", "DEBUG")
    saved = project.entries("sender:auth.User signal:post_save")
    assert [(entry["signal"], entry["sender"]) for entry in saved] == [
        ("django.db.models.signals.post_save", "auth.User")
    ]


class Browser:
    """Keeps cookies and asks for pages, as a person at the dashboard does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Return the address at which one ends, and the page."""
        data = urllib.parse.urlencode(form).encode() if form else None
        with self._opener.open(self.address + path, data, timeout=20) as answer:
            return answer.url.removeprefix(self.address), answer.read().decode()


@pytest.fixture
def dashboard(project: Project) -> Iterator[Browser]:
    port = free_port()
    server = subprocess.Popen(
        [project.python, "manage.py", "signals", "serve", "--port", str(port)],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
    )
    try:
        assert server.stdout is not None
        assert f"http://127.0.0.1:{port}/" in server.stdout.readline()
        wait_for(port, server)
        yield Browser(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.communicate(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"The server does not answer: {server.stdout.read() if server.stdout else ''}")


def test_serve_shows_the_journal_to_staff_of_a_project_without_its_urls(dashboard: Browser) -> None:
    url, page = dashboard.get("/")
    assert url == "/sign-in/?next=%2Fsignals%2F"
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None
    form = {"username": "ada", "password": "lovelace", "next": "/signals/", "csrfmiddlewaretoken": token[1]}

    url, page = dashboard.get(url, form)

    assert url == "/signals/"
    assert "manage.py" in page
    assert "shell" in page
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        assert dashboard.get(path)[0] == path


def test_serve_lets_nobody_see_a_page_who_is_not_signed_in(dashboard: Browser) -> None:
    for path in ("/signals/", "/signals/graph/"):
        assert dashboard.get(path)[0].startswith("/sign-in/")


def test_serve_says_what_stands_in_its_way(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with pytest.raises(AssertionError, match=f"127.0.0.1:{port} cannot be listened on"):
            project.manage("signals", "serve", "--port", port)
