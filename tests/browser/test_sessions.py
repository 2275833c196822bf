"""Sessions and comparisons as a person uses them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from .test_live import elsewhere, open_live, traces

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def played(staff_page: Page) -> Page:
    """The live page after a scenario was played twice."""
    for _ in range(2):
        elsewhere(lambda: call_command("scenario", "raise-send-robust", verbosity=0))
    open_live(staff_page)
    expect(traces(staff_page, "scenario", "manage.py")).to_have_count(2)
    return staff_page


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def taken_along(page: Page, folder: Path) -> Path:
    """Press Export and keep the file."""
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    return file


def test_what_is_exported_is_imported_and_looked_at_as_if_it_were_there(played: Page, tmp_path: Path) -> None:
    file = taken_along(played, tmp_path)
    played.get_by_role("link", name="Sessions", exact=True).click()
    played.get_by_label("Session file").set_input_files(file)
    played.get_by_role("button", name="Import").click()

    expect(played).to_have_url(re.compile("/signals/sessions/signalscope-"))
    expect(played.get_by_text("Imported session", exact=True)).to_be_visible()
    expect(played.locator("html")).to_have_attribute("data-conn", "still")
    rows = traces(played, "scenario", "manage.py")
    expect(rows.first).to_contain_text("ConnectionRefusedError")

    played.wait_for_load_state("load")
    played.keyboard.press("j")
    played.keyboard.press("Enter")
    expect(played.locator(".row-emission").first).to_be_visible()
    played.locator(".row-emission", has_text="post_published").first.click()
    expect(played.locator("#inspector")).to_contain_text("signal")
    expect(played.locator("#graph-panel .node").first).to_be_visible()

    rows.first.get_by_role("link", name="scenario").first.click()
    expect(played).to_have_url(re.compile("/signals/sessions/[^/]+/traces/"))
    expect(played.get_by_text("Imported session", exact=True)).to_be_visible()
    played.get_by_role("link", name="Graph").click()
    expect(played).to_have_url(re.compile("/signals/sessions/[^/]+/graph/"))
    played.get_by_role("link", name="To the live journal").click()
    expect(played.locator("html")).to_have_attribute("data-conn", "open")


def test_a_session_is_deleted_with_the_keyboard(played: Page, tmp_path: Path) -> None:
    file = taken_along(played, tmp_path)
    played.goto("/signals/sessions/")
    played.get_by_label("Session file").set_input_files(file)
    played.get_by_role("button", name="Import").press("Enter")
    played.get_by_role("link", name="All sessions").press("Enter")
    played.get_by_role("button", name="Delete").press("Enter")
    expect(played.get_by_text("None yet.")).to_be_visible()


def test_a_trace_is_compared_with_the_last_one_like_it(played: Page) -> None:
    traces(played, "scenario", "manage.py").first.get_by_role("link").first.click()
    played.get_by_role("link", name="Compare", exact=True).click()
    expect(played.locator("#summary")).to_contain_text(re.compile("B does what A did|In B, against A"))
    expect(played.locator(".side")).to_have_count(2)
    if played.get_by_role("button", name="Show").count():
        played.get_by_role("button", name="Show").click()
    expect(played.locator("table.paths tbody tr").first).to_be_visible()


def test_two_traces_are_chosen_without_a_mouse(played: Page) -> None:
    played.get_by_role("link", name="Compare", exact=True).click()
    played.get_by_role("button", name="Compare A with B").press("Enter")
    expect(played.locator("#summary")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["/signals/sessions/", "/signals/compare/", "/signals/compare/?a_session=live&b_session=live"]
)
def test_the_pages_fit_a_phone(played: Page, path: str) -> None:
    played.set_viewport_size(PHONE)  # type: ignore[arg-type]
    played.goto(path)
    expect(played.get_by_role("heading", level=1)).to_be_visible()
    assert fits(played)


def test_a_session_is_searched_and_played_again(played: Page, tmp_path: Path) -> None:
    file = taken_along(played, tmp_path)
    played.goto("/signals/sessions/")
    played.get_by_label("Session file").set_input_files(file)
    played.get_by_role("button", name="Import").click()

    played.get_by_role("link", name="History", exact=True).click()
    expect(played).to_have_url(re.compile("/signals/sessions/[^/]+/history/$"))
    expect(played.get_by_text("Imported session", exact=True)).to_be_visible()
    expect(traces(played, "scenario", "manage.py")).to_have_count(2)
    played.get_by_label("Search the whole journal").fill("signal:nothing")
    played.keyboard.press("Enter")
    expect(played).to_have_url(re.compile("/signals/sessions/[^/]+/history/.q="))
    expect(traces(played, "scenario", "manage.py")).to_have_count(0)
    played.goto(played.url.replace("nothing", "post_published"))
    expect(traces(played, "scenario", "manage.py")).to_have_count(2)

    played.get_by_role("link", name="Replay this page").click()
    expect(played).to_have_url(re.compile("/signals/sessions/[^/]+/history/replay/"))
    expect(played.get_by_text("Imported session", exact=True)).to_be_visible()
    played.get_by_role("link", name="10\u00d7").click()
    rows = traces(played, "scenario", "manage.py")
    expect(rows).to_have_count(2)
    expect(played.locator("#lamp")).to_contain_text("replay")
    expect(played.locator("#replay-state")).to_contain_text("Ended")
    played.keyboard.press("j")
    played.keyboard.press("Enter")
    expect(rows.first.locator(".row-emission").first).to_be_visible()
    expect(rows.first.get_by_role("link").first).to_have_attribute(
        "href", re.compile("^/signals/sessions/[^/]+/traces/")
    )
