"""The live page as a person uses it: a real Chromium, a real server, the demo's own admin."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connections
from playwright.sync_api import BrowserContext, Locator, Page, expect

from dashboard import pipeline
from dashboard.causality import suppressed
from demo_app.models import Post, Tag
from demo_app.signals import milestone_reached

from .complaints import Complaints
from .conftest import SignIn
from .server import LiveServer

ADD = "/admin/demo_app/post/add/"


def open_live(page: Page, query: str = "") -> None:
    """Open the live page and wait until it follows."""
    page.goto(f"/signals/{query}")
    expect(page.locator("html")).to_have_attribute("data-conn", "open")


def traces(page: Page, title: str, verb: str = "") -> Locator:
    """Return the traces whose origin is titled so, and whose verb is this one."""
    return (
        page.locator(".trace")
        .filter(has=page.locator(".origin-title .text", has_text=title))
        .filter(has=page.locator(".origin-title .verb", has_text=verb))
    )


def elsewhere(work: Callable[[], Any]) -> None:
    """Do it in a thread without an event loop (Playwright's runs in this one), and journal it."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run, name="elsewhere")
    thread.start()
    thread.join()
    assert pipeline.flush()


def send(count: int, prefix: str = "step") -> None:
    """Send a custom signal so often, and wait until it is in the journal."""
    elsewhere(lambda: [milestone_reached.send(f"{prefix}-{number}") for number in range(count)])


def add_post(page: Page, title: str) -> None:
    """Add a post in the admin, as an editor does."""
    page.goto(ADD)
    page.fill("#id_title", title)
    page.fill("#id_body", "Written in the admin.")
    page.click("[name=_save]")
    expect(page.locator(".success")).to_be_visible()


def test_a_visitor_is_asked_to_log_in_and_then_sees_the_page(
    server: LiveServer, staff: User, page: Page, settings: LazySettings
) -> None:
    settings.DEBUG = True  # admin / admin exists in the demo only
    with suppressed():
        staff.set_password("admin")
        staff.save()
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/admin/login/\?next="))
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.click("[type=submit]")
    expect(page.locator("html")).to_have_attribute("data-conn", "open")
    expect(traces(page, "/admin/login/").first).to_be_visible()


def test_a_post_added_in_a_second_tab_appears_and_unfolds_to_its_receivers(
    staff_page: Page, second_tab: Page
) -> None:
    open_live(staff_page)
    add_post(second_tab, "Hello world")
    saved = traces(staff_page, ADD, "POST")
    expect(saved).to_be_visible()
    expect(saved).to_contain_text("admin")
    expect(saved).to_contain_text("302")
    saved.locator(".row-origin").click()
    call = saved.locator(".row-call", has_text="make_thumbnail").first
    expect(call).to_be_visible()
    expect(saved.locator(".row-emission", has_text="post_save").first).to_contain_text("demo_app.Post")
    call.click()
    inspector = staff_page.locator("#inspector")
    expect(inspector).to_contain_text("post_save")
    expect(inspector).to_contain_text("make_thumbnail")
    expect(inspector).to_contain_text("created")


def test_the_admin_links_to_the_signals_of_an_object(staff_page: Page) -> None:
    with suppressed():
        post = Post.objects.create(title="Linked", slug="linked", author=User.objects.get(username="admin"))
    post.save()
    Tag.objects.create(name="elsewhere", slug="elsewhere")
    pipeline.flush()
    staff_page.goto(f"/admin/demo_app/post/{post.pk}/change/")
    expect(
        staff_page.locator("#header, #user-tools").get_by_role("link", name="Signals", exact=True)
    ).to_be_visible()
    staff_page.get_by_role("link", name="Signals of this object").click()
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    expect(staff_page.locator(".chip")).to_have_count(2)
    staff_page.get_by_role("link", name="Flat").click()
    rows = staff_page.locator(".row-flat")
    expect(rows.first).to_contain_text("demo_app.Post")
    expect(rows.filter(has_text="Tag")).to_have_count(0)


def test_a_filter_applies_to_what_is_past_and_to_what_comes(staff_page: Page) -> None:
    send(2, "past")
    Group.objects.create(name="past")
    open_live(staff_page, "?layout=flat")
    expect(staff_page.locator(".row-flat", has_text="post_save")).to_have_count(1)
    staff_page.fill("#query", "signal:post_save")
    staff_page.keyboard.press("Enter")
    expect(staff_page).to_have_url(re.compile(r"q=signal(:|%3A)post_save"))
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    expect(staff_page.locator(".row-flat")).to_have_count(1)
    send(2, "now")
    Group.objects.create(name="now")
    expect(staff_page.locator(".row-flat")).to_have_count(2)
    expect(staff_page.locator(".row-flat").first).to_contain_text("auth.Group")
    staff_page.get_by_label("Remove signal:post_save").click()
    expect(staff_page.locator(".row-flat", has_text="milestone_reached")).to_have_count(4)


def test_a_filter_that_does_not_parse_says_where_and_the_stream_goes_on(staff_page: Page) -> None:
    open_live(staff_page, "?layout=flat&q=signal:post_save+(oops")
    expect(staff_page.locator("#filter-error")).to_be_visible()
    send(1)
    expect(staff_page.locator(".row-flat", has_text="milestone_reached")).to_have_count(1)


def test_errors_are_one_press_away_and_one_press_back(staff_page: Page) -> None:
    elsewhere(lambda: call_command("scenario", "raise-send-robust", verbosity=0))
    open_live(staff_page, "?layout=flat")
    every = staff_page.locator(".row-flat").count()
    staff_page.get_by_role("button", name="errors").click()
    expect(staff_page.locator(".chip")).to_contain_text("error")
    expect(staff_page.locator(".row-flat")).to_have_count(1)
    staff_page.get_by_role("button", name="errors").click()
    expect(staff_page.locator(".chip")).to_have_count(0)
    expect(staff_page.locator(".row-flat")).to_have_count(every)


def test_a_family_can_be_hidden(staff_page: Page) -> None:
    send(1)
    Group.objects.create(name="a")
    open_live(staff_page, "?layout=flat")
    staff_page.locator("#ch-custom").click()
    expect(staff_page.locator("#ch-custom")).to_have_attribute("aria-pressed", "false")
    expect(staff_page.locator(".row-flat", has_text="milestone_reached")).to_have_count(0)
    expect(staff_page.locator(".row-flat", has_text="post_save")).to_have_count(1)


def test_pausing_counts_what_waits_and_resuming_shows_it(staff_page: Page) -> None:
    open_live(staff_page, "?layout=flat")
    send(1, "before")
    expect(staff_page.locator(".row-flat", has_text="before-0")).to_be_visible()
    staff_page.keyboard.press("Space")
    expect(staff_page.locator("#paused")).to_be_visible()
    send(7, "during")
    expect(staff_page.locator("#paused")).to_contain_text("7 emissions")
    expect(staff_page.locator(".row-flat", has_text="during")).to_have_count(0)
    staff_page.keyboard.press("Space")
    expect(staff_page.locator("#paused")).to_be_hidden()
    expect(staff_page.locator(".row-flat", has_text="during")).to_have_count(7)


def test_nothing_moves_while_reading_further_down(staff_page: Page) -> None:
    send(60, "old")
    open_live(staff_page, "?layout=flat")
    stream = staff_page.locator("#stream")
    expect(staff_page.locator(".row-flat", has_text="old-59")).to_be_visible()
    stream.evaluate("element => element.scrollTo(0, 400)")
    read = staff_page.locator(".row-flat", has_text="old-30").first
    staff_page.wait_for_timeout(300)
    before = read.bounding_box()
    send(5, "new")
    expect(staff_page.locator("#pill")).to_contain_text("5 new")
    assert read.bounding_box() == before
    staff_page.locator("#pill").click()
    expect(staff_page.locator(".row-flat", has_text="new-4")).to_be_visible()


def test_the_page_goes_on_without_loss_or_repetition_after_the_server_restarted(
    server: LiveServer, staff_page: Page, complaints: Complaints
) -> None:
    # The browser's own word for a server that is down, and htmx's for each attempt.
    complaints.allow(r"WebSocket connection|ERR_CONNECTION_REFUSED|\[object Event\]")
    open_live(staff_page, "?layout=flat")
    send(3, "before")
    expect(staff_page.locator(".row-flat", has_text="before")).to_have_count(3)
    server.stop()
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "reconnecting")
    expect(staff_page.locator('[data-conn-notice="reconnecting"]')).to_be_visible()
    send(4, "meanwhile")
    expect(staff_page.get_by_role("button", name="Reconnect now")).to_be_visible()
    server.start()
    # Not a real click: the page may have found the server by itself, and hidden the button, a moment before.
    staff_page.locator('[data-action="reconnect"]').dispatch_event("click")
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    send(2, "after")
    for prefix, count in (("before", 3), ("meanwhile", 4), ("after", 2)):
        expect(staff_page.locator(".row-flat", has_text=prefix)).to_have_count(count)


