"""Beside real applications from PyPI: Wagtail's starter site and an Oscar shop, with and without Signalscope.

Comes in: the wheel, and the newest releases that pip finds for this Python. Goes out: their pages answer the
same with as many SQL statements, their receivers are listed, and what a request of theirs sends is one trace.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .packaged import ROOT, Browser, Project, environment, run

PASSWORD = "lovelace"
Visits = list[tuple[str, dict[str, str] | None]]
Answers = list[tuple[int, int, str]]


class Told(NamedTuple):
    """What a request must be told as: its path, a pattern of its user, what it sends, in that order."""

    path: str
    user: str
    emitted: list[str]
    verb: str = "POST"


class Site(NamedTuple):
    """A real application: how its project is made and filled, what is visited, and what must be seen of it.

    ``make`` writes the project into a folder and returns its settings module; ``seed`` is source that fills
    its database. ``shown`` is the path of a page that has the word *Edited* afterwards; the last of ``told``
    is the edit. ``receivers`` are among those that Signalscope lists.
    """

    packages: list[str]
    make: Callable[[Path, Path], str]
    seed: str
    visits: Visits
    statuses: list[int]
    shown: str
    told: list[Told]
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

INSTALLED_APPS = [*oscar.INSTALLED_APPS]
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
INSTALLED_APPS += ["sorl.thumbnail"]


class NoMigrations(dict):
    # Tables are made from the models as they are: the history of an empty shop tells nothing.
    def __contains__(self, app):
        return True

    def __getitem__(self, app):
        return None


MIGRATION_MODULES = NoMigrations()
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

MIGRATE = """
from django.core.management import call_command

call_command("migrate", run_syncdb=True, verbosity=0)
"""

ADMIN = f"""
from django.contrib.auth.models import User

User.objects.create_superuser("ada", "ada@example.com", "{PASSWORD}")
"""

PRODUCT = """
from oscar.core.loading import get_model

book = get_model("catalogue", "ProductClass").objects.create(name="Book", track_stock=False)
notes = get_model("catalogue", "Product").objects.create(title="Notes", product_class=book)
press = get_model("partner", "Partner").objects.create(name="Press")
get_model("partner", "StockRecord").objects.create(product=notes, partner=press, partner_sku="1", price=5)
"""

WAGTAIL = Site(
    ["wagtail"],
    make_wagtail,
    ADMIN,
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
    "/",
    [Told("/admin/pages/3/edit/", "ada", ["pre_save", "post_save", "page_published", "published"])],
    [
        "wagtail.signal_handlers.update_reference_index_on_save",
        "wagtail.images.signal_handlers.post_save_image_feature_detection",
        "modelsearch.signal_handlers.post_save_signal_handler",
        "wagtail.admin.mail.WorkflowStateSubmissionEmailNotifier",
    ],
)

NEW_USER = {"email": "mary@example.com", "password1": "Somerville-1831", "password2": "Somerville-1831"}
NEW_NAME = r"[\w-]{30}"  # Oscar draws one for who has an e-mail address only.

EDITED_PRODUCT = {
    "title": "Edited notes",
    "structure": "standalone",
    "is_public": "on",
    "productcategory_set-0-category": "1",
    **{
        f"{formset}-{count}_FORMS": "1" if (formset, count) == ("productcategory_set", "TOTAL") else "0"
        for formset in ("productcategory_set", "images", "primary_recommendations", "stockrecords")
        for count in ("TOTAL", "INITIAL")
    },
    "action": "save",
}

OSCAR = Site(
    ["django-oscar[sorl-thumbnail]"],
    make_oscar,
    ADMIN + PRODUCT,
    [
        ("/catalogue/", None),
        ("/accounts/register/", NEW_USER),
        ("/catalogue/notes_1/", None),
        ("/basket/add/1/", {"quantity": "2"}),
        ("/basket/", None),
        ("/dashboard/login/", {"username": "ada", "password": PASSWORD}),
        ("/dashboard/", None),
        ("/dashboard/catalogue/categories/create/", None),
        (
            "/dashboard/catalogue/categories/create/",
            {"name": "Edited", "is_public": "on", "treebeard_position": "first-child", "action": "save"},
        ),
        ("/dashboard/catalogue/products/1/", None),
        ("/dashboard/catalogue/products/1/", EDITED_PRODUCT),
        ("/catalogue/category/edited_1/", None),
        ("/search/?q=edited", None),
        ("/admin/catalogue/product/", None),
    ],
    [200, 302, 200, 302, 200, 302, 200, 200, 302, 200, 302, 200, 200, 200],
    "/catalogue/category/edited_1/",
    [
        Told("/accounts/register/", NEW_NAME, ["user_registered"]),
        # Its receiver saves that this user saw the product: what a signal causes stands before it.
        Told("/catalogue/notes_1/", NEW_NAME, ["post_save", "product_viewed"], "GET"),
        Told("/basket/add/1/", NEW_NAME, ["post_save", "basket_addition"]),
        Told("/dashboard/catalogue/categories/create/", "ada", ["pre_save", "post_save"]),
        Told("/dashboard/catalogue/products/1/", "ada", ["pre_save", "post_save", "pre_save", "post_save"]),
    ],
    [
        "oscar.apps.catalogue.receivers.post_save_set_ancestors_are_public",
        "oscar.apps.analytics.receivers.receive_product_view",
        "haystack.signals.RealtimeSignalProcessor.handle_save",
    ],
)


@pytest.fixture(scope="module", params=[WAGTAIL, OSCAR], ids=["wagtail", "oscar"])
def site(request: pytest.FixtureRequest) -> Site:
    chosen: Site = request.param
    return chosen


class Visited(NamedTuple):
    """A site after the same visits, bare and recorded, and the journal's entries of these."""

    project: Project
    bare: Answers
    recorded: Answers
    entries: list[dict[str, Any]]

    def told(self, told: Told) -> list[dict[str, Any]]:
        """Return the entries of the one trace that a request began."""
        (trace,) = {
            entry["trace"]
            for entry in self.entries
            if (entry.get("verb"), entry.get("title")) == (told.verb, told.path)
        }
        return [entry for entry in self.entries if entry["trace"] == trace]


