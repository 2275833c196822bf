"""The stream in the hand: keys, focus, the time axis, row menus, times, rows that are opened or come late."""

from __future__ import annotations

import json
import re
import socket
import struct

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from dashboard import pipeline
from dashboard.causality import suppressed
from dashboard.events import Instance
from dashboard.stream import consumers
from demo_app.models import Post

from ..livepage import traces as made_traces
from ..samples import emission
from .conftest import SignIn
from .server import LiveServer
from .test_live import elsewhere, open_live, send

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { get: () => Boolean(hidden), configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
FOCUSED = "document.activeElement.dataset.key ?? document.activeElement.tagName"


def add_post(title: str) -> Post:
    """Save a post in a thread of its own, and journal it."""
    made: list[Post] = []
    author = User.objects.get(username="admin")
    elsewhere(lambda: made.append(Post.objects.create(title=title, slug=title, author=author)))
    return made[0]


# --- keys and focus ------------------------------------------------------------------------------


def test_one_tab_leads_into_the_stream_and_one_out_of_it(staff_page: Page) -> None:
    send(9)
    open_live(staff_page, "?layout=flat")
    expect(staff_page.locator('#stream .row[tabindex="0"]')).to_have_count(1)
    expect(staff_page.locator("#stream a:not([tabindex='-1'])")).to_have_count(0)
    staff_page.locator('#stream .row[tabindex="0"]').focus()
    first = staff_page.evaluate(FOCUSED)
    staff_page.keyboard.press("Shift+Tab")
    assert staff_page.evaluate("document.activeElement.closest('#stream')") is None
    staff_page.keyboard.press("Tab")
    assert staff_page.evaluate(FOCUSED) == first
    staff_page.keyboard.press("Tab")
    assert staff_page.evaluate("document.activeElement.closest('#stream')") is None


def test_focus_stays_with_its_row_while_others_arrive_and_go(staff_page: Page) -> None:
    send(3, "first")
    open_live(staff_page, "?layout=flat")
    staff_page.keyboard.press("j")
    key = staff_page.evaluate(FOCUSED)
    for turn in range(6):
        send(40, f"more-{turn}")
    staff_page.keyboard.press("n")
    expect(staff_page.locator(".row-flat", has_text="more-5-39")).to_be_visible()
    assert staff_page.evaluate(FOCUSED) == key


def test_focus_finds_a_place_when_its_row_is_cleared_away(staff_page: Page) -> None:
    send(3, "first")
    open_live(staff_page, "?layout=flat")
    staff_page.keyboard.press("j")
    staff_page.keyboard.press("c")
    expect(staff_page.locator(".row-flat")).to_have_count(0)
    send(1, "next")
    expect(staff_page.locator(".row-flat", has_text="next-0")).to_be_visible()
    staff_page.keyboard.press("j")
    expect(staff_page.locator(".row-flat.is-selected", has_text="next-0")).to_be_focused()


def test_space_pauses_and_does_not_scroll(staff_page: Page) -> None:
    send(60)
    open_live(staff_page, "?layout=flat")
    staff_page.keyboard.press("j")
    staff_page.keyboard.press("Space")
    expect(staff_page.locator("#paused")).to_be_visible()
    assert staff_page.locator("#stream").evaluate("element => element.scrollTop") == 0


def test_keys_do_nothing_in_a_field_nor_with_a_modifier(staff_page: Page) -> None:
    send(3)
    open_live(staff_page, "?layout=flat")
    staff_page.keyboard.press("/")
    staff_page.keyboard.type("jxn ?t")
    expect(staff_page.locator("#query")).to_have_value("jxn ?t")
    expect(staff_page.locator(".row.is-selected")).to_have_count(0)
    staff_page.keyboard.press("Escape")
    staff_page.keyboard.press("Control+j")
    expect(staff_page.locator(".row.is-selected")).to_have_count(0)
    expect(staff_page.get_by_role("dialog")).to_have_count(0)


def test_every_key_of_the_sheet_does_what_it_says(staff_page: Page) -> None:
    elsewhere(lambda: call_command("scenario", "publish-post", verbosity=0))
    open_live(staff_page)
    staff_page.locator(".status").get_by_role("button", name="keys").click()
    sheet = staff_page.get_by_role("dialog")
    for key in ("Space", "Enter", "Home", "M", "N", "T", "X"):
        expect(sheet.locator("kbd", has_text=re.compile(f"^{key}$"))).to_be_visible()
    staff_page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(staff_page.locator(".row-origin").first).to_be_visible()
    press = staff_page.keyboard.press
    press("End")
    expect(staff_page.locator(".row.is-selected")).to_have_count(1)
    press("Home")
    press("ArrowRight")
    expect(staff_page.locator(".trace.is-open .row-call").first).to_be_visible()
    press("ArrowRight")
    expect(staff_page.locator(".trace-rows .row.is-selected")).to_have_count(1)
    press("ArrowLeft")
    press("ArrowLeft")
    expect(staff_page.locator(".row-origin.is-selected")).to_have_count(1)
    press("t")
    expect(staff_page.locator("#jump")).to_be_focused()
    press("Escape")
    press("f")
    expect(staff_page).to_have_url(re.compile("layout=flat"))
    press("o")


# --- the time axis -------------------------------------------------------------------------------


def sent_at(*offsets_ms: float) -> None:
    """Journal emissions that took a millisecond each, so long after noon."""
    entries = [emission(f"at-{ms}", ms, instance=Instance(pk=f"at-{ms}")) for ms in offsets_ms]
    pipeline.journal().append(entries)


def test_the_flat_rows_in_view_share_the_clock_and_can_have_axes_of_their_own(staff_page: Page) -> None:
    sent_at(50, 1500)
    open_live(staff_page, "?layout=flat")
    axis = staff_page.locator("#axis")
    expect(axis.locator('[data-ruler="start"]')).to_have_text("12:00:00.0")
    expect(axis.locator('[data-ruler="each"]')).to_have_text("200 ms/div")
    expect(axis.locator('[data-ruler="end"]')).to_have_text("+2 s")
    bars = staff_page.locator(".row-flat .on-axis")
    expect(bars.first).to_have_attribute("x", "75.00%")
    expect(bars.last).to_have_attribute("x", "2.50%")
    staff_page.keyboard.press("x")
    expect(axis.locator('[data-ruler="each"]')).to_have_text("10 divisions = one emission")
    expect(staff_page.locator(".row-flat .on-axis[width]")).to_have_count(0)
    staff_page.reload()
    expect(axis.get_by_role("button", name="emission")).to_have_attribute("aria-pressed", "true")


def test_the_axis_follows_what_is_scrolled_into_view(staff_page: Page) -> None:
    sent_at(0, *(1500 + number / 10 for number in range(60)))
    open_live(staff_page, "?layout=flat")
    each = staff_page.locator('[data-ruler="each"]')
    expect(each).to_have_text(re.compile(r"^(500 µs|1 ms)/div$"))
    staff_page.locator("#stream").evaluate("element => element.scrollTo(0, 99999)")
    expect(each).to_have_text("200 ms/div")


def test_an_open_traces_ruler_says_how_long_its_divisions_are(staff_page: Page) -> None:
    elsewhere(lambda: call_command("scenario", "publish-post", verbosity=0))
    open_live(staff_page)
    expect(staff_page.locator('[data-ruler="each"]')).to_have_text("10 divisions = one trace")
    staff_page.locator(".row-origin").first.click()
    expect(staff_page.locator('[data-ruler="each"]')).to_have_text(re.compile(r"^[\d.]+ ms/div$"))
    expect(staff_page.locator('[data-ruler="start"]')).to_have_text("0")


# --- the menu of a row ---------------------------------------------------------------------------


def test_a_rows_menu_shows_only_its_object(staff_page: Page) -> None:
    post, other = add_post("one"), add_post("two")
    open_live(staff_page, "?layout=flat")
    row = staff_page.locator(".row-flat", has_text=f"demo_app.Post #{post.pk}").first
    row.hover()
    row.get_by_label("What to do with this row").click()
    menu = staff_page.get_by_role("menu")
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    menu.get_by_role("menuitem", name="Only this object").click()
    expect(staff_page.locator(".chip")).to_have_count(2)
    expect(staff_page.locator(".row-flat", has_text=f"#{post.pk}").first).to_be_visible()
    expect(staff_page.locator(".row-flat", has_text=f"demo_app.Post #{other.pk}")).to_have_count(0)
    assert f"pk%3A{post.pk}" in staff_page.url


def test_a_rows_menu_is_worked_by_keys_alone(staff_page: Page) -> None:
    add_post("one")
    open_live(staff_page, "?layout=flat&q=signal:post_save+sender:=demo_app.Post")
    staff_page.keyboard.press("j")
    row = staff_page.evaluate(FOCUSED)
    staff_page.keyboard.press("m")
    expect(staff_page.get_by_role("menuitem").first).to_be_focused()
    staff_page.keyboard.press("ArrowDown")
    expect(staff_page.get_by_role("menuitem").nth(1)).to_be_focused()
    staff_page.keyboard.press("Escape")
    expect(staff_page.get_by_role("menu")).to_have_count(0)
    assert staff_page.evaluate(FOCUSED) == row
    staff_page.keyboard.press("m")
    caused = staff_page.get_by_role("menuitem", name="Only what this caused")
    expect(caused).to_be_visible()
    caused.focus()
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator(".chip", has_text="cause:")).to_be_visible()
    expect(staff_page.locator(".row-flat", has_text="demo_app.SearchDocument").first).to_be_visible()
    expect(staff_page.locator(".row-flat", has_text="demo_app.Post #")).to_have_count(0)