def test_a_burst_is_bounded_on_the_page_and_opens_from_the_journal(staff_page: Page) -> None:
    open_live(staff_page, "?layout=flat")
    send(400, "burst")
    more = staff_page.locator(".row-gap .link").first
    expect(more).to_be_visible()
    staff_page.wait_for_timeout(500)
    assert staff_page.locator(".row-flat").count() < 200
    more.click()
    expect(staff_page.locator(".row-flat", has_text="burst").nth(80)).to_be_attached()


def test_an_empty_journal_tells_a_newcomer_what_to_do_and_a_scenario_shows_it(staff_page: Page) -> None:
    open_live(staff_page)
    expect(staff_page.locator(".void").first).to_be_visible()
    staff_page.get_by_role("button", name="Like and unlike").first.click()
    trace = traces(staff_page, "/scenarios/like-unlike/run/")
    expect(trace).to_be_visible()
    trace.locator(".row-origin").click()
    expect(trace.locator(".row-call", has_text="count_likes").first).to_be_visible()


def test_a_raising_receiver_shows_its_exception_and_traceback(staff_page: Page) -> None:
    elsewhere(lambda: call_command("scenario", "raise-send-robust", verbosity=0))
    open_live(staff_page, "?q=is:error&layout=flat")
    row = staff_page.locator(".row-flat", has_text="post_published")
    expect(row.locator('[data-flag="error"]').first).to_contain_text("ConnectionRefusedError")
    row.click()
    inspector = staff_page.locator("#inspector")
    expect(inspector).to_contain_text("Connection refused")
    expect(inspector).to_contain_text("mail_server_is_down")


