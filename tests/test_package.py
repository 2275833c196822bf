"""The package: the wheel, installed in an environment of its own, in a project that django-admin made.

Comes in: this repository. Goes out: ``import signalscope`` elsewhere. Needs the network, or pip's cache.
"""

from __future__ import annotations

import re
import socket
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .packaged import ROOT, Browser, Project, environment, run


@pytest.fixture(scope="module")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("project")
    python = environment(folder / "venv", wheel)
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


@pytest.fixture
def dashboard(project: Project) -> Iterator[Browser]:
    with project.serve() as browser:
        yield browser


def test_serve_shows_the_journal_to_staff_of_a_project_without_its_urls(dashboard: Browser) -> None:
    assert dashboard.get("/")[0] == "/sign-in/?next=%2Fsignals%2F"

    url, page = dashboard.sign_in("ada", "lovelace")

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
