"""What axe-core finds on each page in light and dark, judged by WCAG 2.1 A and AA.

Comes in: each page with something on it. Goes out: a failure that names rule, element and remedy. axe is
evaluated over the browser's debugging protocol, so that the pages keep their content policy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from playwright.sync_api import Page, expect

from .server import LiveServer
from .test_live import elsewhere, open_live, send, traces

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
RUN = """async (standards) => {
  const results = await axe.run(document, {runOnly: standards, resultTypes: ["violations"]});
  return results.violations;
}"""
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
STILL = "document.getAnimations().every(animation => animation.playState !== 'running')"
PHONE = {"width": 390, "height": 844}
# Known and not mended: a small receiver shows its p95 right after its name, but is spoken with its count in
# between (WCAG 2.5.3). docs/architecture.md lists it among the weak spots; other nodes are held to the rule.
UNMENDED = ("label-content-name-mismatch", 'class="node is-receiver')
SCENARIOS = ("rolled-back", "raise-send-robust")


def violations(page: Page, theme: Literal["light", "dark"]) -> list[str]:
    """Return what axe finds on the page in that theme: one line for each element."""
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.wait_for_function(STILL)
    page.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(RUN, STANDARDS)
    return [
        f"{theme}: {rule['id']} at {node['target']}: {node['failureSummary']}\n  {node['html'][:600]}"
        for rule in found
        for node in rule["nodes"]
        if not (rule["id"] == UNMENDED[0] and UNMENDED[1] in node["html"])
    ]


def assert_accessible(page: Page) -> None:
    found = [line for theme in THEMES for line in violations(page, theme)]
    assert not found, f"{page.url}\n" + "\n".join(found)


@pytest.fixture
def played(staff_page: Page) -> Page:
    """The live page after scenarios with errors, a rollback, effects and plain signals."""
    for name in SCENARIOS:
        elsewhere(lambda name=name: call_command("scenario", name, verbosity=0))  # type: ignore[misc]
    send(3)
    open_live(staff_page)
    expect(traces(staff_page, "scenario", "manage.py")).to_have_count(len(SCENARIOS))
    return staff_page


def inspect(page: Page) -> None:
    """Unfold the rolled-back trace and select a call of it."""
    rolled_back = traces(page, "scenario", "manage.py").filter(has_text="rolled back")
    rolled_back.locator(".row-origin").click()
    rolled_back.locator(".row-call", has_text="thank_by_mail").first.click()
    expect(page.locator("#inspector")).to_contain_text("thank_by_mail")


def test_axe_finds_what_is_wrong(staff_page: Page) -> None:
    staff_page.goto("/signals/")
    staff_page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any("button-name" in line for line in violations(staff_page, "light"))


def test_the_empty_live_page(staff_page: Page) -> None:
    open_live(staff_page)
    assert_accessible(staff_page)


def test_the_live_page_with_a_selected_call(played: Page) -> None:
    assert_accessible(played)
    inspect(played)
    assert_accessible(played)


def test_the_live_page_on_a_phone(played: Page) -> None:
    played.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert_accessible(played)
    inspect(played)
    assert_accessible(played)


def test_a_trace(played: Page) -> None:
    rolled_back = traces(played, "scenario", "manage.py").filter(has_text="rolled back")
    rolled_back.get_by_role("link", name="scenario").first.click()
    expect(played.locator("#trace-body")).to_be_visible()
    assert_accessible(played)


def test_the_graph_with_and_without_a_nodes_sheet(played: Page) -> None:
    played.goto("/signals/graph/")
    expect(played.locator("html")).to_have_attribute("data-conn", "open")
    assert_accessible(played)
    played.locator(".node", has_text="thank_by_mail").first.click()
    expect(played.locator(".node.is-selected")).to_be_visible()
    assert_accessible(played)


@pytest.mark.parametrize("path", ["?layout=flat", "?q=signal:nothing", "receivers/", "history/", "sessions/"])
def test_a_page_of_what_was_played(played: Page, path: str) -> None:
    played.goto(f"/signals/{path}")
    played.wait_for_load_state("networkidle")
    assert_accessible(played)


def test_a_comparison(played: Page) -> None:
    played.goto("/signals/compare/")
    assert_accessible(played)
    played.get_by_role("button", name="Compare A with B").click()
    expect(played.locator("#summary")).to_be_visible()
    assert_accessible(played)


def test_the_servers_sign_in(server: LiveServer, page: Page, settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "dashboard.server.urls"
    page.goto("/sign-in/?next=/signals/")
    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