def test_a_hostile_name_is_shown_and_not_obeyed(staff_page: Page) -> None:
    open_live(staff_page, "?layout=flat")
    milestone_reached.send("<img src=x onerror=alert(1)>", value="<script>alert(2)</script>")
    row = staff_page.locator(".row-flat", has_text="milestone_reached")
    expect(row).to_contain_text("<img src=x")
    row.click()
    expect(staff_page.locator("#inspector")).to_contain_text("<script>alert(2)</script>")


def test_the_keyboard_moves_unfolds_and_inspects(staff_page: Page, second_tab: Page) -> None:
    open_live(staff_page)
    add_post(second_tab, "By keyboard")
    expect(traces(staff_page, ADD, "POST")).to_be_visible()
    staff_page.bring_to_front()
    staff_page.keyboard.press("j")
    staff_page.keyboard.press("ArrowRight")
    expect(staff_page.locator('.row-origin[aria-expanded="true"]')).to_have_count(1)
    expect(staff_page.locator(".row-emission, .row-call").first).to_be_visible()
    staff_page.keyboard.press("j")
    staff_page.keyboard.press("j")
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator("#inspector")).not_to_be_empty()
    staff_page.keyboard.press("?")
    expect(staff_page.get_by_role("dialog")).to_be_visible()


def test_the_theme_is_kept(staff_page: Page) -> None:
    open_live(staff_page)
    staff_page.locator('[data-action="theme"]').click()
    chosen = staff_page.locator("html").get_attribute("data-theme")
    assert chosen in ("light", "dark")
    staff_page.reload()
    expect(staff_page.locator("html")).to_have_attribute("data-theme", chosen)


def test_someone_without_rights_sees_no_signals(
    server: LiveServer, page: Page, context: BrowserContext, complaints: Complaints
) -> None:
    complaints.allow("403")
    with suppressed():
        User.objects.create_user("reader", password="reader")
    page.goto("/admin/login/?next=/signals/")
    page.goto("/signals/")
    expect(page).to_have_url(re.compile("/admin/login/"))


def test_the_list_is_emptied_when_the_journal_begins_anew(
    server: LiveServer, staff_page: Page, journal_url: str
) -> None:
    open_live(staff_page, "?layout=flat")
    send(3, "old")
    expect(staff_page.locator(".row-flat", has_text="old")).to_have_count(3)
    path = Path(journal_url.removeprefix("sqlite:///"))
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    deadline = time.monotonic() + 5
    send(2, "new")
    while staff_page.locator(".row-flat", has_text="old").count() and time.monotonic() < deadline:
        send(1, "again")
        staff_page.wait_for_timeout(100)
    expect(staff_page.locator(".row-flat", has_text="old")).to_have_count(0)


def test_it_fits_a_phone(staff_page: Page, sign_in: SignIn) -> None:
    staff_page.set_viewport_size({"width": 390, "height": 844})
    elsewhere(lambda: call_command("scenario", "publish-post", verbosity=0))
    open_live(staff_page)
    assert staff_page.evaluate("document.documentElement.scrollWidth") <= 390
    staff_page.locator(".row-origin").first.click()
    expect(staff_page.locator(".row-call").first).to_be_visible()
    staff_page.locator(".row-call").first.click()
    expect(staff_page.locator("#inspector")).not_to_be_empty()
    assert staff_page.evaluate("document.documentElement.scrollWidth") <= 390