@pytest.fixture(scope="module")
def visited(site: Site, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Visited:
    folder = tmp_path_factory.mktemp("project")
    python = environment(tmp_path_factory.mktemp("environment"), wheel, *site.packages)
    settings = site.make(folder, python)
    (folder / "bare.py").write_text(BARE.format(settings=settings))
    (folder / "watched.py").write_text('from bare import *\n\nINSTALLED_APPS += ["signalscope"]\n')
    bare, watched = Project(folder, python, "bare"), Project(folder, python, "watched")
    # In a process of its own: what it leaves in caches would spare the first visits statements.
    bare.manage("shell", "--command", MIGRATE + site.seed)
    shutil.copy(folder / "db.sqlite3", folder / "before.sqlite3")
    without = visit(bare, site.visits)
    shutil.copy(folder / "before.sqlite3", folder / "db.sqlite3")
    recorded = visit(watched, site.visits)
    return Visited(watched, without, recorded, watched.entries())


# A test need not wait for the disk, nor for a slow hash. Wagtail marks its files with a hash of
# INSTALLED_APPS, which do differ.
BARE = """
from {settings} import *

WAGTAILADMIN_STATIC_FILE_VERSION_STRINGS = False

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["OPTIONS"] = {{"init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY"}}
"""


def visit(project: Project, visits: Visits) -> Answers:
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
    pages = {path: body for (path, _), (_, _, body) in zip(site.visits, visited.recorded, strict=True)}
    assert "Edited" in pages[site.shown]


def test_its_receivers_are_listed(site: Site, visited: Visited) -> None:
    lines = visited.project.manage("signals", "list").splitlines()
    listed = {word for line in lines if " sync" in line for word in line.split()}
    assert listed >= {*site.receivers}


def test_what_a_request_sends_is_one_trace_of_that_request_and_user(site: Site, visited: Visited) -> None:
    statuses = {path: status for (path, _), status in zip(site.visits, site.statuses, strict=True)}
    for told in site.told:
        entries = visited.told(told)
        (origin,) = [entry for entry in entries if entry["kind"] == "origin" and entry["state"] == "closed"]
        assert origin["title"] == told.path
        assert re.fullmatch(told.user, origin["user"])
        assert origin["status"] == str(statuses[told.path])
        emitted = iter([str(entry.get("signal", "")).rpartition(".")[2] for entry in entries])
        assert all(signal in emitted for signal in told.emitted), told


def test_the_dashboard_shows_its_names(site: Site, visited: Visited, dashboard: Browser) -> None:
    _, graph = dashboard.get("/signals/graph/?window=all")
    _, receivers = dashboard.get("/signals/receivers/")
    _, live = dashboard.get("/signals/")
    _, history = dashboard.get("/signals/history/")
    for told in site.told:
        sent = next(
            entry for entry in visited.told(told) if entry.get("signal", "").endswith(f".{told.emitted[-1]}")
        )
        _, trace = dashboard.get(f"/signals/traces/{sent['trace']}/")
        _, emission = dashboard.get(f"/signals/emissions/{sent['id']}/")
        for page in (trace, emission):
            assert sent["signal"] in page
            assert sent["sender"] in page
        assert sent["signal"] in graph
        assert told.path in live
        assert told.path in history
    for name in site.receivers:
        assert name in graph
        assert name in receivers
