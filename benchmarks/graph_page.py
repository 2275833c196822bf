"""The graph's page in a real Chromium: when its first frame is there, long tasks, frames with dots.

Comes in: entries of projects of some sizes. Goes out: a table, and the sizes that miss a figure. The
demo serves the page, from a journal of these entries; times are the browser's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

PORT = int(os.environ.get("PORT", "8799"))
ADDRESS = f"http://127.0.0.1:{PORT}"
LOADS = 5
FRAME_MS = 80.0
"""To reach with 500 nodes: from the first byte of the page to its first frame with the drawing."""

LEAST_FPS = 55.0

_WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
  .observe({ type: "longtask", buffered: true });
"""
_FIRST_FRAME = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return [page.responseStart - page.requestStart, paint.startTime - page.responseStart];
}"""
# Dots on many edges, as a frame of the socket would start them, and how many frames go by.
_FRAMES = """async () => {
  const names = [...document.querySelectorAll(".node.is-row:not(.is-group)")].slice(0, 40);
  const paths = Object.fromEntries(names.map((node) => {
    const [, signal, sender] = node.dataset.path.split("|");
    return [`|${sender}|${signal}|`, 3];
  }));
  const begun = performance.now();
  let [frames, most, beat] = [0, 0, 0];
  while (performance.now() - begun < 3000) {
    if (performance.now() - begun > beat * 100) {
      beat += 1;
      const element = document.createElement("i");
      element.id = "pulses";
      element.dataset.pulses = JSON.stringify(paths);
      document.getElementById("pulses").replaceWith(element);
      document.dispatchEvent(new CustomEvent("htmx:wsAfterMessage"));
    }
    await new Promise(requestAnimationFrame);
    frames += 1;
    most = Math.max(most, Number(document.querySelector(".dots").dataset.travelling ?? 0));
  }
  return [frames / 3, most];
}"""


def measure(projects: dict[int, Sequence[Any]]) -> list[int]:
    """Print what the browser measured; return the sizes that miss a figure."""
    from playwright.sync_api import sync_playwright

    from tests.browser import chromium

    print("\n nodes  group  drawn    server     frame  long tasks    redraw  long tasks     fps   dots")
    missed = []
    with sync_playwright() as playwright, TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        for nodes, entries in projects.items():
            with _serve(Path(folder) / str(nodes), entries):
                page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
                page.add_init_script(_WATCH)
                _sign_in(page)
                reached = [_measure(page, nodes, grouping) for grouping in ("auto", "none")]
                if not all(reached[: 1 if nodes > 500 else 2]):
                    missed.append(nodes)
                page.context.close()
        browser.close()
    for nodes in missed:
        print(f"Missed with {nodes} nodes: {FRAME_MS:.0f} ms to a frame, no long task, {LEAST_FPS:.0f} fps.")
    return missed


def _measure(page: Page, nodes: int, grouping: str) -> bool:
    address = f"{ADDRESS}/signals/graph/?window=all&group={grouping}"
    taken, tasks = [], []
    for _ in range(LOADS + 1):
        page.goto(address, wait_until="load")
        # Not wait_for_function: Playwright evaluates text for it, which the content policy forbids.
        while not page.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
            page.wait_for_timeout(50)
        page.wait_for_timeout(500)
        taken.append(page.evaluate(_FIRST_FRAME))
        tasks.append(page.evaluate("window.longTasks"))
    server, frame = (sorted(values)[LOADS // 2] for values in zip(*taken[1:], strict=True))
    page.evaluate("window.longTasks.length = 0")
    redraw = page.evaluate(
        """async () => {
          let begun = 0;
          document.addEventListener("graph:leaving", () => { begun = performance.now(); }, { once: true });
          const group = document.querySelector("[name=find]");
          group.value = ".";
          group.dispatchEvent(new Event("input", { bubbles: true }));
          await new Promise((done) => document.addEventListener("graph:redrawn", done, { once: true }));
          await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          return performance.now() - begun;
        }"""
    )
    page.wait_for_timeout(300)
    after = page.evaluate("window.longTasks")
    fps, dots = page.evaluate(_FRAMES)
    drawn = page.locator(".node[data-node]").count()
    worst = max(tasks[1:], key=sum)
    print(
        f"{nodes:>6} {grouping:>6} {drawn:>6} {server:>9.0f} {frame:>9.0f} {_told(worst):>11} {redraw:>9.0f} "
        f"{_told(after):>11} {fps:>7.0f} {dots:>6}"
    )
    return bool((frame <= FRAME_MS or nodes > 500) and not worst and not after and fps >= LEAST_FPS)


def _told(tasks: Sequence[float]) -> str:
    return " ".join(f"{task:.0f}" for task in tasks) or "-"


def _sign_in(page: Page) -> None:
    page.goto(f"{ADDRESS}/admin/login/?next=/signals/graph/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", "admin")
    page.click("[type=submit]")
    page.wait_for_url("**/signals/graph/")


@contextmanager
def _serve(folder: Path, entries: Sequence[Any]) -> Iterator[None]:
    """Serve the demo with a journal of these entries, as if they had been recorded just now."""
    from dashboard.journal import open_journal

    folder.mkdir(parents=True)
    url = f"sqlite:///{folder / 'journal.sqlite3'}"
    begin = datetime.now(UTC) - timedelta(seconds=50)
    first = entries[0].at
    for entry in entries:
        entry.at = begin + (entry.at - first)
    with closing(open_journal(url)) as journal:
        journal.append(entries)
    environment = os.environ | {"SIGNALSCOPE_JOURNAL": url, "DATA_DIR": str(folder), "DJANGO_DEBUG": "1"}
    manage = [sys.executable, "manage.py"]
    for command in ("migrate", "seed_demo"):
        subprocess.run([*manage, command, "-v0"], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    server = subprocess.Popen(  # noqa: S603
        [*manage, "runserver", f"127.0.0.1:{PORT}", "--noreload"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for_server()
        yield
    finally:
        server.kill()
        server.wait(10)


def _wait_for_server() -> None:
    for _ in range(100):
        try:
            urlopen(f"{ADDRESS}/admin/login/", timeout=5).close()  # noqa: S310  (our own server)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"No server at {ADDRESS} after 20 s. Is the port free? Choose another: PORT=8800")
