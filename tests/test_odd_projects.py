"""Projects with unusual settings: a page saves a row, and pages and commands show what was saved."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from zoneinfo import ZoneInfo

import pytest

from benchmarks.sockets import Page

from . import odd_projects
from .servers import get, until

STAFF = {"username": "ada", "is_staff": True}

NO_ZONES = """
USE_I18N = USE_TZ = False
TIME_ZONE = "America/St_Johns"
"""

GERMAN = """
TIME_ZONE = "Europe/Berlin"
LANGUAGE_CODE = "de"
USE_THOUSAND_SEPARATOR = True
"""

OWN_USER = """
AUTH_USER_MODEL = "shop.Customer"
SIGNALSCOPE = {"ACCESS": "shop.models.is_trusted"}
INSTALLED_APPS.remove("django.contrib.admin")
"""

CUSTOMER = """
import uuid
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager

class Customer(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    trusted = models.BooleanField(default=False)
    objects = BaseUserManager()
    USERNAME_FIELD = "email"

def is_trusted(user):
    return getattr(user, "trusted", False)
"""

NO_ACCOUNTS = """
INSTALLED_APPS = [
    app for app in INSTALLED_APPS if app.rpartition(".")[2] not in ("admin", "auth", "sessions", "messages")
]
MIDDLEWARE = [one for one in MIDDLEWARE if not one.startswith("django.contrib")]
TEMPLATES[0]["OPTIONS"]["context_processors"] = []
"""

OPEN = """
SIGNALSCOPE = {"ACCESS": "shop.models.anybody"}
"""

ROUTED = """
DATABASES["parcels"] = {**DATABASES["default"], "NAME": BASE_DIR / "parcels.sqlite3"}
DATABASE_ROUTERS = ["shop.models.Router"]
for database in DATABASES.values():
    database["ATOMIC_REQUESTS"] = True
"""

ROUTER = """
class Router:
    def db_for_read(self, model, **hints):
        return "parcels" if model._meta.app_label == "shop" else "default"

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return (db == "parcels") == (app_label == "shop")
"""

BELOW = """
FORCE_SCRIPT_NAME = "/below"
"""


class Odd(NamedTuple):
    """What is unusual in a project, and who may look there."""

    settings: str
    models: str = ""
    user: dict[str, Any] = STAFF
    zone: str = "UTC"


PROJECTS = {
    "no zones, no translations": Odd(NO_ZONES, zone="America/St_Johns"),
    "german": Odd(GERMAN, zone="Europe/Berlin"),
    "below a script name": Odd(BELOW),
    "its own user model, no admin": Odd(OWN_USER, CUSTOMER, {"email": "ada@example.com", "trusted": True}),
    "no accounts": Odd(NO_ACCOUNTS + OPEN, user={}),
    "two databases": Odd(ROUTED, ROUTER),
}

TRACES_FOLDED = {"live", "history"}
"""Pages that show of a trace what started it, until one looks closer."""


@pytest.mark.parametrize("name", PROJECTS)
def test_what_a_page_saved_is_on_the_pages_and_in_the_commands(name: str, tmp_path: Path) -> None:
    odd = PROJECTS[name]
    project = odd_projects.make(tmp_path, odd.settings, odd.models)
    visit = odd_projects.visit(project, odd.user)
    for page, (status, location, text) in visit.pages.items():
        assert (status, location) == (200, ""), page
        assert ("/pack/notes/" if page in TRACES_FOLDED else "shop.Parcel") in text, page
    told = odd_projects.ask(project, visit.trace)
    assert "no issues" in told.check
    assert [entry["signal"] for entry in told.entries] == [f"{MODELS}.pre_save", f"{MODELS}.post_save"]
    at = datetime.fromisoformat(told.entries[-1]["at"]).astimezone(ZoneInfo(odd.zone))
    assert f"{at:%Y-%m-%d %H:%M:%S.%f %Z}" in visit.pages["emission"][2]
    assert "shop.models.weigh" in told.receivers


MODELS = "django.db.models.signals"


# --- below a script name -------------------------------------------------------------------------


class Reader(Page):
    """A page that keeps what the socket sends it."""

    text = ""

    def _take(self, text: str) -> None:
        self.text += text
        super()._take(text)


def links(markup: str) -> set[str]:
    """Return where markup leads or gets something from, within its host."""
    return set(re.findall(r'(?:href|src|action|hx-get|hx-post|ws-connect)="(/[^"?]*)', markup))


async def test_below_a_script_name_pages_files_and_socket_stay_below_it(tmp_path: Path) -> None:
    project = odd_projects.make(tmp_path, BELOW + OPEN)
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    with odd_projects.serving(project) as port:
        get(port, "/below/pack/notes/")
        page = get(port, "/below/signals/")
        led = links(page)
        assert {"/below/signals/graph/", "/below/ws/signals/"} <= led
        assert not [path for path in led if not path.startswith("/below/")]
        for path in led:
            if path.startswith("/below/static/"):
                get(port, path)
        reader = Reader()
        await reader.open(port, "", "none:0", path="/below/ws/signals/")
        get(port, "/below/pack/more/")
        await asyncio.to_thread(until, lambda: "shop.Parcel" in reader.text)
        await reader.close()
        assert links(reader.text)
        assert not [path for path in links(reader.text) if not path.startswith("/below/")]
    asked = [entry["title"] for entry in project.entries("origin:request") if entry["kind"] == "origin"]
    assert asked == ["/pack/notes/", "/pack/notes/", "/pack/more/", "/pack/more/"]


# --- without accounts ----------------------------------------------------------------------------


def test_without_accounts_a_check_and_the_pages_say_why_nobody_may_look(tmp_path: Path) -> None:
    project = odd_projects.make(tmp_path, NO_ACCOUNTS)
    visit = odd_projects.visit(project, {})
    for page, (status, _, text) in visit.pages.items():
        assert status == 403, page
        assert "Nobody can sign in here" in text
    with pytest.raises(AssertionError, match="signalscope.W005"):
        project.manage("check", "--fail-level", "WARNING")
    assert len(project.entries(f"trace:{visit.trace} sender:shop.Parcel")) == 2


async def test_without_accounts_the_socket_follows_for_whom_access_lets_in(tmp_path: Path) -> None:
    project = odd_projects.make(tmp_path, NO_ACCOUNTS + OPEN)
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    with odd_projects.serving(project) as port:
        reader = Reader()
        await reader.open(port, "", "none:0")
        get(port, "/pack/notes/")
        await asyncio.to_thread(until, lambda: "shop.Parcel" in reader.text)
        await reader.close()


def test_without_is_staff_a_check_and_the_pages_say_that_access_has_to_decide(tmp_path: Path) -> None:
    project = odd_projects.make(tmp_path, OWN_USER + "SIGNALSCOPE = {}", CUSTOMER)
    visit = odd_projects.visit(project, {"email": "ada@example.com"})
    for page, (status, _, text) in visit.pages.items():
        assert status == 403, page
        assert "users have no is_staff" in text
    with pytest.raises(AssertionError, match="W010.*'shop.Customer', has no 'is_staff'"):
        project.manage("check", "--fail-level", "WARNING")


# --- files elsewhere -----------------------------------------------------------------------------


def test_nothing_is_written_into_the_projects_folder_where_the_journal_is_elsewhere(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    project = odd_projects.make(folder, ELSEWHERE.format(elsewhere=elsewhere))
    project.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    before = set(folder.rglob("*"))
    folder.chmod(0o555)
    try:
        visit = odd_projects.visit(project, STAFF)
        told = odd_projects.ask(project, visit.trace)
    finally:
        folder.chmod(0o755)
    assert "no issues" in told.check
    assert len(told.entries) == 2
    assert {page for page, (status, _, _) in visit.pages.items() if status != 200} == set()
    assert set(folder.rglob("*")) == before
    assert (elsewhere / "journal.sqlite3").exists()


ELSEWHERE = """
DATABASES["default"]["NAME"] = "{elsewhere}/app.sqlite3"
SIGNALSCOPE = {{"JOURNAL": "sqlite:///{elsewhere}/journal.sqlite3"}}
"""


# --- signals serve -------------------------------------------------------------------------------

OWN_SESSIONS = """
FORCE_SCRIPT_NAME = "/below"
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = "/below/"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
INSTALLED_APPS.remove("django.contrib.sessions")
"""

TRUST = """
from django.contrib.auth.hashers import make_password
from shop.models import Customer, Parcel
Customer.objects.create(email="ada@example.com", trusted=True, password=make_password("lovelace"))
Parcel.objects.create(name="notes")
"""


def test_serve_signs_in_users_and_sessions_of_the_projects_own(tmp_path: Path) -> None:
    project = odd_projects.make(tmp_path, OWN_USER + OWN_SESSIONS, CUSTOMER)
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    project.manage("shell", "--command", TRUST)
    with project.serve() as browser:
        url, page = browser.sign_in("ada@example.com", "lovelace")
        assert url == "/signals/"
        assert "shell" in page
        assert not [path for path in links(page) if path.startswith("/below/")]
        assert "shop.Parcel" in browser.get("/signals/?layout=flat")[1]


def test_serve_says_why_nobody_may_look_where_there_are_no_accounts(tmp_path: Path) -> None:
    project = odd_projects.make(tmp_path, NO_ACCOUNTS)
    project.manage("migrate", "--run-syncdb", "--verbosity", "0")
    with project.serve() as browser:
        with pytest.raises(HTTPError) as refused:
            browser.get("/signals/")
        assert refused.value.code == 403
        assert "Nobody can sign in here" in refused.value.read().decode()
