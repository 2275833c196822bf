"""The history as a person uses it: search, brush, pages, a replay with its graph, and without a script."""

from __future__ import annotations

import re

from django.contrib.auth.models import Group
from playwright.sync_api import Browser, Page, expect

from dashboard import pipeline
from demo_app.models import Tag
from demo_app.signals import milestone_reached

from ..livepage import traces as made
from .conftest import SignIn
from .server import LiveServer
from .test_live import elsewhere, send


def open_history(page: Page, query: str = "") -> None:
    """Open the history, and wait until its readouts follow."""
    page.goto(f"/signals/history/{query}")
    expect(page.locator("html")).to_have_attribute("data-conn", "open")


def test_a_search_finds_an_emission_and_inspects_it(staff_page: Page) -> None:
    send(3)
    elsewhere(lambda: Group.objects.create(name="needle"))
    open_history(staff_page, "?layout=flat")
    expect(staff_page.locator(".row-flat", has_text="milestone_reached")).to_have_count(3)
    staff_page.keyboard.press("/")
    staff_page.keyboard.type("signal:post_save")
    staff_page.keyboard.press("Enter")
    expect(staff_page).to_have_url(re.compile(r"q=signal(:|%3A)post_save"))
    rows = staff_page.locator(".row-flat")
    expect(rows).to_have_count(1)
    rows.click()
    expect(staff_page.locator("#inspector")).to_contain_text("auth.Group")
    staff_page.locator(".chip .remove").click()
    expect(staff_page.locator(".row-flat", has_text="milestone_reached")).to_have_count(3)


def test_dragging_over_the_rate_chooses_a_range_and_keys_move_its_ends(staff_page: Page) -> None:
    pipeline.journal().append(made(1, 20))
    open_history(staff_page)
    box = staff_page.locator("[data-brush]").bounding_box()
    assert box is not None
    staff_page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
    staff_page.mouse.down()
    staff_page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 25, steps=4)
    staff_page.mouse.up()
    expect(staff_page).to_have_url(re.compile(r"from=.*to="))
    expect(staff_page.locator(".trace")).to_have_count(6)
    chosen = staff_page.locator("input[name=from]").input_value()
    handle = staff_page.get_by_role("slider", name="From")
    handle.focus()
    staff_page.keyboard.press("ArrowLeft")
    expect(staff_page.locator("input[name=from]")).not_to_have_value(chosen)
    for _ in range(30):
        staff_page.keyboard.press("ArrowLeft")
    staff_page.keyboard.press("Enter")
    expect(staff_page).not_to_have_url(re.compile(re.escape(f"from={chosen.replace(':', '%3A')}")))
    assert staff_page.locator(".trace").count() > 6
    expect(staff_page.get_by_role("link", name="Replay this range")).to_be_visible()
    staff_page.get_by_role("link", name="Whole journal").click()
    expect(staff_page.locator(".trace")).to_have_count(20)


def test_pages_lead_to_older_entries_and_back(staff_page: Page) -> None:
    send(160)
    open_history(staff_page, "?layout=flat&q=signal:milestone_reached")
    expect(staff_page.locator(".row-flat")).to_have_count(75)
    newest = staff_page.locator(".row-flat").first.get_attribute("data-key")
    staff_page.get_by_role("link", name="Older").click()
    expect(staff_page).to_have_url(re.compile("before="))
    staff_page.get_by_role("link", name="Older").click()
    expect(staff_page.locator(".row-flat")).to_have_count(10)
    expect(staff_page.get_by_role("link", name="Older")).to_have_count(0)
    staff_page.get_by_role("link", name="Newer").click()
    expect(staff_page.locator(".row-flat")).to_have_count(75)
    staff_page.get_by_role("link", name="Newest").click()
    expect(staff_page.locator(".row-flat").first).to_have_attribute("data-key", newest or "")


