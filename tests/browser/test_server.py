"""The server that the browser tests run against: the same process, a port that stays, a clean end."""

from __future__ import annotations

from urllib.error import URLError
from urllib.request import urlopen

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect

from dashboard import pipeline
from dashboard.events import Emission
from demo_app.models import Tag

from .conftest import PASSWORD
from .server import LiveServer


def test_the_server_answers_again_on_its_port_after_a_stop(server: LiveServer) -> None:
    server.stop()
    with pytest.raises(URLError):
        urlopen(server.url, timeout=2)  # noqa: S310

    server.start()

    with urlopen(f"{server.url}/admin/login/", timeout=5) as answer:  # noqa: S310
        assert answer.status == 200


def test_the_login_form_lets_the_staff_user_in(page: Page, staff: object, settings: LazySettings) -> None:
    settings.DEBUG = True
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    expect(page.locator("#user-tools")).to_contain_text("admin", ignore_case=True)


def test_both_tabs_are_signed_in_without_a_trace(staff_page: Page, second_tab: Page) -> None:
    pipeline.flush()
    assert pipeline.journal().head().seq == 0

    for tab in (staff_page, second_tab):
        tab.goto("/admin/")
        expect(tab.locator("#user-tools")).to_be_visible()


def test_what_the_test_saves_is_recorded(server: LiveServer) -> None:
    Tag.objects.create(name="tides", slug="tides")
    pipeline.flush()

    found = pipeline.journal().read(0, 100)

    assert [e.sender for e in found if isinstance(e, Emission) and e.name == "post_save"] == ["demo_app.Tag"]
