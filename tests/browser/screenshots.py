"""``python -m tests.browser.screenshots FOLDER [STATE …]``: a picture of every page in every state.

Comes in: a folder for the pictures, the names of states (none: all). Goes out: a PNG of each at a desk's and
a phone's size, in light and dark: ``live-paused-1440-dark.png``. It starts its own demos.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, expect, sync_playwright

from dashboard.events import Cause, Entry, Process, Task, decode
from dashboard.journal import open_journal

from ..samples import boom, call, emission, origin
from . import chromium
from .demo import Demo

SIZES = ({"width": 1440, "height": 900}, {"width": 390, "height": 844})
THEMES = ("light", "dark")
PLAYED = ("register-user", "publish-post", "n-plus-one", "bulk-bypass", "raise-send-robust", "rolled-back")
LETTER = "thank_by_mail"
NODES = 500
WEB = [Process("web-1", pid, "MainThread", "gunicorn") for pid in (4711, 4712)]
WORKER = Process("web-2", 88, "MainThread", "celery")
TASKED = "7a" * 16


class Stage(NamedTuple):
    """What a state is set up with: the page, its demo, and whether the window is a phone's."""

    page: Page
    demo: Demo
    narrow: bool

    def open(self, path: str) -> None:
        """Go to an address below ``/signals/``, and wait until it is still."""
        self.page.goto(f"{self.demo.url}/signals/{path}")
        self.page.wait_for_load_state("networkidle")

    def live(self, path: str = "") -> None:
        """Open a page that follows the journal, and wait until it does."""
        self.page.goto(f"{self.demo.url}/signals/{path}")
        expect(self.page.locator("html")).to_have_attribute("data-conn", "open")
        self.page.wait_for_load_state("networkidle")

    def never_answers(self, pattern: str) -> None:
        """Leave requests of this kind without an answer."""
        self.page.route(pattern, lambda route: None)


class State(NamedTuple):
    """A state of a page: which demo it needs, and how to bring it about."""

    demo: str
    reach: Callable[[Stage], None]


# --- the demos ------------------------------------------------------------------------------------


def _empty(folder: Path) -> Demo:
    demo = Demo(folder)
    demo.manage("migrate", "--verbosity", "0", recorded=False)
    demo.manage("seed_demo", recorded=False)
    return demo


def _full(folder: Path) -> Demo:
    demo = _empty(folder)
    for name in PLAYED:
        demo.manage("scenario", name)
    demo.manage("signals", "export", "--output", str(folder / "colleague.json"))
    demo.manage("signals", "import", str(folder / "colleague.json"))
    return demo


def _crowded(folder: Path) -> Demo:
    _empty(folder)
    journal = open_journal(f"sqlite:///{folder / 'crowded.sqlite3'}")
    now = datetime.now(UTC)
    for number in range(NODES):
        trace = f"{number:032x}"
        app = f"app{number % 17}"
        ran = [call(f"{app}.receivers.receiver{number}")]
        journal.append(
            [
                origin(trace=trace, at=now, title=f"/page{number % 40}x/"),
                emission(f"e{number}", trace=trace, at=now, sender=f"{app}.Model{number % 90}", calls=ran),
            ]
        )
    journal.close()
    return Demo(folder, SIGNALSCOPE_JOURNAL=f"sqlite:///{folder / 'crowded.sqlite3'}")


def _mixed(folder: Path) -> Demo:
    _empty(folder)
    journal = open_journal(f"sqlite:///{folder / 'mixed.sqlite3'}")
    now = datetime.now(UTC) - timedelta(seconds=20)
    for number, process in enumerate(WEB * 2):
        journal.append(_request(f"{number:032x}", now + timedelta(seconds=number), process))
    journal.append(_with_tasks(now + timedelta(seconds=10)))
    journal.close()
    return Demo(folder, SIGNALSCOPE_JOURNAL=f"sqlite:///{folder / 'mixed.sqlite3'}")


def _request(trace: str, at: datetime, process: Process) -> list[Entry]:
    there: dict[str, Any] = {"trace": trace, "process": process}
    return [
        origin("opened", at=at, **there),
        emission(f"{trace}-1", at=at + timedelta(milliseconds=3), calls=[call()], **there),
        origin("closed", at=at + timedelta(milliseconds=148), **there),
    ]