def test_a_replay_brings_rows_pulses_and_counts_and_ends(staff_page: Page) -> None:
    elsewhere(lambda: [Tag.objects.create(name=f"tag {n}", slug=f"tag-{n}") for n in range(4)])
    upto = pipeline.journal().head().seq
    send(2, "later")
    staff_page.goto(f"/signals/history/replay/?after=0&upto={upto}&speed=0.5&layout=flat")
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    expect(staff_page.locator("#replay-state")).to_contain_text("Ended")
    rows = staff_page.locator(".row-flat", has_text="post_save").filter(has_text="demo_app.Tag")
    expect(rows).to_have_count(4)
    expect(staff_page.locator(".row-flat", has_text="milestone_reached")).to_have_count(0)
    expect(staff_page.locator("#lamp")).to_contain_text("replay")
    point = staff_page.locator(
        ".graph .node.is-point[data-path='point|django.db.models.signals.post_save|demo_app.Tag']"
    )
    expect(point.locator(".rate")).to_have_text("4\u00d7")
    expect(point.locator(".body")).not_to_have_css("fill", "rgb(0, 0, 0)")
    staff_page.locator("[data-seek]").fill(str(upto - 1))
    expect(staff_page).to_have_url(re.compile(f"at={upto - 1}"))
    expect(staff_page.locator("#replay-state")).to_contain_text("Ended")
    staff_page.get_by_role("link", name="From the beginning").click()
    expect(rows).to_have_count(4)


def test_a_replay_can_be_paused_and_sped_up(staff_page: Page) -> None:
    elsewhere(lambda: milestone_reached.send("first"))
    staff_page.wait_for_timeout(1_500)
    elsewhere(lambda: milestone_reached.send("second"))
    upto = pipeline.journal().head().seq
    staff_page.goto(f"/signals/history/replay/?after=0&upto={upto}&speed=0.25&layout=flat")
    expect(staff_page.locator(".row-flat")).to_have_count(1)
    staff_page.keyboard.press(" ")
    expect(staff_page.locator("#pause")).to_have_attribute("aria-pressed", "true")
    expect(staff_page.locator("#replay-state")).to_contain_text("paused at")
    staff_page.get_by_role("link", name="10\u00d7").click()
    staff_page.locator("#pause").click()
    expect(staff_page.locator("#replay-state")).to_contain_text("Ended")
    expect(staff_page.locator(".row-flat")).to_have_count(2)


def test_keys_lead_to_the_history(staff_page: Page) -> None:
    staff_page.goto("/signals/graph/")
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    staff_page.keyboard.press("g")
    staff_page.keyboard.press("h")
    expect(staff_page).to_have_url(re.compile("/signals/history/$"))


def test_a_phone_shows_it_all_without_scrolling_sideways(staff_page: Page) -> None:
    send(3)
    staff_page.set_viewport_size({"width": 390, "height": 844})
    upto = pipeline.journal().head().seq
    for address in ("/signals/history/", f"/signals/history/replay/?after=0&upto={upto}"):
        staff_page.goto(address)
        expect(staff_page.locator("#stream")).to_be_visible()
        assert staff_page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_a_script_the_fields_choose_the_range(
    server: LiveServer, browser: Browser, sign_in: SignIn
) -> None:
    send(2)
    context = browser.new_context(java_script_enabled=False, base_url=server.url)
    sign_in(context)
    page = context.new_page()
    page.goto("/signals/history/?layout=flat")
    expect(page.locator(".row-flat")).to_have_count(2)
    expect(page.locator(".handles")).to_be_hidden()
    page.fill("input[name=to]", "2001-01-01T00:00")
    page.get_by_role("button", name="Apply").click()
    expect(page).to_have_url(re.compile("to=2001-01-01"))
    expect(page.get_by_text("Nothing happened then")).to_be_visible()
    page.get_by_role("link", name="Show the whole journal").click()
    expect(page.locator(".row-flat")).to_have_count(2)
    context.close()
