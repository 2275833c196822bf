"""Fixtures of the browser tests: daphne in a thread, a Chromium that may not complain, a login.

Run them as a pytest invocation of their own (``pytest tests/browser``): Playwright's event loop
and the one of the asynchronous unit tests do not share a process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from playwright.sync_api import BrowserContext, Page, expect

from dashboard.causality import suppressed

from . import chromium
from .complaints import Complaints
from .server import LiveServer

# Playwright runs an event loop in the test's own thread, where Django would then refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

PASSWORD = "admin"

# A shared machine may keep a page waiting; a test that passes does not get slower by this.
expect.set_options(timeout=15_000)

SignIn = Callable[[BrowserContext], None]


def pytest_configure(config: pytest.Config) -> None:
    """Let browsers leave while something is on its way to them.

    Django cancels the request then, and nobody closes the response that its middleware returns after that,
    nor the request's body where the cancelling raises (``ASGIHandler.handle`` in
    django/core/handlers/asgi.py): a static file and an empty temporary one are closed with a warning.
    """
    for left in (r"unclosed file .*[/\\]static[/\\]", r"Unclosed file <tempfile\.SpooledTemporaryFile"):
        config.addinivalue_line("filterwarnings", f"ignore:{left}:ResourceWarning")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the installed Chromium. Its sandbox needs rights that containers do not give."""
    return {**browser_type_launch_args, "executable_path": chromium.find(), "args": ["--no-sandbox"]}


@pytest.fixture(scope="session")
def daphne() -> Iterator[LiveServer]:
    """The one server of the session; tests take ``server``."""
    with override_settings(WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True):
        from config.asgi import application

    server = LiveServer(application)
    yield server
    server.close()


@pytest.fixture(scope="session")
def base_url(daphne: LiveServer) -> str:
    """Let tests write addresses without the host."""
    return daphne.url


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A desk's window."""
    return {
        **browser_context_args,
        "viewport": {"width": 1440, "height": 900},
        "locale": "en-GB",
        "timezone_id": "UTC",
    }


@pytest.fixture
def server(daphne: LiveServer, transactional_db: None, recording: None) -> Iterator[LiveServer]:
    """The demo, served with an empty database and an empty journal, recording on.

    ``stop()``, ``start()`` and ``restart()`` keep the port. What the test itself saves or sends
    is recorded too: it is the same process.
    """
    daphne.start()
    yield daphne
    daphne.stop()


@pytest.fixture
def complaints(server: LiveServer) -> Iterator[Complaints]:
    """Fails the test over any console error, page error or policy breach that it did not ``allow``."""
    complaints = Complaints()
    yield complaints
    left = complaints.take()
    assert not left, "the browser complained:\n" + "\n".join(left)


@pytest.fixture
def context(context: BrowserContext, complaints: Complaints) -> BrowserContext:
    """The test's browser window, listened to."""
    complaints.listen(context)
    return context


@pytest.fixture
def staff(server: LiveServer) -> User:
    """The demo's login, ``admin`` with ``PASSWORD``; its making is not recorded.

    The login form takes it under DEBUG only: a test that uses the form sets ``settings.DEBUG``.
    """
    with suppressed():
        return User.objects.create_superuser("admin", "admin@example.org", PASSWORD)


@pytest.fixture
def sign_in(server: LiveServer, staff: User) -> SignIn:
    """Sign the staff user in to a browser context, without the form and without a record."""

    def sign_in(context: BrowserContext) -> None:
        client = Client()
        with suppressed():
            client.force_login(staff)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])

    return sign_in


@pytest.fixture
def staff_page(context: BrowserContext, page: Page, sign_in: SignIn) -> Page:
    """A tab in which ``admin`` is signed in."""
    sign_in(context)
    return page


@pytest.fixture
def second_tab(context: BrowserContext, staff_page: Page) -> Page:
    """Another tab of the same window, signed in as well."""
    return context.new_page()
