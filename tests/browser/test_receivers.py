"""The receivers' page by mouse and keyboard: sorting, filtering, source, editor, a phone, no script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard import pipeline
from demo_app.models import Post
from demo_app.signals import page_viewed

from .conftest import SignIn

RECEIVERS = "/signals/receivers/"


def never_called(**kwargs: Any) -> None:
    """Listens to a sender that sends nothing in these tests."""


@pytest.fixture
def listening() -> Iterator[None]:
    page_viewed.connect(never_called, sender=User)
    yield
    page_viewed.disconnect(never_called, sender=User)


@pytest.fixture
def post(staff: User) -> Post:
    made = Post.objects.create(title="Listed", slug="listed", author=staff)
    assert pipeline.flush()
    return made


@pytest.fixture
def receivers(staff_page: Page, post: Post, listening: None, settings: LazySettings) -> Page:
    """The receivers' page, connected, after one post was saved; the editor is VS Code."""
    settings.SIGNALSCOPE = {**settings.SIGNALSCOPE, "EDITOR": "vscode"}
    staff_page.goto(RECEIVERS)
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    return staff_page


def row(page: Page, receiver: str, signal: str = "") -> Locator:
    rows = page.locator("tr.reg", has=page.get_by_text(receiver, exact=True))
    return rows.filter(has=page.get_by_text(signal, exact=True)) if signal else rows


def names(page: Page) -> list[str]:
    return page.locator(".regs .who").all_inner_texts()


def test_a_heading_sorts_and_the_address_keeps_it(receivers: Page) -> None:
    heading = receivers.locator("#sort-receiver")
    heading.click()
    expect(receivers.locator("th.c-receiver")).to_have_attribute("aria-sort", "ascending")
    expect(receivers).to_have_url(re.compile(r"\?sort=receiver$"))
    ascending = names(receivers)

    heading.click()
    expect(receivers.locator("th.c-receiver")).to_have_attribute("aria-sort", "descending")
    assert names(receivers)[0] == ascending[-1]

    receivers.go_back()
    expect(receivers.locator("th.c-receiver")).to_have_attribute("aria-sort", "ascending")
    receivers.reload()
    expect(receivers.locator("th.c-receiver")).to_have_attribute("aria-sort", "ascending")


def test_the_focus_stays_on_the_heading_that_sorts(receivers: Page) -> None:
    receivers.locator("#sort-calls").focus()
    receivers.keyboard.press("Enter")

    expect(receivers.locator("th.c-calls")).to_have_attribute("aria-sort", "descending")
    expect(receivers.locator("#sort-calls")).to_be_focused()


def test_what_is_typed_filters_and_stays_in_the_field(receivers: Page) -> None:
    receivers.keyboard.press("/")
    receivers.keyboard.type("make_thumb")

    expect(receivers.locator("tr.reg")).to_have_count(1)
    expect(receivers.locator("#find")).to_be_focused()
    expect(receivers.locator("#find")).to_have_value("make_thumb")
    expect(receivers).to_have_url(re.compile(r"\?find=make_thumb$"))
    assert names(receivers) == ["make_thumbnail"]


def test_flags_menus_and_windows_filter_together(receivers: Page) -> None:
    receivers.locator("#flag-never-fired").click()
    expect(receivers.locator("#flag-never-fired")).to_have_attribute("aria-pressed", "true")
    receivers.locator("#pick-sender").select_option("auth.User")
    expect(receivers).to_have_url(re.compile(r"\?sender=auth.User&flag=never-fired$"))
    expect(row(receivers, "never_called")).to_be_visible()

    receivers.locator("#window-5m").click()
    expect(receivers.locator("#window-5m")).to_have_attribute("aria-current", "true")
    expect(receivers).to_have_url(re.compile(r"\?sender=auth.User&flag=never-fired&window=5m$"))
    expect(row(receivers, "never_called")).to_contain_text("idle")

    receivers.get_by_role("link", name="show all").click()
    expect(row(receivers, "make_thumbnail")).to_be_visible()


def test_the_menu_sorts_by_columns_that_have_no_room(receivers: Page) -> None:
    receivers.locator("#pick-sort").select_option("-p99")

    expect(receivers).to_have_url(re.compile(r"\?sort=-p99$"))
    expect(receivers.locator("#pick-sort")).to_have_value("-p99")


def test_what_was_called_meanwhile_is_counted_when_it_is_read_again(receivers: Page, post: Post) -> None:
    calls = row(receivers, "make_thumbnail").locator(".c-calls")
    before = int(calls.inner_text())

    post.save()
    assert pipeline.flush()
    receivers.get_by_role("link", name="Read again").click()

    expect(calls).to_have_text(str(before + 1))


# --- a row, unfolded -------------------------------------------------------------------------


def test_a_row_unfolds_in_place_to_its_source_and_folds_again(receivers: Page) -> None:
    twist = row(receivers, "make_thumbnail").locator(".twist")
    twist.click()

    expect(receivers.locator("tr.more .source")).to_contain_text("def make_thumbnail")
    expect(receivers.locator("tr.more .evidence a").first).to_be_visible()
    expect(twist).to_have_attribute("aria-expanded", "true")
    expect(receivers).to_have_url(re.compile(r"\?open=\w+$"))

    receivers.reload()
    expect(receivers.locator("tr.more .source")).to_contain_text("def make_thumbnail")

    twist.click()
    expect(receivers.locator("tr.more")).to_have_count(0)
    expect(receivers).to_have_url(re.compile(r"/receivers/$"))


