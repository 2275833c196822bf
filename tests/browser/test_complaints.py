"""The watch over the browser's console hears what it should: a silent one would pass every test."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from .complaints import Complaints

PAGES = {
    "a console error": "<script src=/script.js></script>",
    "an uncaught exception": "<script src=/throw.js></script>",
    "an inline script": "<script>document.title = 'ran'</script>",
    "an inline style": "<p style='color: red'>red</p>",
    "a missing file": "<img src=/missing.png alt=''>",
}
FILES = {"/script.js": "console.error('mind this')", "/throw.js": "throw new Error('mind this')"}


def serve(context: BrowserContext, markup: str) -> None:
    """Answer every request of the context from here, under a strict policy."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/":
            policy = "default-src 'self'; img-src 'self' data:"
            page = f"<!doctype html><link rel=icon href='data:,'>{markup}"
            route.fulfill(body=page, content_type="text/html", headers={"Content-Security-Policy": policy})
        elif path in FILES:
            route.fulfill(body=FILES[path], content_type="text/javascript")
        else:
            route.fulfill(status=404)

    context.route("http://made.up/**", answer)


@pytest.mark.parametrize("markup", PAGES.values(), ids=PAGES.keys())
def test_the_watch_hears(markup: str, context: BrowserContext, page: Page, complaints: Complaints) -> None:
    serve(context, markup)

    page.goto("http://made.up/")

    assert len(complaints.take()) == 1


def test_the_watch_hears_a_tab_that_was_opened_later(context: BrowserContext, complaints: Complaints) -> None:
    serve(context, PAGES["an inline script"])

    context.new_page().goto("http://made.up/")

    assert len(complaints.take()) == 1


def test_what_is_allowed_passes_and_nothing_else(
    context: BrowserContext, page: Page, complaints: Complaints
) -> None:
    serve(context, PAGES["a console error"] + PAGES["a missing file"])
    complaints.allow("404")

    page.goto("http://made.up/")

    (left,) = complaints.take()
    assert left.startswith("mind this")
