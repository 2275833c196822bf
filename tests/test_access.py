"""Who may look: the rule, a rule of the project's own, a broken one, and what others are answered."""

from __future__ import annotations

import asyncio
import logging
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from dashboard import access
from dashboard.causality import SUPPRESSED, current

STAFF = User(username="staff", is_staff=True)
FORMER = User(username="former", is_staff=True, is_active=False)
READER = User(username="<b>reader</b>")
ANONYMOUS = AnonymousUser()


def only_readers(user: Any) -> bool:
    return "reader" in user.username


def everybody(user: Any) -> bool:
    return True


def raises(user: Any) -> bool:
    raise RuntimeError("no directory server")


async def is_async(user: Any) -> bool:
    return False


def returns_a_coroutine(user: Any) -> Any:
    return is_async(user)


not_callable = "text"


def use(settings: LazySettings, rule: str) -> None:
    settings.SIGNALSCOPE = {"ACCESS": f"{__name__}.{rule}"}


@pytest.fixture(autouse=True)
def _defaults(settings: LazySettings) -> None:
    settings.SIGNALSCOPE = {}
    settings.LOGIN_URL = "/accounts/login/"


# --- the rule --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "expected"), [(STAFF, True), (FORMER, False), (READER, False), (ANONYMOUS, False), (None, False)]
)
def test_active_staff_may_look_and_nobody_else(user: Any, expected: bool) -> None:
    assert access.allowed(user) is expected


def test_a_rule_of_the_project_replaces_the_default(settings: LazySettings) -> None:
    use(settings, "only_readers")

    assert access.allowed(READER) is True
    assert access.allowed(STAFF) is False


@pytest.mark.parametrize("rule", ["missing", "not_callable", "is_async", "returns_a_coroutine"])
def test_a_rule_that_cannot_be_used_lets_nobody_in(settings: LazySettings, rule: str) -> None:
    use(settings, rule)

    assert not any(access.allowed(user) for user in (STAFF, READER, ANONYMOUS, None))


@pytest.mark.parametrize("path", ["no.such.module.rule", "nodots", "..", "os.path"])
def test_a_path_that_leads_nowhere_lets_nobody_in(settings: LazySettings, path: str) -> None:
    settings.SIGNALSCOPE = {"ACCESS": path}

    assert not access.allowed(STAFF)
    assert path in access.resolve().problem


def test_a_rule_that_raises_lets_nobody_in_and_is_logged(
    settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, "raises")

    with caplog.at_level(logging.ERROR):
        assert not access.allowed(STAFF)

    assert "no directory server" in caplog.text


# --- views -----------------------------------------------------------------------------------


def page(request: HttpRequest, name: str = "") -> HttpResponse:
    assert current.get() is SUPPRESSED
    return HttpResponse(f"page {name}")


async def async_page(request: HttpRequest, name: str = "") -> HttpResponse:
    assert current.get() is SUPPRESSED
    return HttpResponse(f"page {name}")


def request_by(user: Any, path: str = "/signals/", **headers: str) -> HttpRequest:
    request = RequestFactory().get(path, headers=headers)
    if user is not None:
        request.user = user
    return request


def answer(kind: str, request: HttpRequest, **kwargs: Any) -> HttpResponse:
    if kind == "sync":
        response: HttpResponse = access.required(page)(request, **kwargs)
        return response

    async def run() -> HttpResponse:
        awaited: HttpResponse = await access.required(async_page)(request, **kwargs)
        return awaited

    return asyncio.run(run())


KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


@KINDS
def test_who_may_look_reaches_the_view_with_its_arguments(kind: str) -> None:
    response = answer(kind, request_by(STAFF), name="live")

    assert (response.status_code, response.content) == (200, b"page live")
    assert current.get() is None