def _with_tasks(at: datetime) -> list[Entry]:
    """Return a request that sent two tasks to a worker: one fails, is tried again and goes on, one runs."""
    there: dict[str, Any] = {"trace": TASKED, "process": WEB[0]}
    work: dict[str, Any] = {"trace": TASKED, "process": WORKER}

    def after(ms: float) -> datetime:
        return at + timedelta(milliseconds=ms)

    def deliver(state: Any, ms: float, id: str, **fields: Any) -> Task:
        title, cause = "demo_app.tasks.deliver_issue", Cause("published", 0)
        return Task(id=id, state=state, at=after(ms), verb="task", title=title, cause=cause, **work, **fields)

    raised = call("demo_app.mail.thank_by_mail", outcome="raised", error=boom())
    return [
        origin("opened", at=at, **there),
        emission("published", at=after(9), signal="demo_app.signals.post_published", family="custom",
                 duration_us=14_000.0, calls=[call("demo_app.mail.letters")], **there),
        origin("closed", at=after(60), **there),
        deliver("opened", 80, "t1"),
        emission("sent", at=after(90), duration_us=30_000.0, task="t1", calls=[raised], **work),
        deliver("closed", 130, "t1", status="retry", error="ConnectionRefusedError", duration_us=50_000.0),
        deliver("opened", 180, "t2", attempt=1),
        emission("again", at=after(190), duration_us=30_000.0, task="t2", calls=[call()], **work),
        deliver("closed", 260, "t2", attempt=1, status="success", duration_us=80_000.0),
        deliver("opened", 270, "t3"),
        _newer(after(280)),
    ]  # fmt: skip


def _newer(at: datetime) -> Entry:
    """Return an entry as a later version may write it."""
    return decode(json.dumps({"kind": "hologram", "at": at.isoformat(), "trace": TASKED, "depth": 3}))


def _broken(folder: Path) -> Demo:
    _empty(folder)
    return Demo(folder, SIGNALSCOPE_JOURNAL="redis://127.0.0.1:1/0")


DEMOS: dict[str, Callable[[Path], Demo]] = {
    "empty": _empty,
    "full": _full,
    "crowded": _crowded,
    "mixed": _mixed,
    "broken": _broken,
}


# --- the states -----------------------------------------------------------------------------------


def _selected(stage: Stage) -> None:
    stage.live()
    stage.page.locator(".row-origin", has_text="rolled back").first.click()
    stage.page.locator(".row-call", has_text=LETTER).first.click()
    expect(stage.page.locator("#inspector")).to_contain_text(LETTER)


def _row_menu(stage: Stage) -> None:
    stage.live()
    stage.page.locator(".row-origin").nth(1).focus()
    stage.page.keyboard.press("m")
    expect(stage.page.locator("#row-menu")).to_be_visible()


def _completion(stage: Stage) -> None:
    stage.live()
    stage.page.locator("#query").press_sequentially("is")
    expect(stage.page.locator("#completions")).to_be_visible()


def _paused(stage: Stage) -> None:
    stage.live()
    stage.page.locator('[data-action="pause"]').first.click()
    stage.demo.manage("scenario", "like-unlike")
    expect(stage.page.locator("#paused")).to_be_visible()
    expect(stage.page.locator("#waiting")).to_contain_text("emission")


def _disconnected(stage: Stage) -> None:
    stage.live()
    stage.demo.stop()
    expect(stage.page.locator("html")).to_have_attribute("data-conn", "reconnecting")


def _bursting(stage: Stage) -> None:
    stage.live()
    burst = stage.demo.begin("scenario", "burst")
    expect(stage.page.locator("#rows")).to_contain_text("scenario burst", timeout=60_000)
    stage.page.wait_for_timeout(600)
    burst.wait()


def _burst_panel(stage: Stage) -> None:
    stage.live()
    if stage.narrow:
        stage.page.get_by_role("button", name="Graph").click()
    stage.demo.manage("scenario", "burst")
    expect(stage.page.locator("#graph-panel")).to_contain_text("The newest", timeout=60_000)


def _unfolded(stage: Stage) -> None:
    stage.live()
    stage.page.locator(".row-origin", has_text="task").first.click()
    expect(stage.page.locator(".row-task").first).to_be_visible()


def _newer_entry(stage: Stage) -> None:
    stage.open(f"traces/{TASKED}/")
    stage.page.locator(".row-unknown a").first.click()
    stage.page.wait_for_load_state("networkidle")


def _opens(path: str, button: str) -> Callable[[Stage], None]:
    def reach(stage: Stage) -> None:
        stage.live(path)
        stage.page.locator(button).first.click()

    return reach


def _keys(path: str) -> Callable[[Stage], None]:
    def reach(stage: Stage) -> None:
        stage.open(path)
        stage.page.keyboard.press("?")
        expect(stage.page.locator("#keys")).to_be_visible()

    return reach


