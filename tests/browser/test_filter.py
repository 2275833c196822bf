"""The filter as a person uses it: it completes what is typed, says what is wrong, and keeps presets."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.db import connections, transaction
from playwright.sync_api import BrowserContext, Locator, Page, ViewportSize, expect

from dashboard.views.vocabulary import vocabulary
from demo_app.signals import milestone_reached

from .conftest import SignIn
from .test_live import open_live, send

PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test journals is offered at once."""
    monkeypatch.setattr("dashboard.views.vocabulary.RENEW_S", 0.0)
    assert vocabulary


def options(page: Page) -> Locator:
    return page.locator("#completions [role=option]")


def type_into_box(page: Page, text: str) -> None:
    """Type, and wait until the list is that of what is typed."""
    with page.expect_response(lambda response: "/query/complete/" in response.url):
        page.locator("#query").press_sequentially(text)
    expect(page.locator("#query")).to_have_attribute("aria-expanded", "true")


def chosen(page: Page) -> Locator:
    return page.locator('#completions [aria-selected="true"]')


def test_keys_and_values_are_completed_by_keyboard(staff_page: Page) -> None:
    Group.objects.create(name="seen")
    open_live(staff_page, "?layout=flat")
    staff_page.keyboard.press("/")
    type_into_box(staff_page, "sen")
    expect(options(staff_page).first).to_contain_text("sender:")
    staff_page.keyboard.press("ArrowDown")
    expect(chosen(staff_page)).to_have_text(re.compile("sender:"))
    box = staff_page.locator("#query")
    expect(box).to_have_attribute("aria-activedescendant", "completion-1")
    staff_page.keyboard.press("Enter")
    expect(box).to_have_value("sender:")
    expect(options(staff_page).filter(has_text="auth.Group")).to_be_visible()
    type_into_box(staff_page, "gro")
    staff_page.keyboard.press("ArrowDown")
    staff_page.keyboard.press("Tab")
    expect(box).to_have_value("sender:auth.Group ")
    expect(box).to_be_focused()
    expect(staff_page.locator("#completions")).to_be_hidden()
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator(".chip")).to_have_text(re.compile("sender:auth.Group"))
    expect(staff_page).to_have_url(re.compile("q=sender(:|%3A)auth.Group"))


def test_values_are_completed_by_mouse_in_the_middle_of_the_text(staff_page: Page) -> None:
    Group.objects.create(name="seen")
    open_live(staff_page)
    box = staff_page.locator("#query")
    box.fill("-(sender:au is:error) or thumb")
    box.evaluate("element => element.setSelectionRange(11, 11)")
    staff_page.keyboard.press("ArrowDown")
    options(staff_page).filter(has_text="auth.Group").click()
    expect(box).to_have_value("-(sender:auth.Group is:error) or thumb")
    assert box.evaluate("element => element.selectionStart") == len("-(sender:auth.Group")
    expect(box).to_be_focused()
    expect(staff_page.locator("#completions")).to_be_hidden()


def test_the_list_is_announced_closes_with_escape_and_leaves_enter_to_the_form(staff_page: Page) -> None:
    open_live(staff_page)
    box = staff_page.locator("#query")
    box.focus()
    type_into_box(staff_page, "is:s")
    expect(staff_page.locator("#completions-said")).to_have_text("1 suggestion")
    staff_page.keyboard.press("Escape")
    expect(staff_page.locator("#completions")).to_be_hidden()
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_be_focused()
    staff_page.keyboard.press("Escape")
    expect(box).not_to_be_focused()
    box.focus()
    type_into_box(staff_page, "l")
    # Nothing is chosen: what was typed counts, even if it is no flag.
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator("#filter-error")).to_contain_text("'sl' is no flag. Did you mean 'slow'?")


def test_arrows_go_round_and_past_the_ends_nothing_is_chosen(staff_page: Page) -> None:
    open_live(staff_page)
    staff_page.locator("#query").click()
    expect(options(staff_page).first).to_be_visible()
    staff_page.keyboard.press("ArrowUp")
    expect(options(staff_page).last).to_have_attribute("aria-selected", "true")
    staff_page.keyboard.press("ArrowDown")
    expect(chosen(staff_page)).to_have_count(0)
    staff_page.keyboard.press("ArrowDown")
    expect(options(staff_page).first).to_have_attribute("aria-selected", "true")


def test_keys_pressed_before_the_list_has_come_count_for_the_list_that_comes(staff_page: Page) -> None:
    open_live(staff_page)
    box = staff_page.locator("#query")
    box.click()
    expect(options(staff_page).first).to_contain_text("signal:")
    staff_page.keyboard.type("is:lo")
    staff_page.keyboard.press("ArrowDown")
    staff_page.keyboard.press("Enter")
    expect(box).to_have_value("is:loop ")


def test_what_does_not_parse_leaves_the_rows_and_points_at_the_place(staff_page: Page) -> None:
    send(2, "past")
    open_live(staff_page, "?layout=flat&q=signal:milestone_reached")
    expect(staff_page.locator(".row-flat")).to_have_count(2)
    box = staff_page.locator("#query")
    box.fill("is:error sendr:Post")
    staff_page.keyboard.press("Enter")
    error = staff_page.locator("#filter-error")
    expect(error).to_contain_text("sendr: is no key. Did you mean sender:?")
    expect(error).to_contain_text("at column 10")
    expect(error.locator("mark")).to_have_text("sendr:Post")
    expect(box).to_have_value("is:error sendr:Post")
    expect(box).to_have_attribute("aria-invalid", "true")
    assert box.evaluate("element => element.selectionStart") == 9
    expect(staff_page.locator(".row-flat")).to_have_count(2)
    assert "sendr" not in staff_page.url
    send(1, "now")
    expect(staff_page.locator(".row-flat")).to_have_count(3)
    box.fill("now-0")
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator(".chip")).to_have_count(2)
    expect(error).to_be_hidden()
    expect(staff_page.locator(".row-flat")).to_have_count(1)


