"""Beside real applications from PyPI: Wagtail's starter site and an Oscar shop, with and without Signalscope.

Comes in: the wheel, and the newest releases that pip finds for this Python. Goes out: their pages answer the
same with as many SQL statements, their receivers are listed, and an edit in their admin is one trace.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .packaged import ROOT, Browser, Project, environment, run

PASSWORD = "lovelace"
Visits = list[tuple[str, dict[str, str] | None]]


class Site(NamedTuple):
    """A real application: how its project is made, what is visited, and what must be seen of it then.

    ``make`` writes the project into a folder and returns its settings module. ``edit`` is the path of the
    request that changes something; ``emitted`` what is sent in it, in that order, and ``receivers``
    are among those that Signalscope lists.
    """

    package: str
    make: Callable[[Path, Path], str]
    visits: Visits
    statuses: list[int]
    edit: str
    user: str
    emitted: list[str]
    receivers: list[str]


def make_wagtail(folder: Path, python: Path) -> str:
    run(python, python.with_name("wagtail"), "start", "mysite", folder)
    return "mysite.settings.dev"


def make_oscar(folder: Path, python: Path) -> str:
    run(python, "-m", "django", "startproject", "shop", folder)
    with (folder / "shop" / "settings.py").open("a") as settings:
        settings.write(OSCAR_SETTINGS)
    (folder / "shop" / "urls.py").write_text(OSCAR_URLS)
    return "shop.settings"


# As Oscar's own guide has it: https://django-oscar.readthedocs.io/en/latest/internals/getting_started.html
OSCAR_SETTINGS = """
import oscar
from oscar.defaults import *