def test_keys_move_unfold_and_fold(receivers: Page) -> None:
    receivers.keyboard.press("j")
    receivers.keyboard.press("j")
    twist = receivers.locator("tr.reg .twist").nth(1)
    expect(twist).to_be_focused()

    receivers.keyboard.press("ArrowRight")
    expect(receivers.locator("tr.more")).to_have_count(1)
    receivers.keyboard.press("ArrowLeft")
    expect(receivers.locator("tr.more")).to_have_count(0)
    receivers.keyboard.press("Enter")
    expect(receivers.locator("tr.more")).to_have_count(1)
    receivers.keyboard.press("k")
    expect(receivers.locator("tr.reg .twist").first).to_be_focused()


def test_g_then_r_goes_to_the_receivers(staff_page: Page, post: Post) -> None:
    staff_page.goto("/signals/")
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")

    staff_page.keyboard.press("g")
    staff_page.keyboard.press("r")

    expect(staff_page).to_have_url(re.compile("/signals/receivers/$"))
    expect(staff_page.locator('.nav [aria-current="page"]')).to_have_text("Receivers")


def test_a_row_leads_to_its_calls_in_the_stream_and_to_its_node(receivers: Page) -> None:
    one = row(receivers, "make_thumbnail")
    stream, node = one.locator(".to-stream").get_attribute("href"), one.locator("a.who").get_attribute("href")

    receivers.goto(stream or "")
    receivers.locator("#rows .row-origin").click()
    ran = receivers.locator("#rows .row-call .who", has_text="make_thumbnail")
    expect(ran.first).to_be_visible()
    receivers.goto(node or "")
    expect(receivers.locator("#node h2")).to_contain_text("make_thumbnail")


# --- the editor ------------------------------------------------------------------------------


@pytest.fixture
def opened(receivers: Page) -> Page:
    """The page, which notes what would be opened instead of opening it."""
    receivers.evaluate(
        """() => addEventListener("click", (event) => {
            const link = event.target.closest("a[data-editor]");
            if (!link) return;
            event.preventDefault();
            document.body.dataset.opened = link.getAttribute("href");
        })"""
    )
    return receivers


def test_a_place_leads_into_the_editor(receivers: Page) -> None:
    link = row(receivers, "make_thumbnail").locator("a.where")

    expect(link).to_have_attribute("href", re.compile(r"^vscode://file/.+/demo_app/receivers/posts\.py:\d+$"))
    expect(link).to_have_text(re.compile(r"^posts\.py:\d+$"))


def test_the_e_key_opens_the_row_with_the_focus(opened: Page) -> None:
    row(opened, "make_thumbnail").locator(".twist").focus()
    opened.keyboard.press("e")

    expect(opened.locator("body")).to_have_attribute("data-opened", re.compile(r"posts\.py:\d+$"))


def test_on_the_trace_page_a_call_and_its_sheet_lead_into_the_editor(receivers: Page) -> None:
    href = row(receivers, "make_thumbnail").locator(".c-last a").get_attribute("href")
    receivers.goto(href or "")

    call = receivers.locator(".row-call", has=receivers.get_by_text("make_thumbnail", exact=True))
    expect(call.locator("a.mod[data-editor]")).to_have_attribute("href", re.compile("^vscode://file/"))
    call.locator(".who").click()
    expect(receivers.locator("#inspector .ran a[data-editor]").first).to_have_attribute(
        "href", re.compile("^vscode://file/")
    )


# --- a phone, no script ----------------------------------------------------------------------


def test_on_a_phone_signal_receiver_p95_errors_and_flags_stay(receivers: Page) -> None:
    receivers.set_viewport_size({"width": 390, "height": 844})

    names = ("signal", "sender", "receiver", "where", "order", "calls", "p95", "errors", "last", "flags")
    shown = [name for name in names if receivers.locator(f"th.c-{name}").is_visible()]
    assert shown == ["signal", "receiver", "p95", "errors", "flags"]

    receivers.locator("#find").fill("make_thumb")
    expect(receivers.locator("tr.reg")).to_have_count(1)
    receivers.locator("tr.reg .twist").click()
    expect(receivers.locator("tr.more .source")).to_be_visible()
    width = receivers.evaluate("() => document.querySelector('.regpage').scrollWidth")
    assert width <= 390


def test_without_a_script_links_and_the_form_do_the_same(
    browser: Browser, browser_context_args: dict[str, Any], sign_in: SignIn, post: Post, listening: None
) -> None:
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    sign_in(context)
    page = context.new_page()
    page.goto(RECEIVERS)

    page.locator("#find").fill("make_thumb")
    page.get_by_role("button", name="Apply").click()
    assert names(page) == ["make_thumbnail"]
    page.locator("tr.reg .twist").click()
    expect(page.locator("tr.more .source")).to_contain_text("def make_thumbnail")
    page.goto(RECEIVERS)
    page.locator("#sort-calls").click()
    expect(page.locator("th.c-calls")).to_have_attribute("aria-sort", "descending")
    page.locator("#flag-never-fired").click()
    expect(row(page, "never_called")).to_be_visible()
    expect(row(page, "make_thumbnail")).to_have_count(0)
    context.close()


def test_new_figures_are_offered_and_come_without_a_jump(receivers: Page, post: Post) -> None:
    refresh = receivers.locator("#refresh")
    expect(refresh).to_have_text("Read again")
    of_posts = row(receivers, "audit_log", "post_save").filter(has_text="demo_app.Post")
    calls = of_posts.first.locator(".c-calls")
    before = calls.text_content() or ""
    receivers.locator(".tablewrap").evaluate("table => table.scrollTo(0, 200)")

    post.save()
    assert pipeline.flush()
    expect(refresh).to_contain_text("New figures")
    expect(calls).to_have_text(before)
    refresh.click()

    expect(calls).not_to_have_text(before)
    expect(refresh).to_have_text("Read again")
    assert receivers.locator(".tablewrap").evaluate("table => table.scrollTop") == 200