def test_presets_are_saved_used_renamed_and_deleted(staff_page: Page) -> None:
    open_live(staff_page, "?q=is:slow+sender:Post")
    button = staff_page.get_by_role("button", name="Presets")
    button.click()
    sheet = staff_page.locator("#presets")
    expect(sheet).to_be_visible()
    sheet.get_by_placeholder("a name").fill("<b>Slow</b> posts")
    sheet.get_by_role("button", name="Save", exact=True).click()
    mine = sheet.get_by_role("link", name="<b>Slow</b> posts")
    expect(mine).to_be_visible()
    sheet.get_by_role("link", name="Errors").click()
    expect(staff_page).to_have_url(re.compile("q=is(:|%3A)error$"))
    expect(staff_page.locator(".chip")).to_have_count(1)
    staff_page.reload()
    button.click()
    mine.click()
    expect(staff_page.locator(".chip")).to_have_count(2)
    button.click()
    sheet.get_by_text("change").click()
    sheet.get_by_label("New name of").fill("Posts")
    sheet.get_by_role("button", name="Rename").click()
    expect(sheet.get_by_role("link", name="Posts", exact=False)).to_contain_text("is:slow")
    expect(sheet).to_be_visible()
    sheet.get_by_text("change").click()
    sheet.get_by_role("button", name="Delete").click()
    expect(sheet).to_contain_text("None yet.")


def test_the_language_is_explained_beside_the_box(staff_page: Page) -> None:
    open_live(staff_page)
    staff_page.get_by_role("button", name="How to write a filter").click()
    sheet = staff_page.locator("#filter-help")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text("is:rolled-back")
    staff_page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_completion_errors_presets_and_help_fit_a_phone(staff_page: Page, sign_in: SignIn) -> None:
    staff_page.set_viewport_size(PHONE)
    open_live(staff_page)
    box = staff_page.locator("#query")
    box.click()
    expect(options(staff_page).first).to_be_visible()
    fits(staff_page, "#completions")
    assert min(heights(options(staff_page))) >= 39
    options(staff_page).filter(has_text="since:").click()
    expect(box).to_have_value("since:")
    box.fill("is:errr")
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator("#filter-error")).to_be_visible()
    fits(staff_page, "#filter-error")
    staff_page.get_by_role("button", name="Presets").click()
    expect(staff_page.locator("#presets")).to_be_visible()
    fits(staff_page, "#presets")
    staff_page.keyboard.press("Escape")
    staff_page.get_by_role("button", name="How to write a filter").click()
    fits(staff_page, "#filter-help")


def heights(found: Locator) -> list[float]:
    return [box["height"] for one in found.all() if (box := one.bounding_box()) is not None]


def fits(page: Page, selector: str) -> None:
    """Assert that an element lies inside the window, and that the page has not become wider."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert box["y"] + box["height"] <= PHONE["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_without_a_script_filter_presets_and_errors_work(
    new_context: Callable[..., BrowserContext], sign_in: SignIn, base_url: str
) -> None:
    context = new_context(java_script_enabled=False)
    sign_in(context)
    page = context.new_page()
    send(1, "seen")
    Group.objects.create(name="seen")
    page.goto("/signals/?layout=flat&q=signal:milestone_reached")
    expect(page.locator(".row-flat")).to_have_count(1)
    page.fill("#query", "sendr:x")
    page.keyboard.press("Enter")
    expect(page.locator("#filter-error")).to_contain_text("Did you mean sender:?")
    expect(page.locator(".row-flat")).to_have_count(1)
    page.get_by_role("button", name="Presets").click()
    page.get_by_placeholder("a name").fill("Milestones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(re.compile(r"/signals/\?q=signal(:|%3A)milestone_reached&layout=flat$"))
    page.goto("/signals/")
    page.get_by_role("button", name="Presets").click()
    page.get_by_role("link", name="Milestones").click()
    expect(page.locator(".chip")).to_have_count(1)


@pytest.mark.parametrize("layout", ["tree", "flat"])
def test_a_row_leaves_when_its_transaction_is_rolled_back(staff_page: Page, layout: str) -> None:
    go_on = threading.Event()

    def work() -> None:
        with transaction.atomic():
            milestone_reached.send("undone")
            go_on.wait(60)
            transaction.set_rollback(True)
        connections.close_all()

    open_live(staff_page, f"?layout={layout}&q=signal:milestone_reached+-is:rolled-back")
    thread = threading.Thread(target=work)
    thread.start()
    try:
        rows = staff_page.locator("#rows .trace, #rows .row-flat")
        expect(rows).to_have_count(1)
    finally:
        go_on.set()
        thread.join()
    expect(rows).to_have_count(0)
    expect(staff_page.locator("#matching")).to_contain_text("matching 0 of")
    expect(staff_page.locator("#void")).to_contain_text("Nothing matches yet")
