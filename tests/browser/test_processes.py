"""Rows of several processes: the legend comes by itself, each row tells its own, a click leaves one."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from dashboard import pipeline
from dashboard.events import Process

from ..livepage import traces as made_traces
from .test_live import open_live

WORKERS = [Process("web-1", pid, "MainThread", "gunicorn") for pid in (4711, 4712)]


def record(first: int, *workers: Process) -> None:
    """Journal one request of each worker, as the workers themselves would."""
    for number, worker in enumerate(workers, first):
        pipeline.journal().append(made_traces(number, 1, process=worker))


def test_a_second_process_brings_the_legend_and_a_click_leaves_its_rows(staff_page: Page) -> None:
    record(1, WORKERS[0])
    open_live(staff_page)
    legend, chips = staff_page.locator("#processes"), staff_page.locator("#rows .process")
    expect(chips).to_have_count(1)
    expect(legend).to_be_hidden()
    expect(chips).to_be_hidden()

    record(2, WORKERS[1])

    expect(legend).to_be_visible()
    expect(legend.locator("a")).to_have_text(["gunicorn 4712", "gunicorn 4711"], use_inner_text=True)
    expect(chips).to_have_text(["process gunicorn 4712", "process gunicorn 4711"], use_inner_text=True)
    legend.get_by_role("button", name="gunicorn 4711").click()
    expect(staff_page.locator("#rows .trace")).to_have_count(1)
    expect(legend.locator("[aria-pressed=true]")).to_have_text("gunicorn 4711", use_inner_text=True)
    record(3, *WORKERS)
    expect(staff_page.locator("#rows .trace")).to_have_count(2)
    legend.get_by_role("button", name="gunicorn 4711").click()
    expect(staff_page.locator("#rows .trace")).to_have_count(4)


def test_on_a_phone_the_legend_scrolls_and_the_page_does_not(staff_page: Page) -> None:
    staff_page.set_viewport_size({"width": 390, "height": 844})
    record(1, *(Process(f"web-{pid % 2}", pid, "MainThread", "gunicorn") for pid in range(4711, 4723)))
    open_live(staff_page)
    legend = staff_page.locator("#processes")
    expect(legend.locator("a")).to_have_count(8)
    expect(legend).to_contain_text("+4 others")
    expect(legend.get_by_role("button", name="gunicorn web-1:4721")).to_be_attached()
    assert staff_page.evaluate("document.documentElement.scrollWidth") == 390
