"""Many processes of one host, for real: one journal, each emission once, under the process that sent it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import pytest

from benchmarks.sockets import Page
from dashboard.events import Origin
from dashboard.journal.base import Cursor

from .packaged import free_port
from .servers import PATIENCE_S, Site, get, is_told, until

FOLLOWS = "layout=flat&q=signal:told"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def gunicorn(port: int, *options: str) -> list[str]:
    return ["-m", "gunicorn", "site_wsgi", "--bind", f"127.0.0.1:{port}", *options]


def uvicorn(port: int, *options: str) -> list[str]:
    return ["-m", "uvicorn", "site_asgi:application", "--port", str(port), *options]


@pytest.mark.parametrize(
    ("server", "options", "workers"),
    [
        (gunicorn, ["--workers", "2"], 2),
        (gunicorn, ["--workers", "2", "--preload"], 2),
        (gunicorn, ["--worker-class", "gthread", "--threads", "4"], 1),
        (uvicorn, [], 1),
        (uvicorn, ["--workers", "2"], 2),
    ],
    ids=["gunicorn prefork", "gunicorn preload", "gunicorn gthread", "uvicorn", "uvicorn workers"],
)
def test_what_a_servers_workers_send_is_journalled_once_under_the_worker_that_sent_it(
    site: Site, server: object, options: Sequence[str], workers: int
) -> None:
    port = free_port()
    arguments = gunicorn(port, *options) if server is gunicorn else uvicorn(port, *options)
    answered: dict[str, int] = {}
    with site.serving(*arguments, port=port) as process:
        until(lambda: ask(port, answered) and len(set(answered.values())) == workers)
        ask(port, answered)
        parent = process.pid
    told = site.told()
    assert {name: one.pid for name, one in told.items()} == answered
    assert {one.host for one in told.values()} == {socket.gethostname()}
    assert {one.role for one in told.values()} == {arguments[1]}
    for worker in set(answered.values()):
        mine = [name for name, pid in answered.items() if pid == worker]
        assert [name for name in told if answered[name] == worker] == mine
    if workers > 1:
        assert parent not in answered.values()


@pytest.mark.parametrize("server", [gunicorn, uvicorn])
def test_a_server_that_is_told_to_end_loses_none_of_its_last_events(
    site: Site, server: Callable[[int], list[str]]
) -> None:
    port = free_port()
    answered: dict[str, int] = {}
    with site.serving(*server(port), port=port) as process:
        ask(port, answered)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    assert {name: one.pid for name, one in site.told().items()} == answered


def ask(port: int, answered: dict[str, int]) -> bool:
    """Ask twenty times, and note which process answered what."""
    for _ in range(20):
        name = f"r{len(answered)}"
        answered[name] = int(get(port, f"/tell/{name}/"))
    return True


def test_daphne_serves_the_dashboard_that_shows_what_every_other_process_did(site: Site) -> None:
    """The app in gunicorn, a command, a shell and the dashboard in daphne: one list."""
    app, pages = free_port(), free_port()
    daphne = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(pages), "site_asgi:application"]
    with (
        site.serving(*gunicorn(app, "--workers", "2"), port=app),
        site.serving(*daphne, port=pages),
    ):
        get(app, "/tell/from-gunicorn/")
        get(pages, "/tell/from-daphne/")
        site.run("job", "return", "from-command")
        site.run("shell", "-c", "from site_urls import told; told.send('from-shell')")
        names = {"from-gunicorn", "from-daphne", "from-command", "from-shell"}
        until(lambda: names <= set(site.told()))
        page = get(pages, "/signals/?layout=flat&q=signal:told")
    roles = {name: one.role for name, one in site.told().items()}
    assert roles == {
        "from-gunicorn": "gunicorn",
        "from-daphne": "daphne",
        "from-command": "job",
        "from-shell": "shell",
    }
    for name, one in site.told().items():
        assert name in page
        assert f'title="{one.role}, pid {one.pid} on {one.host}"' in page
    assert not re.search(r'id="processes"[^>]* hidden', page)


async def test_signals_serve_shows_within_a_second_what_each_of_gunicorns_workers_records(site: Site) -> None:
    """Nothing of the dashboard runs in the app's server, which knows no websocket."""
    app, pages = free_port(), free_port()
    delays: dict[int, list[float]] = defaultdict(list)
    with (
        site.serving(*gunicorn(app, "--workers", "2"), port=app),
        site.serving("manage.py", "signals", "serve", "--port", str(pages), port=pages),
    ):
        async with following(pages, site.head()) as page, asyncio.timeout(PATIENCE_S):
            for number in count():
                name = f"told-{number:03}"
                worker = int(await asyncio.to_thread(get, app, f"/tell/{name}/"))
                answered = time.monotonic()
                await asyncio.to_thread(until, partial(page.shows, name, f"gunicorn, pid {worker} on "))
                delays[worker].append(time.monotonic() - answered)
                if len(delays) == 2 and min(map(len, delays.values())) >= 3:
                    break
    # A busy machine may be late once, and the first row waits for the templates.
    assert all(median(times) < 1 for times in delays.values()), delays
    assert {one.process.pid for one in site.entries() if one.process is not None} == set(delays)