def _at(path: str) -> Callable[[Stage], None]:
    return lambda stage: stage.open(path)


def _follows(path: str) -> Callable[[Stage], None]:
    return lambda stage: stage.live(path)


def _loading_graph(stage: Stage) -> None:
    stage.never_answers("**/signals/graph/?panel=1**")
    stage.page.goto(f"{stage.demo.url}/signals/")
    expect(stage.page.locator("html")).to_have_attribute("data-conn", "open")
    if stage.narrow:
        stage.page.get_by_role("button", name="Graph").click()


def _loading_sheet(stage: Stage) -> None:
    stage.never_answers("**/signals/emissions/**")
    stage.live()
    stage.page.locator(".row-origin", has_text="rolled back").first.click()
    stage.page.locator(".row-call", has_text=LETTER).first.click()


def _loading_rows(stage: Stage) -> None:
    stage.never_answers("**/signals/rows/**")
    stage.live()
    stage.page.locator(".row-origin").first.click()


def _trace(stage: Stage) -> None:
    stage.open("")
    address = stage.page.locator(".row-origin", has_text="rolled back").first.get_attribute("data-href")
    stage.page.goto(f"{stage.demo.url}{address}")
    stage.page.wait_for_load_state("networkidle")


def _trace_call(stage: Stage) -> None:
    _trace(stage)
    stage.page.locator(".row", has_text=LETTER).last.click()
    expect(stage.page.locator("#inspector")).to_contain_text(LETTER)


def _phone_graph(stage: Stage) -> None:
    stage.live()
    if stage.narrow:
        stage.page.get_by_role("button", name="Graph").click()


def _graph_node(stage: Stage) -> None:
    stage.live("graph/?window=all")
    stage.page.get_by_role("link", name=LETTER).locator("visible=true").first.click()
    expect(stage.page.locator("#node")).to_contain_text(LETTER)


def _receiver(stage: Stage) -> None:
    stage.open("receivers/")
    stage.page.locator(".twist").nth(2).click()
    expect(stage.page.locator(".more")).to_be_visible()


def _replay(stage: Stage) -> None:
    stage.open("history/")
    stage.page.get_by_role("link", name="Replay").first.click()
    expect(stage.page.locator("html")).to_have_attribute("data-conn", "open")
    expect(stage.page.locator(".row-origin").first).to_be_visible()


def _replay_session(stage: Stage) -> None:
    stage.open("sessions/colleague/history/")
    stage.page.get_by_role("link", name="Replay").first.click()
    expect(stage.page.locator(".row-origin").first).to_be_visible()


def _compared(stage: Stage) -> None:
    stage.open("compare/")
    stage.page.get_by_role("button", name="Compare A with B").click()
    expect(stage.page.locator("#summary")).to_be_visible()


def _outsider(stage: Stage) -> None:
    _enter(stage.page, stage.demo, "reader")
    stage.page.goto(f"{stage.demo.url}/signals/")


