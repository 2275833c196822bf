"""The graph's page with groups, larger and smaller, along its edges by keys, held, and on a phone."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db.models.signals import post_save
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard import pipeline
from dashboard.graph import node_id
from demo_app.models import Post

from .conftest import SignIn
from .test_graph_page import SAVED, THUMBNAIL, TRAVELLING, node, save

RECEIVERS = ("group", "receivers", "demo_app", "")


@pytest.fixture
def post(staff: User) -> Post:
    made = Post.objects.create(title="Drawn", slug="drawn", author=staff)
    assert pipeline.flush()
    return made


def opened(page: Page, address: str = "/signals/graph/") -> Page:
    page.goto(address)
    expect(page.locator("html")).to_have_attribute("data-conn", "open")
    return page


@pytest.fixture
def grouped(staff_page: Page, post: Post) -> Page:
    """The graph's page with everything grouped by app."""
    return opened(staff_page, "/signals/graph/?group=app&idle=hide")


def size(page: Page) -> float:
    box = page.locator("svg.graph").bounding_box()
    assert box is not None
    return box["width"]


# --- groups ----------------------------------------------------------------------------------


def test_a_group_opens_by_click_and_folds_again_and_the_address_says_so(grouped: Page) -> None:
    group = node(grouped, *RECEIVERS)
    expect(node(grouped, "receiver", THUMBNAIL)).to_have_count(0)

    group.click()

    expect(node(grouped, "receiver", THUMBNAIL)).to_be_visible()
    expect(group).to_have_attribute("aria-expanded", "true")
    expect(grouped).to_have_url(re.compile(f"open={node_id(RECEIVERS)}"))
    grouped.reload()
    expect(node(grouped, "receiver", THUMBNAIL)).to_be_visible()

    group.click()

    expect(node(grouped, "receiver", THUMBNAIL)).to_have_count(0)
    expect(grouped).not_to_have_url(re.compile("open="))


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_group_opens_by_key_and_keeps_the_focus(grouped: Page, key: str) -> None:
    node(grouped, *RECEIVERS).focus()
    grouped.keyboard.press(key)

    expect(node(grouped, "receiver", THUMBNAIL)).to_be_visible()
    expect(node(grouped, *RECEIVERS)).to_be_focused()


def test_what_a_folded_node_does_is_counted_on_its_group(grouped: Page, post: Post) -> None:
    count = node(grouped, *RECEIVERS).locator(".live")
    before = count.text_content() or ""

    save(post, 3)

    expect(count).not_to_have_text(before)
    expect(node(grouped, "receiver", THUMBNAIL)).to_have_count(0)


# --- size ------------------------------------------------------------------------------------


def test_the_drawing_grows_and_shrinks_by_button_key_and_wheel(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)
    first = size(page)

    page.get_by_role("button", name="Zoom in").click()
    larger = size(page)
    page.keyboard.press("-")
    page.keyboard.press("-")
    smaller = size(page)
    page.locator(".graph-wrap").hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")

    assert larger > first > smaller
    page.wait_for_timeout(200)
    assert size(page) > smaller


def test_fit_shows_all_of_the_drawing_and_a_new_one_keeps_its_size(staff_page: Page, post: Post) -> None:
    page = opened(staff_page, "/signals/graph/?window=all")
    page.get_by_role("button", name="Fit").click()

    frame = page.locator(".graph-wrap")
    assert frame.evaluate("frame => frame.scrollHeight <= frame.clientHeight + 2")
    fitted = size(page)
    page.keyboard.press("/")
    page.keyboard.type("e")
    expect(page.locator(".node.is-found").first).to_be_attached()

    assert page.locator(".drawing.is-zoomed").count() == 1
    assert fitted > 0


def test_the_legend_covers_nothing_of_the_drawing(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)

    frame, legend = page.locator(".graph-wrap").bounding_box(), page.locator(".graph-bar").bounding_box()

    assert frame is not None
    assert legend is not None
    assert frame["y"] + frame["height"] <= legend["y"] + 1


# --- keys ------------------------------------------------------------------------------------