INSTALLED_APPS = oscar.INSTALLED_APPS
SITE_ID = 1
MIDDLEWARE += [
    "oscar.apps.basket.middleware.BasketMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
TEMPLATES[0]["OPTIONS"]["context_processors"] += [
    "oscar.apps.search.context_processors.search_form",
    "oscar.apps.checkout.context_processors.checkout",
    "oscar.apps.communication.notifications.context_processors.notifications",
    "oscar.core.context_processors.metadata",
]
AUTHENTICATION_BACKENDS = (
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
)
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
"""

OSCAR_URLS = """
from django.apps import apps
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
"""

WAGTAIL = Site(
    "wagtail",
    make_wagtail,
    [
        ("/", None),
        ("/admin/login/", {"username": "ada", "password": PASSWORD}),
        ("/admin/", None),
        ("/admin/pages/3/edit/", None),
        (
            "/admin/pages/3/edit/",
            {
                "title": "Edited",
                "slug": "home",
                "comments-TOTAL_FORMS": "0",
                "comments-INITIAL_FORMS": "0",
                "action-publish": "action-publish",
            },
        ),
        ("/", None),
        ("/search/?query=edited", None),
        ("/django-admin/", None),
    ],
    [200, 302, 200, 200, 302, 200, 200, 200],
    "/admin/pages/3/edit/",
    "ada",
    ["pre_save", "post_save", "page_published", "published"],
    [
        "wagtail.signal_handlers.update_reference_index_on_save",
        "wagtail.images.signal_handlers.post_save_image_feature_detection",
        "modelsearch.signal_handlers.post_save_signal_handler",
        "wagtail.admin.mail.WorkflowStateSubmissionEmailNotifier",
    ],
)

OSCAR = Site(
    "django-oscar",
    make_oscar,
    [
        ("/catalogue/", None),
        ("/dashboard/login/", {"username": "ada", "password": PASSWORD}),
        ("/dashboard/", None),
        ("/dashboard/catalogue/categories/create/", None),
        (
            "/dashboard/catalogue/categories/create/",
            {"name": "Books", "is_public": "on", "treebeard_position": "first-child", "action": "save"},
        ),
        ("/catalogue/category/books_1/", None),
        ("/search/?q=books", None),
        ("/admin/catalogue/category/", None),
    ],
    [200, 302, 200, 200, 302, 200, 200, 200],
    "/dashboard/catalogue/categories/create/",
    "ada",
    ["pre_save", "post_save"],
    [
        "oscar.apps.catalogue.receivers.post_save_set_ancestors_are_public",
        "oscar.apps.analytics.receivers.receive_product_search",
        "haystack.signals.RealtimeSignalProcessor.handle_save",
    ],
)


@pytest.fixture(scope="module", params=[WAGTAIL, OSCAR], ids=lambda site: site.package)
def site(request: pytest.FixtureRequest) -> Site:
    chosen: Site = request.param
    return chosen


class Visited(NamedTuple):
    """A site after the same visits, bare and recorded."""

    project: Project
    bare: list[tuple[int, int, str]]
    recorded: list[tuple[int, int, str]]


@pytest.fixture(scope="module")
def visited(site: Site, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Visited:
    folder = tmp_path_factory.mktemp(site.package)
    python = environment(tmp_path_factory.mktemp("environment"), wheel, site.package)
    settings = site.make(folder, python)
    (folder / "bare.py").write_text(BARE.format(settings=settings))
    (folder / "watched.py").write_text('from bare import *\n\nINSTALLED_APPS += ["signalscope"]\n')
    bare, watched = Project(folder, python, "bare"), Project(folder, python, "watched")
    watched.manage("migrate", "--verbosity", "0")
    user = ("--noinput", "--username", "ada", "--email", "ada@example.com")
    watched.manage("createsuperuser", *user, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    shutil.copy(folder / "db.sqlite3", folder / "before.sqlite3")
    without = visit(bare, site.visits)
    shutil.copy(folder / "before.sqlite3", folder / "db.sqlite3")
    return Visited(watched, without, visit(watched, site.visits))


# A test need not wait for the disk. Wagtail marks its files with a hash of INSTALLED_APPS, which do differ.
BARE = """
from {settings} import *

WAGTAILADMIN_STATIC_FILE_VERSION_STRINGS = False

DATABASES["default"]["OPTIONS"] = {{"init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY"}}
"""


def visit(project: Project, visits: Visits) -> list[tuple[int, int, str]]:
    script = ROOT / "tests" / "visiting.py"
    told = run(project.python, script, json.dumps(visits), cwd=project.folder, **project.environment)
    return [tuple(answer) for answer in json.loads(told)]


@pytest.fixture(scope="module")
def dashboard(visited: Visited) -> Iterator[Browser]:
    with visited.project.serve() as browser:
        browser.sign_in("ada", PASSWORD)
        yield browser


def test_its_pages_answer_the_same_with_as_many_statements(site: Site, visited: Visited) -> None:
    assert [status for status, _, _ in visited.bare] == site.statuses
    for (path, _), bare, recorded in zip(site.visits, visited.bare, visited.recorded, strict=True):
        assert recorded == bare, path


def test_its_receivers_are_listed(site: Site, visited: Visited) -> None:
    lines = visited.project.manage("signals", "list").splitlines()
    listed = {word for line in lines if " sync" in line for word in line.split()}
    assert listed >= {*site.receivers}


def test_an_edit_in_its_admin_is_one_trace_of_that_request_and_user(site: Site, visited: Visited) -> None:
    entries = edit_of(site, visited)
    assert {entry["trace"] for entry in entries} == {entries[0]["trace"]}
    told = [entry for entry in entries if entry["kind"] == "origin"]
    assert (told[-1]["title"], told[-1]["user"], told[-1]["status"]) == (site.edit, site.user, "302")
    emitted = iter(str(entry.get("signal", "")).rpartition(".")[2] for entry in entries)
    assert all(signal in emitted for signal in site.emitted)


def edit_of(site: Site, visited: Visited) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = visited.project.entries()
    (trace,) = {
        entry["trace"] for entry in entries if entry.get("verb") == "POST" and entry["title"] == site.edit
    }
    return [entry for entry in entries if entry["trace"] == trace]


def test_the_dashboard_shows_its_names(site: Site, visited: Visited, dashboard: Browser) -> None:
    entries = edit_of(site, visited)
    sent = next(entry for entry in entries if entry.get("signal", "").endswith(f".{site.emitted[-1]}"))
    _, trace = dashboard.get(f"/signals/traces/{sent['trace']}/")
    _, emission = dashboard.get(f"/signals/emissions/{sent['id']}/")
    for page in (trace, emission):
        assert sent["signal"] in page
        assert sent["sender"] in page
    assert site.edit in dashboard.get("/signals/")[1]
    assert site.edit in dashboard.get("/signals/history/")[1]
    _, graph = dashboard.get("/signals/graph/?window=all")
    _, receivers = dashboard.get("/signals/receivers/")
    assert sent["signal"] in graph
    for name in site.receivers:
        assert name in graph
        assert name in receivers
