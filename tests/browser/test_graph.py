"""The receiver graph as a person uses it."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from dashboard import pipeline
from demo_app.models import Post

from .test_graph_page import PAINTED


def test_the_graph_shows_registered_and_observed_edges_and_a_node_its_details(
    staff_page: Page, staff: User
) -> None:
    Post.objects.create(title="Drawn", slug="drawn", author=staff)
    pipeline.flush()
    staff_page.goto("/signals/graph/")
    node = staff_page.locator("svg a.node, svg .node").filter(has_text="make_thumbnail").first
    expect(node).to_be_visible()
    node.click()
    sheet = staff_page.locator("#sheet, .sheet, [data-sheet]").first
    expect(sheet).to_contain_text("make_thumbnail")
    expect(sheet).to_contain_text("def make_thumbnail")


def test_a_node_of_the_live_pages_panel_filters_the_stream(staff_page: Page, staff: User) -> None:
    Post.objects.create(title="Drawn", slug="drawn", author=staff)
    pipeline.flush()
    staff_page.goto("/signals/")
    node = staff_page.locator("#graph-panel .node").filter(has_text="make_thumbnail").first
    expect(node).to_be_visible()
    node.click()
    expect(staff_page).to_have_url(re.compile("receiver"))
    expect(staff_page.locator(".chip")).to_contain_text("make_thumbnail")
    expect(staff_page.locator("#graph-panel .node-sheet")).to_contain_text("make_thumbnail")


def test_edges_come_alive_while_signals_are_sent(staff_page: Page, staff: User) -> None:
    Post.objects.create(title="Drawn", slug="drawn", author=staff)
    pipeline.flush()
    staff_page.goto("/signals/graph/")
    expect(staff_page.locator("html")).to_have_attribute("data-conn", "open")
    post = Post.objects.get()
    for _ in range(30):
        post.save()
        staff_page.wait_for_timeout(40)
        if staff_page.evaluate(PAINTED):
            break
    assert staff_page.evaluate(PAINTED)
