"""The graph's page by mouse and keyboard: paths, sheet, search, dots, and what arrives while one looks."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.signals import post_save, pre_save
from playwright.sync_api import Browser, Locator, Page, expect

from dashboard import pipeline
from dashboard.graph import node_id
from demo_app.models import Post

from .conftest import SignIn

THUMBNAIL = "demo_app.receivers.posts.make_thumbnail"
SAVED = ("point", "django.db.models.signals.post_save", "demo_app.Post")
TRAVELLING = '.dots[data-travelling]:not([data-travelling="0"])'
PAINTED = """() => {
  const { width, height } = document.querySelector(".dots");
  const pen = document.querySelector(".dots").getContext("2d");
  return width > 0 && pen.getImageData(0, 0, width, height).data.some(Boolean);
}"""


@pytest.fixture
def post(staff: User) -> Post:
    made = Post.objects.create(title="Drawn", slug="drawn", author=staff)
    assert pipeline.flush()
    return made


@pytest.fixture
def graph(staff_page: Page, post: Post) -> Page:
    """The graph's page, connected, after one post was saved."""
    staff_page.goto("/signals/graph/")
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    return staff_page


def node(page: Page, *key: str) -> Locator:
    return page.locator(f'.node[data-node="{node_id(key)}"]')


def save(post: Post, times: int = 1) -> None:
    for _ in range(times):
        post.save()
    assert pipeline.flush()


def test_choosing_a_node_lights_its_paths_and_no_others(graph: Page) -> None:
    receiver = node(graph, "receiver", THUMBNAIL)
    receiver.click()

    expect(receiver).to_have_class(re.compile("is-selected"))
    into = f'.edge.is-lit[data-from="{node_id(SAVED)}"][data-to="{node_id(("receiver", THUMBNAIL))}"]'
    expect(graph.locator(into)).to_be_attached()
    others = f'.edge.is-lit[data-to]:not([data-to="{node_id(("receiver", THUMBNAIL))}"])'
    lit_signals = graph.locator(others).evaluate_all("edges => edges.map(edge => edge.dataset.to)")
    assert node_id(SAVED) in lit_signals
    assert node_id(("receiver", "demo_app.receivers.posts.slugify_title")) not in lit_signals


def test_the_sheets_address_brings_the_node_back(graph: Page) -> None:
    node(graph, "receiver", THUMBNAIL).click()
    expect(graph.locator("#node")).to_contain_text("written at")

    graph.reload()

    expect(node(graph, "receiver", THUMBNAIL)).to_have_class(re.compile("is-selected"))
    expect(graph.locator("#node")).to_contain_text("written at")
    expect(graph.locator(".edge.is-lit").first).to_be_attached()


def test_escape_closes_the_sheet(graph: Page) -> None:
    node(graph, "receiver", THUMBNAIL).click()
    expect(graph.locator("#node")).to_contain_text("written at")

    graph.keyboard.press("Escape")

    expect(graph.locator("#node")).to_contain_text("No node selected")
    expect(graph.locator(".node.is-selected")).to_have_count(0)
    expect(graph).to_have_url(re.compile(r"/signals/graph/$"))


def test_a_node_is_opened_by_keyboard(graph: Page) -> None:
    node(graph, *SAVED).focus()
    graph.keyboard.press("Enter")

    expect(graph.locator("#node h2")).to_contain_text("post_save")
    expect(graph.locator("#node h2")).to_contain_text("demo_app.Post")


def test_a_neighbour_in_the_sheet_leads_to_its_own_sheet(graph: Page) -> None:
    node(graph, "receiver", THUMBNAIL).click()
    graph.locator("#node .neighbours a").first.click()

    expect(graph.locator("#node h2")).to_contain_text("demo_app.Post")
    expect(node(graph, *SAVED)).to_have_class(re.compile("is-selected"))


def test_the_slash_key_finds_a_node_and_enter_opens_it(graph: Page) -> None:
    graph.keyboard.press("/")
    graph.keyboard.type("posts.make_thumb")

    expect(graph.locator(".node.is-found")).to_have_count(1)
    graph.keyboard.press("Enter")
    expect(graph.locator("#node h2")).to_contain_text("make_thumbnail")


def test_hiding_idle_nodes_keeps_the_window(graph: Page) -> None:
    graph.get_by_role("link", name="5 min", exact=True).click()
    graph.get_by_label("Hide idle").check()

    expect(graph).to_have_url(re.compile(r"\?window=5m&idle=hide$"))
    expect(graph.locator(".node.is-idle")).to_have_count(0)
    expect(node(graph, "receiver", THUMBNAIL)).to_be_attached()


def test_counts_rise_while_one_looks(graph: Page, post: Post) -> None:
    count = node(graph, *SAVED).locator(".rate")
    before = count.text_content() or ""

    save(post, 3)

    expect(count).not_to_have_text(before)


def test_what_was_never_seen_before_appears_by_itself(graph: Page, staff: User) -> None:
    expect(node(graph, "sender", "auth.Group")).to_have_count(0)

    Group.objects.create(name="drawn")
    assert pipeline.flush()

    expect(node(graph, "sender", "auth.Group")).to_be_attached()


def test_at_most_eighty_dots_travel(graph: Page, post: Post) -> None:
    most = 0
    for _ in range(25):
        for _ in range(8):
            pre_save.send(Post, instance=post, raw=True, using="default", update_fields=None)
            post_save.send(Post, instance=post, raw=True, created=False, using="default", update_fields=None)
        graph.wait_for_timeout(60)
        most = max(most, int(graph.locator(".dots").get_attribute("data-travelling") or 0))

    assert 0 < most <= 80


def test_no_dots_travel_for_who_prefers_reduced_motion(
    browser: Browser, browser_context_args: dict[str, object], sign_in: SignIn, post: Post
) -> None:
    context = browser.new_context(**browser_context_args, reduced_motion="reduce")  # type: ignore[arg-type]
    sign_in(context)
    page = context.new_page()
    page.goto("/signals/graph/")
    expect(page.locator("html")).to_have_attribute("data-conn", "open")
    before = node(page, *SAVED).locator(".rate").text_content() or ""

    save(post, 3)

    expect(node(page, *SAVED).locator(".rate")).not_to_have_text(before)
    assert page.locator(TRAVELLING).count() == 0
    context.close()


def test_in_the_panel_a_node_filters_the_stream_and_again_shows_all_of_it(
    staff_page: Page, post: Post
) -> None:
    staff_page.goto("/signals/")
    receiver = node(staff_page, "receiver", THUMBNAIL)
    receiver.click()

    expect(staff_page).to_have_url(re.compile("receiver"))
    expect(staff_page.locator(".node-sheet")).to_contain_text("make_thumbnail")
    expect(receiver).to_have_class(re.compile("is-selected"))
    expect(staff_page.locator("#graph-panel .edge.is-lit").first).to_be_attached()

    receiver.click()

    expect(staff_page).not_to_have_url(re.compile("receiver"))
    expect(staff_page.locator(".node-sheet")).to_have_count(0)


def test_the_panel_keeps_its_window_when_the_stream_is_filtered(staff_page: Page, post: Post) -> None:
    staff_page.goto("/signals/")
    staff_page.locator("#graph-panel").get_by_role("link", name="All", exact=True).click()
    expect(staff_page.locator("#graph-panel .seg [aria-current]")).to_have_text("All")

    node(staff_page, "receiver", THUMBNAIL).click()

    expect(staff_page.locator(".node-sheet")).to_be_visible()
    expect(staff_page.locator("#graph-panel .seg [aria-current]")).to_have_text("All")