@pytest.mark.parametrize(
    "arguments",
    [
        ["manage.py", "signals", "serve", "--port"],
        ["-m", "daphne", "-b", "127.0.0.1", "site_asgi:application", "-p"],
    ],
    ids=["on its own", "mounted"],
)
async def test_a_dashboard_that_is_killed_costs_the_app_nothing_and_shows_all_when_it_is_back(
    site: Site, arguments: Sequence[str]
) -> None:
    port = free_port()
    serving = partial(site.serving, *arguments, str(port), port=port)
    with site.flooding("f") as end:
        with serving() as dashboard:
            await asyncio.to_thread(until, site.told)
            cursor = site.head()
            async with following(port, cursor) as page:
                await seen(page, 100)
                os.killpg(dashboard.pid, signal.SIGKILL)
                dashboard.wait()
        killed = site.head().seq
        await asyncio.to_thread(until, lambda: site.head().seq > killed + 300)
        with serving():
            async with following(port, cursor) as page:
                await seen(page, 100)
                sent = await asyncio.to_thread(end)
                names = ["f", *(f"f-{number}" for number in range(sent))]
                assert list(site.told()) == names
                await seen(page, sum(cursor.seq < one.seq for one in site.entries() if is_told(one)))
            assert names[-1] in await asyncio.to_thread(get, port, "/signals/?layout=flat&q=signal:told")


class Reader(Page):
    """A page that keeps the rows it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def shows(self, *parts: str) -> bool:
        """Return whether it was sent a row with all of these in it."""
        return any(all(part in row for part in parts) for row in self.texts)

    def _take(self, text: str) -> None:
        super()._take(text)
        self.texts += text.split('<div class="row ')[1:]


@asynccontextmanager
async def following(port: int, cursor: Cursor) -> AsyncIterator[Reader]:
    """Open a live page's socket that goes on after the cursor."""
    page = Reader()
    await page.open(port, "", str(cursor), FOLLOWS)
    try:
        yield page
    finally:
        await page.close()


async def seen(page: Page, emissions: int) -> None:
    """Wait until the page has been told of so many."""
    await asyncio.to_thread(until, lambda: page.matched >= emissions)


def test_an_autoreloaders_parent_records_nothing_and_its_children_lose_nothing_before_their_end(
    site: Site,
) -> None:
    port = free_port()
    answered: dict[str, int] = {}
    with site.serving("manage.py", "runserver", str(port), port=port) as parent:
        until(lambda: reloaded(site, port, answered))
    told = {name: one.pid for name, one in site.told().items()}
    # The old child's other thread answers until the interpreter is gone: a request after the last exit
    # handler is one that nobody can hear any more.
    last = max(
        (name for name in answered if answered[name] == answered["r0"]), key=lambda name: int(name[1:])
    )
    assert told | {last: answered[last]} == answered
    pids = {one.process.pid for one in site.entries() if one.process is not None}
    assert pids == set(answered.values())
    assert len(pids) == 2
    assert parent.pid not in pids


def reloaded(site: Site, port: int, answered: dict[str, int]) -> bool:
    """Ask, and touch the code while the first child answers: it ends soon after, and maybe at once."""
    name = f"r{len(answered)}"
    try:
        answered[name] = int(get(port, f"/tell/{name}/"))
    except (OSError, ValueError):
        # Nobody is there, or was gone in the middle of the answer.
        return False
    if answered[name] == answered["r0"]:
        touched = site.folder / "site_urls.py"
        # The reloader compares times: each touch must be later than the last, whatever the clock's steps.
        os.utime(touched, (0, touched.stat().st_mtime + 1))
        return False
    return True


@pytest.mark.parametrize(
    ("way", "code"),
    [("return", 0), ("exit", 0), ("raise", 1), ("sigterm", -signal.SIGTERM), ("os._exit", 0)],
)
def test_a_short_command_loses_none_of_its_last_events_however_it_ends(
    site: Site, way: str, code: int
) -> None:
    """``os._exit`` ends a process without a word to anybody: only who calls ``flush`` before it keeps all."""
    site.run("job", way, "last", code=code)
    assert site.told()["last"].role == "job"
    origins = [one for one in site.entries() if isinstance(one, Origin)]
    assert origins[0].title == f"job {way} last"
    if way in ("return", "exit", "raise"):
        assert [one.state for one in origins] == ["opened", "closed"]


def test_a_shells_command_is_journalled(site: Site) -> None:
    site.run("shell", "-c", "from site_urls import told; told.send('typed')")
    assert site.told()["typed"].role == "shell"


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_multiprocessing_child_records_under_its_own_number(site: Site, way: str) -> None:
    child = int(site.run("job", way, "parent").split()[-1])
    told = site.told()
    assert list(told) == [f"parent-{way}", "parent"]
    assert told[f"parent-{way}"].pid == child != told["parent"].pid


def test_a_child_forked_inside_a_request_records_under_its_own_number(site: Site) -> None:
    port = free_port()
    with site.serving(*gunicorn(port), port=port):
        child = int(get(port, "/fork/f/"))
    told = site.told()
    assert told["f-child"].pid == child
    assert told["f-before"].pid == told["f-after"].pid != child
