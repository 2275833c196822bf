"""The trace page as a person uses it."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from .test_live import elsewhere, open_live, traces


@pytest.fixture
def rolled_back(staff_page: Page) -> Page:
    """The page of a trace whose transaction was rolled back after a letter went out."""
    elsewhere(lambda: call_command("scenario", "rolled-back", verbosity=0))
    open_live(staff_page)
    trace = traces(staff_page, "scenario", "manage.py")
    expect(trace).to_contain_text("rolled back")
    trace.get_by_role("link", name="scenario").first.click()
    expect(staff_page).to_have_url(re.compile("/signals/traces/[0-9a-f]{32}/"))
    return staff_page


def test_a_rolled_back_trace_says_what_the_rollback_did_not_take_back(rolled_back: Page) -> None:
    expect(rolled_back.locator("#trace-body")).to_contain_text("mail to 1 recipient is out")
    row = rolled_back.locator(".row-call", has_text="thank_by_mail").first
    row.click()
    expect(rolled_back.locator("#inspector")).to_contain_text("rolled back")
    expect(rolled_back.locator("#inspector")).to_contain_text("Did not run")


def test_on_a_phone_the_rows_are_there_to_be_touched(rolled_back: Page) -> None:
    rolled_back.set_viewport_size({"width": 390, "height": 844})
    rolled_back.locator(".row-call", has_text="thank_by_mail").first.click()
    expect(rolled_back.locator("#inspector")).to_contain_text("thank_by_mail")


def test_short_emissions_can_be_hidden_by_an_address(rolled_back: Page) -> None:
    rows = rolled_back.locator(".row-emission, .row-call")
    every = rows.count()
    rolled_back.goto(f"{rolled_back.url.partition('?')[0]}?min=1000")
    expect(rolled_back.locator("#trace-body")).to_be_visible()
    assert rows.count() < every


@pytest.mark.parametrize(
    ("name", "key"), [("Chrome trace", "traceEvents"), ("OpenTelemetry", "resourceSpans")]
)
def test_a_trace_can_be_taken_away_as_a_file(rolled_back: Page, name: str, key: str) -> None:
    with rolled_back.expect_download() as download:
        rolled_back.get_by_role("link", name=name).click()
    assert json.loads(download.value.path().read_text())[key]


def test_the_filter_of_the_rows_completes(staff_page: Page) -> None:
    elsewhere(lambda: call_command("scenario", "rolled-back", verbosity=0))
    open_live(staff_page)
    address = traces(staff_page, "scenario").locator(".row-origin").get_attribute("data-href")
    staff_page.goto(f"{address}")
    staff_page.keyboard.press("/")
    staff_page.keyboard.type("is:err")
    expect(staff_page.locator("#completions [role=option]").first).to_contain_text("error")
    staff_page.keyboard.press("ArrowDown")
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator("#query")).to_have_value("is:error ")
    expect(staff_page).to_have_url(re.compile(r"/traces/\w+/$"))
    staff_page.keyboard.press("Enter")
    expect(staff_page).to_have_url(re.compile(r"q=is(:|%3A)error"))