STATES: dict[str, State] = {
    "live-empty": State("empty", _follows("")),
    "trace-none": State("empty", _at("traces/none/")),
    "graph-empty": State("empty", _follows("graph/")),
    "receivers-empty": State("empty", _at("receivers/")),
    "history-empty": State("empty", _at("history/")),
    "sessions-empty": State("empty", _at("sessions/")),
    "compare-empty": State("empty", _at("compare/")),
    "live": State("full", _phone_graph),
    "live-stream": State("full", _follows("")),
    "live-flat": State("full", _follows("?layout=flat")),
    "live-selected": State("full", _selected),
    "live-menu": State("full", _row_menu),
    "live-completion": State("full", _completion),
    "live-filtered": State("full", _follows("?q=is:error+receiver:mail_server_is_down")),
    "live-nothing": State("full", _follows("?q=signal:nothing")),
    "live-wrong": State("full", _at("?q=signal:post_save+AND+(is:error")),
    "live-presets": State("full", _opens("?q=is:slow", '[popovertarget="presets"]')),
    "live-help": State("full", _opens("", '[popovertarget="filter-help"]')),
    "live-jump": State("full", _opens("", ".jump summary, #jump")),
    "live-scenarios": State("full", _opens("", '[popovertarget="scenarios"]')),
    "live-keys": State("full", _keys("")),
    "live-loading-graph": State("full", _loading_graph),
    "live-loading-sheet": State("full", _loading_sheet),
    "live-loading-rows": State("full", _loading_rows),
    "live-paused": State("full", _paused),
    "trace": State("full", _trace),
    "trace-call": State("full", _trace_call),
    "graph": State("full", _follows("graph/?window=all")),
    "graph-node": State("full", _graph_node),
    "graph-found": State("full", _follows("graph/?window=all&find=mail")),
    "graph-unknown": State("full", _follows("graph/?window=all&find=no+such+node")),
    "receivers": State("full", _at("receivers/")),
    "receivers-open": State("full", _receiver),
    "receivers-none": State("full", _at("receivers/?find=no+such+receiver")),
    "history": State("full", _at("history/")),
    "history-found": State("full", _at("history/?q=is:error")),
    "history-none": State("full", _at("history/?q=signal:nothing")),
    "history-wrong": State("full", _at("history/?q=took:>")),
    "replay": State("full", _replay),
    "sessions": State("full", _at("sessions/")),
    "session-live": State("full", _at("sessions/colleague/")),
    "session-graph": State("full", _at("sessions/colleague/graph/")),
    "session-receivers": State("full", _at("sessions/colleague/receivers/")),
    "session-history": State("full", _at("sessions/colleague/history/")),
    "session-replay": State("full", _replay_session),
    "session-keys": State("full", _keys("sessions/colleague/")),
    "session-missing": State("full", _at("sessions/nobody/")),
    "compare": State("full", _at("compare/")),
    "compared": State("full", _compared),
    "refused": State("full", _outsider),
    "compare-missing": State("full", _at("compare/?a=none&b=none")),
    "emission-missing": State("full", _at("emissions/none/")),
    "live-burst-panel": State("full", _burst_panel),
    "live-bursting": State("full", _bursting),
    "live-disconnected": State("full", _disconnected),
    "crowded-graph": State("crowded", _follows("graph/?window=all")),
    "crowded-graph-flat": State("crowded", _follows("graph/?window=all&group=none")),
    "crowded-live": State("crowded", _follows("")),
    "crowded-receivers": State("crowded", _at("receivers/")),
    "mixed-live": State("mixed", _follows("")),
    "mixed-tasks": State("mixed", _unfolded),
    "mixed-flat": State("mixed", _follows("?layout=flat")),
    "mixed-process": State("mixed", _follows("?q=process:web-2:88")),
    "mixed-trace": State("mixed", _at(f"traces/{TASKED}/")),
    "mixed-entry": State("mixed", _newer_entry),
    "mixed-graph": State("mixed", _follows("graph/?window=all")),
    "mixed-history": State("mixed", _at("history/")),
    "broken-live": State("broken", _at("")),
    "broken-graph": State("broken", _at("graph/")),
    "broken-history": State("broken", _at("history/")),
    "broken-receivers": State("broken", _at("receivers/")),
    "broken-trace": State("broken", _at("traces/none/")),
    "broken-emission": State("broken", _at("emissions/none/")),
    "broken-compare": State("broken", _at("compare/")),
}
"""Each state by its name. One that ends its server comes after those that need it."""


# --- taking the pictures --------------------------------------------------------------------------


def _enter(page: Page, demo: Demo, name: str) -> None:
    page.context.add_cookies([{"name": "sessionid", "value": demo.sign_in(name), "url": demo.url}])


def _take(browser: Browser, demo: Demo, name: str, folder: Path) -> None:
    for size in SIZES:
        context = browser.new_context(viewport=size, locale="en-GB", timezone_id="UTC")  # type: ignore[arg-type]
        try:
            page = context.new_page()
            _enter(page, demo, "admin")
            STATES[name].reach(Stage(page, demo, size["width"] < 640))
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                page.screenshot(path=folder / f"{name}-{size['width']}-{theme}.png")
        finally:
            context.close()
            demo.start()


def main() -> None:
    """Take the pictures; end with status 1 when a state was not reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("states", nargs="*", metavar="STATE", help=f"of {', '.join(STATES)}")
    options = parser.parse_args()
    if unknown := set(options.states) - set(STATES):
        parser.error(f"There is no state {', '.join(sorted(unknown))}. Known ones: {', '.join(STATES)}.")
    options.folder.mkdir(parents=True, exist_ok=True)
    # Whoever ends this ends its demos with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    missed = []
    with ExitStack() as stack, sync_playwright() as playwright:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="signalscope-")))
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=["--no-sandbox"])
        demos: dict[str, Demo] = {}
        for name in options.states or STATES:
            kind = STATES[name].demo
            if kind not in demos:
                demos[kind] = DEMOS[kind](scratch / kind)
                stack.callback(demos[kind].stop)
                demos[kind].start()
            try:
                _take(browser, demos[kind], name, options.folder)
                print(name)  # noqa: T201
            except Exception as error:
                missed.append(name)
                print(f"{name}: {error}", file=sys.stderr)  # noqa: T201
        browser.close()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