def focused(page: Page) -> Locator:
    return page.locator("svg.graph .node:focus")


def test_arrow_keys_lead_along_the_edges_and_within_the_column(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)
    node(page, "receiver", THUMBNAIL).focus()

    page.keyboard.press("ArrowLeft")
    expect(node(page, *SAVED)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(node(page, "sender", "demo_app.Post")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(focused(page)).to_have_attribute("data-column", "1")
    expect(node(page, "sender", "demo_app.Post")).not_to_be_focused()


def test_tab_stops_once_in_the_drawing(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)

    expect(page.locator('svg.graph .node[tabindex="0"]')).to_have_count(1)
    node(page, "receiver", THUMBNAIL).focus()
    expect(page.locator('svg.graph .node[tabindex="0"]')).to_have_attribute(
        "data-node", node_id(("receiver", THUMBNAIL))
    )


# --- search, sheet, past ---------------------------------------------------------------------


def test_typing_keeps_what_is_found_and_its_paths(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)
    page.keyboard.press("/")
    page.keyboard.type("make_thumb")

    expect(node(page, "receiver", "demo_app.receivers.posts.slugify_title")).to_have_count(0)
    expect(node(page, *SAVED)).to_be_visible()
    expect(page).to_have_url(re.compile("find=make_thumb"))
    page.locator("[data-graph-find]").fill("")
    expect(node(page, "receiver", "demo_app.receivers.posts.slugify_title")).to_be_visible()


def test_the_open_sheet_goes_on_with_the_drawing(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)
    node(page, *SAVED).click()
    rate = page.locator("#node .sheet-figs b").first
    expect(rate).to_be_visible()
    before = rate.text_content() or ""

    save(post, 4)

    expect(rate).not_to_have_text(before)


def test_a_drawing_that_is_held_stays_as_it_is_until_now_is_asked_for(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)
    page.get_by_role("link", name="Hold").click()
    expect(page).to_have_url(re.compile("until="))
    expect(page.locator("html")).to_have_attribute("data-conn", "open")
    count = page.locator(".node.is-point .rate").first
    before = count.text_content() or ""

    for _ in range(5):
        post_save.send(Post, instance=post, raw=True, created=False, using="default", update_fields=None)
        page.wait_for_timeout(60)

    assert page.locator(TRAVELLING).count() == 0
    assert count.text_content() == before
    page.get_by_role("link", name="Now").click()
    expect(page).to_have_url(re.compile(r"/signals/graph/$"))


def test_only_the_paths_of_a_node_are_shown_and_refreshed(staff_page: Page, post: Post) -> None:
    page = opened(staff_page)
    node(page, "receiver", THUMBNAIL).click()
    page.get_by_role("link", name="Show only its paths").click()

    expect(node(page, "receiver", "demo_app.receivers.posts.slugify_title")).to_have_count(0)
    expect(node(page, "receiver", THUMBNAIL)).to_have_class(re.compile("is-selected"))
    before = node(page, *SAVED).locator(".rate").text_content() or ""
    save(post, 3)
    expect(node(page, *SAVED).locator(".rate")).not_to_have_text(before)
    expect(node(page, "receiver", "demo_app.receivers.posts.slugify_title")).to_have_count(0)


# --- phone -----------------------------------------------------------------------------------


def test_a_phone_reads_the_graph_in_words_and_opens_a_sheet_over_it(
    browser: Browser, browser_context_args: dict[str, object], sign_in: SignIn, post: Post
) -> None:
    arguments = browser_context_args | {"viewport": {"width": 390, "height": 844}}
    context = browser.new_context(**arguments)  # type: ignore[arg-type]
    sign_in(context)
    page = opened(context.new_page())

    expect(page.locator("svg.graph")).not_to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    receiver = page.locator(".graph-list li a").filter(has_text="make_thumbnail").first
    receiver.click()
    expect(page.locator("#node")).to_be_in_viewport()
    expect(page.locator("#node h2")).to_contain_text("make_thumbnail")
    page.get_by_role("link", name="Close", exact=True).click()
    expect(page.locator("#node")).not_to_be_visible()
    context.close()
