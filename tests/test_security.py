"""Headers of every answer, and who gets one; and the links that the admin shows to whom may look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser, Group, User
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine, Template
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, URLPattern

from dashboard import pipeline, security, urls
from dashboard.causality import SUPPRESSED, current
from dashboard.journal import open_journal
from dashboard.journal.base import Journal

from .samples import admin_add

LIBRARY = "dashboard.templatetags.signalscope"
STAFF = User(username="staff", is_staff=True)
ADDRESSES = [
    "/signals/",
    "/signals/rows/x/",
    "/signals/emissions/x/",
    "/signals/graph/",
    "/signals/graph/nodes/x/",
]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    held = open_journal(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    held.append(admin_add())
    monkeypatch.setattr(pipeline, "journal", lambda: held)
    yield held
    held.close()


def ask(view: Any, user: Any = STAFF, path: str = "/signals/", **headers: str) -> HttpResponse:
    request = RequestFactory().get(path, headers=headers)
    request.user = user
    response = view(request)
    assert isinstance(response, HttpResponse)
    return response


def test_the_policy_allows_nothing_but_this_host() -> None:
    assert security.policy() == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize(
    ("url", "added"),
    [
        ("https://cdn.example/static/", " https://cdn.example"),
        ("//cdn.example:8443/static/", " cdn.example:8443"),
        ("/static/", ""),
        ("https://x;script-src *;/", ""),
    ],
)
def test_static_files_of_another_host_are_allowed_from_there(
    settings: LazySettings, url: str, added: str
) -> None:
    settings.STATIC_URL = url
    assert f"script-src 'self'{added}; style-src 'self'{added}; " in security.policy()


def test_every_answer_carries_the_headers_and_is_not_recorded() -> None:
    seen = []

    @security.guarded
    def view(request: HttpRequest) -> HttpResponse:
        seen.append(current.get())
        return HttpResponse("ok", headers={"Vary": "Accept"})

    response = ask(view)
    assert response.headers["Content-Security-Policy"] == security.policy()
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Vary"] == "Accept, HX-Request, Cookie"
    assert seen == [SUPPRESSED]


def test_a_response_that_renders_later_is_rendered_while_nothing_is_recorded() -> None:
    seen = []

    class Watching(TemplateResponse):
        def render(self) -> Watching:
            seen.append(current.get())
            self.content = b"rendered"
            return self

    @security.guarded
    def view(request: HttpRequest) -> HttpResponse:
        return Watching(request, "never.html")

    assert ask(view).content == b"rendered"
    assert seen == [SUPPRESSED]


def test_refusals_carry_the_policy_too() -> None:
    @security.guarded
    def view(request: HttpRequest) -> HttpResponse:
        raise AssertionError("refused users must not get here")

    assert ask(view, AnonymousUser()).status_code == 302
    refused = ask(view, User(username="reader"))
    assert refused.status_code == 403
    assert refused.headers["Content-Security-Policy"] == security.policy()


def test_htmx_is_sent_to_the_login_instead_of_swapping_it_in() -> None:
    @security.guarded
    def view(request: HttpRequest) -> HttpResponse:
        raise AssertionError

    response = ask(
        view, AnonymousUser(), **{"HX-Request": "true", "HX-Current-URL": "http://testserver/signals/?q=a"}
    )
    assert response.headers["HX-Redirect"] == "/admin/login/?next=%2Fsignals%2F%3Fq%3Da"


def test_every_page_is_guarded() -> None:
    patterns = [one for one in urls.urlpatterns if isinstance(one, URLPattern)]
    names = {pattern.name for pattern in patterns}
    assert {"live", "rows", "emission", "graph", "node", "sessions", "import", "delete", "compare"} <= names
    for pattern in patterns:
        assert pattern.callback is not None
        response = pattern.callback(_anonymous(), **dict.fromkeys(pattern.pattern.converters, "x"))
        assert response.status_code == 302, pattern.name
        assert "Content-Security-Policy" in response.headers, pattern.name


def _anonymous() -> HttpRequest:
    request = RequestFactory().get("/signals/")
    request.user = AnonymousUser()
    return request


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_strangers_sign_in_and_readers_are_refused(client: Client, journal: Journal, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/admin/login/?next=")
    client.force_login(User.objects.create_user("reader"))
    assert client.get(address).status_code == 403


# --- in the admin --------------------------------------------------------------------------------


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("ada", password="x")


def test_the_admin_leads_to_the_live_page(client: Client, staff: User) -> None:
    client.force_login(staff)
    page = client.get("/admin/").content.decode()
    assert '<a href="/signals/">Signals</a>' in page
    assert "Log out" in page, "the admin's own links stay"


def test_a_change_form_leads_to_the_signals_of_its_object(client: Client, staff: User) -> None:
    client.force_login(staff)
    page = client.get(f"/admin/auth/user/{staff.pk}/change/").content.decode()
    address = f"/signals/?q=sender%3A%3Dauth.User+pk%3A{staff.pk}"
    assert f'<a href="{address}">Signals of this object</a>' in page
    assert "historylink" in page, "the admin's own buttons stay"


def test_the_admin_shows_no_link_to_whom_may_not_look(client: Client, staff: User, settings: Any) -> None:
    settings.SIGNALSCOPE = {"ACCESS": f"{__name__}.nobody"}
    client.force_login(staff)
    assert "/signals/" not in client.get("/admin/").content.decode()
    assert "/signals/" not in client.get(f"/admin/auth/user/{staff.pk}/change/").content.decode()


def nobody(user: Any) -> bool:
    return False


def test_the_admin_works_where_the_pages_are_not_mounted(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise NoReverseMatch(name)

    monkeypatch.setattr("dashboard.templatetags.signalscope.reverse", missing)
    request = rf.get("/admin/")
    request.user = STAFF
    template = Template("{% load signalscope %}[{% signalscope_url %}{% signalscope_object_url %}]")
    assert (
        template.render(Context({"request": request, "original": Group(pk=3), "opts": Group._meta})) == "[]"
    )


@pytest.mark.parametrize(
    "context", [{}, {"user": AnonymousUser()}, {"user": STAFF, "original": None, "opts": None}]
)
def test_a_page_without_an_object_has_no_link_to_its_signals(context: dict[str, Any]) -> None:
    template = Template("{% load signalscope %}[{% signalscope_object_url %}]")
    assert template.render(Context(context)) == "[]"


def test_a_key_with_spaces_and_quotes_is_quoted_in_the_link() -> None:
    template = Template("{% load signalscope %}{% signalscope_object_url %}")
    shown = template.render(Context({"user": STAFF, "original": Group(pk='a "b'), "opts": Group._meta}))
    assert shown == "/signals/?q=sender%3A%3Dauth.Group+pk%3A%22a+%22%22b%22"


@pytest.mark.parametrize("name", ["admin/base.html", "admin/change_form_object_tools.html"])
def test_the_admins_templates_keep_what_a_theme_put_there(name: str, tmp_path: Path) -> None:
    theme = "<h1>A theme</h1>{% block userlinks %}theirs{% endblock %}{% block object-tools-items %}"
    (tmp_path / "admin").mkdir()
    (tmp_path / name).write_text(theme + "{% endblock %}")
    own = Path(__file__).parent.parent / "templates"
    engine = Engine(dirs=[str(own), str(tmp_path)], libraries={"signalscope": LIBRARY})
    shown = engine.get_template(name).render(Context({"user": STAFF}))
    assert shown.strip().startswith("<h1>A theme</h1>")
    assert "theirs" in shown
