"""The pages without a mouse: Tab reaches every control, and what has the focus shows it."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from .test_graph_page import TRAVELLING
from .test_live import elsewhere, open_live, traces

MOST_STOPS = 250
LINKS_OF_ROWS = ".row, .node, .reg, #node, .jump, .filter-help, .presets-sheet, .scenarios-sheet, [popover]"
CONTROLS = f"""() => [...document.querySelectorAll("a[href], button, input, select, summary")].filter((one) =>
  one.checkVisibility({{visibilityProperty: true}}) && !one.disabled && one.type !== "hidden" &&
  one.tabIndex >= 0 && !one.closest("{LINKS_OF_ROWS}")
  && !(one.type === "radio" && !one.checked)
).map((one) => {{
  one.dataset.control ||= Math.random();
  return one.dataset.control + " " + one.outerHTML.slice(0, 160);
}})"""
STOP = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const around = one.closest(".query, .jump, .reg, label, .chart") ?? one;
  const outer = getComputedStyle(around);
  const outlined = (css) => css.outlineStyle !== "none" && parseFloat(css.outlineWidth) > 0;
  const ring = (css) => outlined(css) || css.boxShadow !== "none";
  const changes = ring(style) || ring(outer) || one.matches(".row, .node, .skip, input[type=range]");
  return {control: one.dataset.control ?? "", visible: changes, html: one.outerHTML.slice(0, 160)};
}"""


@pytest.fixture
def played(staff_page: Page) -> Page:
    elsewhere(lambda: call_command("scenario", "rolled-back", verbosity=0))
    open_live(staff_page)
    expect(traces(staff_page, "scenario", "manage.py")).to_have_count(1)
    return staff_page


@pytest.mark.parametrize("path", ["", "graph/", "receivers/?find=audit", "history/", "sessions/", "compare/"])
def test_tab_reaches_every_control_and_shows_where_it_is(played: Page, path: str) -> None:
    played.goto(f"/signals/{path}")
    played.wait_for_load_state("networkidle")
    played.evaluate("document.activeElement?.blur()")
    wanted = dict(text.split(" ", 1) for text in played.evaluate(CONTROLS))
    unseen = []
    for _ in range(MOST_STOPS):
        played.keyboard.press("Tab")
        stop = played.evaluate(STOP)
        if stop is None:
            break
        wanted.pop(stop["control"], None)
        if not stop["visible"]:
            unseen.append(stop["html"])
    assert not wanted, "Tab does not reach:\n" + "\n".join(wanted.values())
    assert not unseen, "the focus does not show at:\n" + "\n".join(unseen)


def test_a_call_is_found_inspected_and_left_by_keys_alone(played: Page) -> None:
    played.keyboard.press("j")
    played.keyboard.press("Enter")
    call = played.locator(".row-call", has_text="thank_by_mail").first
    expect(call).to_be_visible()
    selected = played.locator(".row.is-selected")
    while "thank_by_mail" not in (selected.text_content() or ""):
        played.keyboard.press("j")
    played.keyboard.press("Enter")
    expect(played.locator("#inspector")).to_contain_text("thank_by_mail")
    played.keyboard.press("m")
    expect(played.locator("#row-menu")).to_be_visible()
    played.keyboard.press("Escape")
    expect(played.locator("#row-menu")).to_be_hidden()
    played.keyboard.press("Escape")
    expect(played.locator("#inspector")).to_be_empty()


def test_nothing_moves_by_itself_for_who_prefers_reduced_motion(played: Page) -> None:
    played.emulate_media(reduced_motion="reduce")
    for path in ("", "graph/", "history/"):
        played.goto(f"/signals/{path}")
        if path == "history/":
            played.get_by_role("link", name="Replay").first.click()
        expect(played.locator("html")).to_have_attribute("data-conn", "open")
        elsewhere(lambda: call_command("scenario", "like-unlike", verbosity=0))
        if path != "graph/":
            expect(played.locator(".row-origin").first).to_be_visible()
        assert played.evaluate("document.getAnimations().length") == 0
        assert played.locator(TRAVELLING).count() == 0
