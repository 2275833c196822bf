"""What axe-core finds on each page and in each of its states, in light and dark (``axe`` says how)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from playwright.sync_api import Page, expect

from dashboard import pipeline

from .axe import assert_accessible, faults
from .complaints import Complaints
from .server import LiveServer
from .test_live import elsewhere, open_live, send, traces

PHONE = {"width": 390, "height": 844}
SCENARIOS = ("rolled-back", "raise-send-robust")


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
    assert any("button-name" in line for line in faults(staff_page, "light"))


def test_a_contrast_that_axe_leaves_undecided_is_computed(staff_page: Page) -> None:
    staff_page.goto("/signals/sessions/")
    staff_page.evaluate(
        """() => {
          const text = document.createElement("p");
          text.textContent = "hardly to be read";
          text.style.background = "linear-gradient(rgb(250 250 250), rgb(230 230 230))";
          text.style.color = "rgb(170 170 170)";
          document.querySelector("main").prepend(text);
        }"""
    )
    assert any("where 4.5 is needed" in line for line in faults(staff_page, "light"))


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


def test_what_opens_over_the_live_page(played: Page) -> None:
    for opener, opened in (
        ('[popovertarget="presets"]', "#presets"),
        ('[popovertarget="filter-help"]', "#filter-help"),
        ('[popovertarget="scenarios"]', "#scenarios"),
        ('.status [data-action="keys"]', "#keys"),
    ):
        if played.locator(opener).count() == 0:
            continue
        played.locator(opener).first.click()
        expect(played.locator(opened)).to_be_visible()
        assert_accessible(played)
        played.keyboard.press("Escape")
        expect(played.locator(opened)).to_be_hidden()
    played.locator("#query").press_sequentially("is")
    expect(played.locator("#completions")).to_be_visible()
    assert_accessible(played)
    played.locator("#query").fill("")
    played.locator(".row-origin").first.focus()
    played.keyboard.press("m")
    expect(played.locator("#row-menu")).to_be_visible()
    assert_accessible(played)


def test_the_live_page_paused_and_then_without_its_server(
    played: Page, server: LiveServer, complaints: Complaints
) -> None:
    played.locator("#pause").click()
    expect(played.locator("#paused")).to_be_visible()
    assert_accessible(played)
    complaints.allow(r"WebSocket|ERR_CONNECTION_REFUSED|\[object Event\]")
    server.stop()
    expect(played.locator("html")).to_have_attribute("data-conn", "reconnecting")
    assert_accessible(played)


def test_a_replay(played: Page) -> None:
    played.goto("/signals/history/")
    played.get_by_role("link", name="Replay").first.click()
    expect(played.locator(".row-origin").first).to_be_visible()
    assert_accessible(played)


def test_an_imported_session(played: Page, tmp_path: Path) -> None:
    file = tmp_path / "colleague.jsonl.gz"
    call_command("signals", "export", "--output", str(file))
    pipeline.sessions().add(io.BytesIO(file.read_bytes()), "colleague.jsonl.gz")
    for path in ("", "graph/", "receivers/"):
        played.goto(f"/signals/sessions/colleague/{path}")
        assert_accessible(played)


def test_a_page_that_is_not_there(staff_page: Page, complaints: Complaints) -> None:
    complaints.allow("404")
    staff_page.goto("/signals/traces/none/")
    assert_accessible(staff_page)


@pytest.mark.parametrize(
    "path",
    [
        "?layout=flat",
        "?q=signal:nothing",
        "?q=(is:error",
        "graph/?q=(is:error",
        "receivers/",
        "history/",
        "sessions/",
    ],
)
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