@KINDS
def test_who_is_not_signed_in_is_sent_to_the_login_page_and_back(kind: str) -> None:
    response = answer(kind, request_by(ANONYMOUS, "/signals/?q=is%3Aerror&flat=1"))

    assert response.status_code == 302
    location = urlsplit(response.headers["Location"])
    assert location.path == "/accounts/login/"
    assert parse_qs(location.query) == {"next": ["/signals/?q=is%3Aerror&flat=1"]}


def test_a_login_url_may_be_a_view_s_name_or_have_a_query(settings: LazySettings) -> None:
    settings.LOGIN_URL = "/login/?tenant=1"
    location = answer("sync", request_by(ANONYMOUS)).headers["Location"]

    assert parse_qs(urlsplit(location).query) == {"tenant": ["1"], "next": ["/signals/"]}

    settings.LOGIN_URL = "admin:login"
    assert answer("sync", request_by(ANONYMOUS)).headers["Location"].startswith("/admin/login/?next=")


def test_a_login_url_that_names_no_view_is_explained(settings: LazySettings) -> None:
    settings.LOGIN_URL = "no_such_view"
    response = answer("sync", request_by(ANONYMOUS))

    assert response.status_code == 403
    assert "&#x27;no_such_view&#x27;, names no view" in response.content.decode()


@KINDS
def test_where_requests_have_no_user_the_page_says_so_instead_of_asking_to_sign_in(kind: str) -> None:
    response = answer(kind, request_by(None))
    text = response.content.decode()

    assert response.status_code == 403
    assert "Nobody can sign in here" in text
    assert "django.contrib.auth" in text
    assert "[&#x27;ACCESS&#x27;]" in text


def test_htmx_is_told_to_load_the_login_page_and_to_come_back_to_the_page_it_stands_on() -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/signals/?q=slow"}
    response = answer("sync", request_by(ANONYMOUS, "/signals/rows/b3/", **headers))

    assert response.status_code == 200
    assert response.headers["HX-Redirect"] == "/accounts/login/?next=%2Fsignals%2F%3Fq%3Dslow"
    assert "Location" not in response.headers


@pytest.mark.parametrize("current_url", ["", "nonsense", "javascript:alert(1)", "https://evil.example"])
def test_htmx_with_a_strange_current_address_comes_back_to_what_it_asked_for(current_url: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": current_url}
    response = answer("sync", request_by(ANONYMOUS, "/signals/rows/b3/", **headers))

    assert response.headers["HX-Redirect"] == "/accounts/login/?next=%2Fsignals%2Frows%2Fb3%2F"


@KINDS
def test_who_is_signed_in_and_not_allowed_gets_403_and_reads_what_is_needed(kind: str) -> None:
    response = answer(kind, request_by(READER))
    text = response.content.decode()

    assert response.status_code == 403
    assert "open to active staff users" in text
    assert "&lt;b&gt;reader&lt;/b&gt;" in text
    assert "<b>" not in text
    assert 'href="/accounts/login/?next=%2Fsignals%2F"' in text


def test_a_refusal_by_the_project_s_rule_says_so(settings: LazySettings) -> None:
    use(settings, "only_readers")
    text = answer("sync", request_by(STAFF)).content.decode()

    assert "does not let staff in" in text


def test_a_refusal_because_of_a_broken_rule_names_the_command_that_explains(settings: LazySettings) -> None:
    use(settings, "missing")
    text = answer("sync", request_by(STAFF)).content.decode()

    assert "manage.py check" in text


def test_a_rule_may_let_in_who_is_not_signed_in(settings: LazySettings) -> None:
    use(settings, "everybody")

    assert answer("sync", request_by(ANONYMOUS)).status_code == 200
    assert answer("sync", request_by(None)).status_code == 200


@pytest.mark.parametrize("view", [page, async_page])
def test_django_s_login_required_middleware_leaves_the_decision_to_the_rule(view: Any) -> None:
    decorated = access.required(view)

    assert decorated.login_required is False  # type: ignore[attr-defined]
    assert not hasattr(view, "login_required")
    assert decorated.__name__ == view.__name__
    assert iscoroutinefunction(decorated) is iscoroutinefunction(view)