def test_a_signal_is_hidden_and_shown_again(staff_page: Page) -> None:
    send(2, "loud")
    Group.objects.create(name="still here")
    pipeline.flush()
    open_live(staff_page, "?layout=flat")
    staff_page.locator(".row-flat", has_text="loud-1").click()
    staff_page.keyboard.press("m")
    staff_page.get_by_role("menuitem", name="Hide this signal").click()
    expect(staff_page.locator(".row-flat", has_text="loud")).to_have_count(0)
    expect(staff_page.locator(".row-flat", has_text="post_save").first).to_be_visible()
    send(1, "loud")
    staff_page.wait_for_timeout(500)
    expect(staff_page.locator(".row-flat", has_text="loud")).to_have_count(0)
    staff_page.locator(".chip .remove").click()
    expect(staff_page.locator(".row-flat", has_text="loud")).to_have_count(3)


def test_a_menu_works_by_touch_at_390_pixels(browser: Browser, server: LiveServer, sign_in: SignIn) -> None:
    context = browser.new_context(base_url=server.url, viewport={"width": 390, "height": 844}, has_touch=True)
    sign_in(context)
    page = context.new_page()
    elsewhere(lambda: call_command("scenario", "publish-post", verbosity=0))
    open_live(page)
    row = page.locator(".row-origin").first
    row.locator(".row-menu").tap()
    expect(page.get_by_role("menuitem", name="Copy link")).to_be_in_viewport()
    page.get_by_role("menuitem", name="Only this trace").tap()
    expect(page).to_have_url(re.compile("q=trace%3A"))
    expect(page.locator(".trace")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


# --- times ---------------------------------------------------------------------------------------


def test_times_are_the_readers_and_a_jump_is_meant_so(
    browser: Browser, server: LiveServer, sign_in: SignIn
) -> None:
    send(30, "old")
    context = browser.new_context(base_url=server.url, timezone_id="Asia/Kolkata", locale="en-IN")
    sign_in(context)
    page = context.new_page()
    open_live(page, "?layout=flat")
    stamp = page.locator("time.c-time").first
    utc = stamp.get_attribute("datetime") or ""
    local = page.evaluate("iso => new Date(iso).toTimeString().slice(0, 8)", utc)
    assert local[:2] != utc[11:13]
    expect(stamp).to_have_text(re.compile(f"^{local}"))
    stamp.hover()
    expect(stamp).to_have_attribute("title", re.compile(r"\.\d{6} (IST|GMT\+5:30)$"))
    page.keyboard.press("t")
    page.keyboard.type(local)
    page.keyboard.press("Enter")
    expect(page.locator("#here")).to_be_focused()
    expect(page.locator("#here")).to_contain_text(f"{local}.0")
    expect(page.locator(".notice", has_text="From the journal")).to_be_visible()
    page.keyboard.press("n")
    expect(page.locator("html")).to_have_attribute("data-conn", "open")
    expect(page.locator("#here")).to_have_count(0)
    context.close()


# --- what is opened, and what comes later ----------------------------------------------------------


def test_an_opened_row_shows_what_it_stood_for_and_nothing_twice(staff_page: Page) -> None:
    open_live(staff_page)
    begun = [made_traces(number, 1, size=2) for number in range(1, 41)]
    pipeline.journal().append([entry for trace in begun for entry in trace[:2]])
    more = staff_page.locator(".row-more", has_text="+15 more traces")
    expect(more).to_be_visible()
    pipeline.journal().append([entry for trace in begun for entry in trace[2:]])
    expect(staff_page.locator(".trace", has_text="2 emissions").first).to_be_visible()
    more.locator(".link").focus()
    staff_page.keyboard.press("Enter")
    expect(staff_page.locator(".trace")).to_have_count(40)
    names = staff_page.locator(".trace").evaluate_all("all => all.map((one) => one.dataset.trace)")
    assert len(set(names)) == 40
    expect(staff_page.locator(".row-origin.is-selected", has_text="/page/15/")).to_be_focused()
    late = made_traces(3, 1, size=3)[3]
    pipeline.journal().append([late])
    third = staff_page.locator(".trace", has=staff_page.get_by_text("/page/3/", exact=True))
    expect(third).to_have_count(1)
    expect(third).to_contain_text("3 emissions")


def test_a_hidden_tab_follows_nothing_and_misses_nothing(
    staff_page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LINGER_S", 0.1)
    open_live(staff_page, "?layout=flat")
    staff_page.evaluate(HIDE, 1)
    staff_page.wait_for_timeout(800)
    (following,) = [one for one in consumers._followings.values() if one.beats]
    assert following._clients == 0
    send(12, "unseen")
    staff_page.wait_for_timeout(500)
    expect(staff_page.locator(".row-flat", has_text="unseen")).to_have_count(0)
    staff_page.evaluate(HIDE, 0)
    expect(staff_page.locator(".row-flat", has_text="unseen")).to_have_count(12)


def test_a_client_that_stops_reading_is_sent_a_bounded_number_of_frames(
    server: LiveServer, staff: User, staff_page: Page
) -> None:
    open_live(staff_page, "?layout=flat")
    client = Client()
    with suppressed():
        client.force_login(staff)
    lines = [
        "GET /ws/signals/?layout=flat HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Origin: {server.url}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Cookie: sessionid={client.cookies['sessionid'].value}",
    ]
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        while not (heard := wire.recv(4096)).endswith(b"\r\n\r\n"):
            assert heard
        hello = json.dumps({"cursor": str(pipeline.journal().head())}).encode()
        wire.sendall(b"\x81" + bytes([0x80 | len(hello)]) + bytes(4) + hello)
        for turn in range(2 * consumers.MAX_UNANSWERED):
            send(30, f"flood-{turn}")
            staff_page.wait_for_timeout(120)
        expect(staff_page.locator(".row-flat", has_text=f"flood-{turn}-29")).to_be_visible()
        assert len(frames_in(wire)) == consumers.MAX_UNANSWERED


def frames_in(wire: socket.socket) -> list[bytes]:
    """Read what has been sent, until nothing more comes."""
    wire.settimeout(1.5)
    held = b""
    try:
        while more := wire.recv(65536):
            held += more
    except TimeoutError:
        pass
    found = []
    while held:
        length, head = held[1] & 0x7F, 2
        if length > 125:
            head = 4 if length == 126 else 10
            (length,) = struct.unpack("!H" if length == 126 else "!Q", held[2:head])
        if held[0] & 0x0F == 1:
            found.append(held[head : head + length])
        held = held[head + length :]
    return found
