"""The live page in a real Chromium under load: frames, long tasks, heap, and from the signal to the pixel.

Run it with ``python -m benchmarks.page``, or ``python -m benchmarks.page --soak MINUTES [RATE]``. Another
process sends real signals that are recorded as in any app, daphne serves the page from a process of its
own, and the page's own clock says when a row was painted: from the ``send`` to there lie the recorder,
the writer, the journal, the tail, the frame and the browser. At the higher rates a page paints a part of
the rows and counts the others; what is painted is what is timed, and what is counted must be all.
Exits with 1 when a figure is missed or an emission is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import django

from .served import Server, prepare, serving

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession
    from playwright.sync_api import Page as Tab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

TRACE_SIZE = 10
TICK_S = 0.01
SECONDS = 30.0
WARM_S = 3.0
SETTLE_S = 3.0

LEAST_FPS = 55.0
DELAY_MS = 150
TASKS_A_MINUTE = 1.0
HEAP_GROWTH = 1.1
"""To reach, as docs/performance.md has it; the heap after ten minutes beside the heap after the first."""

_WATCH = """(() => {
  const kept = { frames: 0, worst: 0, tasks: [], delays: new Uint32Array(20001), rows: 0 };
  window.kept = kept;
  let before = 0;
  const tick = (now) => {
    kept.frames += 1;
    if (before) kept.worst = Math.max(kept.worst, now - before);
    before = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  new PerformanceObserver((list) => kept.tasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: "longtask" });
  new MutationObserver((changes) => {
    const came = [];
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        if (!node.classList?.contains("batch")) continue;
        for (const row of node.querySelectorAll(".row-flat[data-at], .trace .cells[data-at]")) {
          came.push(Number(row.dataset.at) / 1000);
        }
      }
    }
    // A task that a frame's callback leaves behind runs when the frame is drawn.
    if (came.length) requestAnimationFrame(() => setTimeout(() => {
      const now = performance.timeOrigin + performance.now();
      kept.rows += came.length;
      for (const at of came) kept.delays[Math.max(0, Math.min(20000, Math.round(now - at)))] += 1;
    }));
  }).observe(document, { childList: true, subtree: true });
})();"""
_BEGIN = """() => {
  Object.assign(window.kept, { frames: 0, worst: 0, rows: 0 });
  window.kept.tasks.length = 0;
  window.kept.delays.fill(0);
}"""
_END = (
    """() => ({ ...window.kept, delays: [...window.kept.delays.entries()].filter(([, count]) => count) })"""
)
_TALLY = "() => Number(document.getElementById('token').dataset.tally.split('/')[0])"
_HIDE = """() => {
  Object.defineProperty(document, "hidden", { get: () => true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Case(NamedTuple):
    """So many emissions a second, in which layout, in a hidden tab or not."""

    rate: int
    layout: str = "flat"
    hidden: bool = False

    def __str__(self) -> str:
        return f"{self.rate:>6,}/s {self.layout}{', hidden' if self.hidden else ''}"


CASES = (
    Case(10),
    Case(100),
    Case(1_000),
    Case(5_000),
    Case(1_000, "tree"),
    Case(5_000, "tree"),
    Case(1_000, hidden=True),
)


class Measured(NamedTuple):
    """What the page says of a stretch of ``seconds``."""

    seconds: float
    sent: int
    counted: int
    painted: int
    fps: float
    worst_ms: float
    tasks: Sequence[float]
    delays: Sequence[tuple[int, int]]
    busy: float
    heap_mb: float
    server: float

    def delay(self, share: float) -> int:
        """Return below which delay, in ms, this share of the painted rows lies."""
        left = share * self.painted
        for ms, count in self.delays:
            left -= count
            if left <= 0:
                return ms
        return 0

    def missed(self, case: Case) -> list[str]:
        """Return the figures that are missed."""
        if case.hidden:
            return ["counted"] if self.counted != self.sent else []
        figures = {
            "fps": self.fps >= LEAST_FPS,
            "long tasks": len(self.tasks) <= max(1.0, TASKS_A_MINUTE * self.seconds / 60),
            "p99": self.delay(0.99) <= DELAY_MS,
            "counted": self.counted == self.sent,
        }
        return [name for name, reached in figures.items() if not reached]


# --- the app -------------------------------------------------------------------------------------


def emit(rate: int, seconds: float) -> int:
    """Send signals as commands do, ``TRACE_SIZE`` in each trace; return how many. Be recorded meanwhile."""
    from django.core.management.base import BaseCommand
    from django.dispatch import Signal

    from dashboard import pipeline

    measured = Signal()

    def take(sender: object, **named: Any) -> int:
        return int(named["number"])

    measured.connect(take)

    class Command(BaseCommand):
        def handle(self, *args: Any, **options: Any) -> None:
            for number in range(TRACE_SIZE):
                measured.send(Command, number=number)

    command = Command()
    options = {"force_color": False, "no_color": True, "skip_checks": True}
    print("sending", flush=True)
    sent, began = 0, time.monotonic()
    while (elapsed := time.monotonic() - began) < seconds:
        while sent < elapsed * rate:
            command.execute(**options)
            sent += TRACE_SIZE
        time.sleep(TICK_S)
    if not pipeline.flush(60) or pipeline.health().dropped:
        sys.exit("The sending process could not keep everything: the rate is beyond this machine.")
    return sent


@contextmanager
def sending(rate: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Send from a process of its own; its output says how many."""
    command = [sys.executable, "-m", "benchmarks.page", "--emit", str(rate), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  (this module)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# --- the page ------------------------------------------------------------------------------------


def measure(case: Case, tab: Tab, server: Server, seconds: float) -> Iterator[Measured]:
    """Yield what the page shows of each minute, or of the whole where that is less; then open it anew."""
    tools = tab.context.new_cdp_session(tab)
    tools.send("Performance.enable")
    tab.goto(f"http://127.0.0.1:{server.port}/signals/?layout={case.layout}")
    tab.wait_for_selector("html[data-conn=open]")
    if case.hidden:
        tab.evaluate(_HIDE)
    before = tab.evaluate(_TALLY)
    with sending(case.rate, WARM_S + seconds) as process:
        tab.wait_for_timeout(WARM_S * 1000)
        left = seconds
        while left > 0:
            part = min(left, 60.0)
            left -= part
            found = _part(tab, tools, server, part)
            if left > 0:
                yield found
        output, _ = process.communicate(timeout=seconds + 60)
        sent = int(output)
    tab.wait_for_timeout(SETTLE_S * 1000)
    counted = sent if case.hidden else tab.evaluate(_TALLY) - before
    yield found._replace(sent=sent, counted=counted)
    tools.detach()


def _part(tab: Tab, tools: CDPSession, server: Server, seconds: float) -> Measured:
    tab.evaluate(_BEGIN)
    busy, cpu, began = _busy(tools), server.cpu(), time.monotonic()
    tab.wait_for_timeout(seconds * 1000)
    kept = tab.evaluate(_END)
    took = time.monotonic() - began
    busy, cpu = _busy(tools) - busy, server.cpu() - cpu
    tools.send("HeapProfiler.collectGarbage")
    heap = tools.send("Runtime.getHeapUsage")["usedSize"]
    return Measured(
        seconds=took,
        sent=0,
        counted=0,
        painted=kept["rows"],
        fps=kept["frames"] / took,
        worst_ms=kept["worst"],
        tasks=kept["tasks"],
        delays=kept["delays"],
        busy=busy / took,
        heap_mb=heap / 1e6,
        server=cpu / took,
    )


def _busy(tools: CDPSession) -> float:
    """Return how long the page's main thread has worked so far, in seconds."""
    metrics = {one["name"]: one["value"] for one in tools.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


# --- the report ----------------------------------------------------------------------------------

_HEAD = (
    f"{'':>18} {'fps':>5} {'worst':>7} {'long tasks':>16} {'p50':>6} {'p99':>6} {'painted':>8} "
    f"{'counted':>9} {'page busy':>9} {'server':>7} {'heap':>8}"
)


def _told(name: str, found: Measured) -> str:
    tasks = f"{len(found.tasks)}, {max(found.tasks):.0f} ms" if found.tasks else "-"
    counted = f"{found.counted:,}" if found.sent else ""
    return (
        f"{name:>18} {found.fps:>5.1f} {found.worst_ms:>4.0f} ms {tasks:>16} {found.delay(0.5):>3} ms "
        f"{found.delay(0.99):>3} ms {found.painted:>8,} {counted:>9} {found.busy:>9.0%} {found.server:>7.0%} "
        f"{found.heap_mb:>5.1f} MB"
    )


def rates(tab: Tab, server: Server) -> bool:
    """Print a line for each case; return whether all reached their figures."""
    print(_HEAD)
    good = True
    for case in CASES:
        *_, found = measure(case, tab, server, SECONDS)
        missed = found.missed(case)
        print(_told(str(case), found) + (f"  missed: {', '.join(missed)}" if missed else ""), flush=True)
        good = good and not missed
    return good


def soak(tab: Tab, server: Server, minutes: float, rate: int) -> bool:
    """Print a line for each minute; return whether the heap stayed flat and the figures held."""
    print(_HEAD)
    case = Case(rate)
    heaps: list[float] = []
    good = True
    for number, found in enumerate(measure(case, tab, server, minutes * 60), 1):
        heaps.append(found.heap_mb)
        missed = found.missed(case)
        print(
            _told(f"minute {number}", found) + (f"  missed: {', '.join(missed)}" if missed else ""),
            flush=True,
        )
        good = good and not missed
    print(f"Heap: {heaps[-1] / heaps[0]:.2f} times that after the first minute.")
    return good and heaps[-1] <= HEAP_GROWTH * heaps[0]


def main() -> int:
    """Measure in a folder of its own; return 0 when every figure was reached."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.page")
    options.add_argument("--soak", nargs="+", type=float, metavar=("MINUTES", "RATE"))
    options.add_argument("--emit", nargs=2, type=float, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.emit:
        django.setup()
        print(emit(int(asked.emit[0]), asked.emit[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["SIGNALSCOPE_JOURNAL"] = f"sqlite:///{Path(folder) / 'journal.sqlite3'}"
        django.setup()
        with serving() as server, browsing(prepare(), server) as tab:
            if asked.soak:
                minutes, rate = (*asked.soak, 1_000.0)[:2]
                return 0 if soak(tab, server, minutes, int(rate)) else 1
            return 0 if rates(tab, server) else 1


@contextmanager
def browsing(session: str, server: Server) -> Iterator[Tab]:
    """Open a tab that is signed in and watches itself."""
    from playwright.sync_api import sync_playwright

    from tests.browser import chromium

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        address = f"http://127.0.0.1:{server.port}"
        context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
        context.add_init_script(_WATCH)
        try:
            yield context.new_page()
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
