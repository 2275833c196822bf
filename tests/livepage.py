"""For tests of the live page: a journal that is followed, and a page that obeys its frames as htmx does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dashboard.events import Entry, Process
from dashboard.journal import open_journal
from dashboard.journal.base import Cursor, Journal
from dashboard.query import parse
from dashboard.stream import following as following_module
from dashboard.stream.following import Following
from dashboard.stream.fragments import TREE
from dashboard.stream.frames import Client
from dashboard.stream.hello import Hello
from dashboard.stream.readouts import CHANNELS
from dashboard.tail import Tail

from .samples import PROCESS, call, emission, origin

VOID_ELEMENTS = {"input", "path", "rect", "br", "img", "use"}
IDS_OF_PAGE = {
    *("rows", "rate", "seq", "dropped", "scope", "lamp", "matching", "pill", "pause", "paused", "waiting"),
    *("token", "pulses", "void", "guide", "said", "fill", "journal-error", "ended", "filter-error"),
    "processes",
    "sampled",
    *(f"n-{family}" for family in CHANNELS),
}


def traces(
    first: int, count: int, size: int = 1, *, process: Process = PROCESS, **fields: Any
) -> list[Entry]:
    """Return so many requests of a process, each with ``size`` emissions."""
    made: list[Entry] = []
    for number in range(first, first + count):
        name = f"{number:032d}"
        ms = 100.0 * number
        of_all = {"trace": name, "process": process}
        made.append(origin("opened", ms, title=f"/page/{number}/", **of_all))
        made += [emission(f"{name}-{n}", ms + n, calls=[call()], **of_all, **fields) for n in range(size)]
        made.append(origin("closed", ms + 50, title=f"/page/{number}/", **of_all))
    return made


class _Fragments(HTMLParser):
    """Splits a frame into its top-level elements: tag, attributes, ids inside, text."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[dict[str, str], list[str], list[str]]] = []
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if self._depth == 0:
            self.elements.append((named, [], []))
        elif "id" in named:
            self.elements[-1][1].append(named["id"])
        if tag not in VOID_ELEMENTS:
            self._depth += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._depth and (ids := [value for name, value in attrs if name == "id" and value]):
            self.elements[-1][1].extend(ids)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_ELEMENTS:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.elements[-1][2].append(data)


class Page:
    """What a browser would show: which ids are there, batch by batch. Fails where htmx would log an error."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[str]]] = []
        self.texts: dict[str, str] = {}
        self.token: dict[str, str] = {}
        self.roll = ""
        self.frames = 0

    @property
    def traces(self) -> list[str]:
        """Return the traces on the page as numbers, from the top."""
        return [name[2:].lstrip("0") for _, names in self.batches for name in names if name.startswith("c-")]

    @property
    def flat(self) -> list[str]:
        """Return the ids of the emissions on the page that have a row of their own, from the top."""
        rows = [name[2:] for _, names in self.batches for name in names if name.startswith("r-")]
        return [row for row in rows if not any(f"c-{row}" in names for _, names in self.batches)]

    def obey(self, frame: str) -> None:
        """Swap a frame in."""
        if not frame:
            return
        self.frames += 1
        parser = _Fragments()
        parser.feed(frame)
        assert parser._depth == 0, "a fragment is not closed"
        for attributes, inside, texts in parser.elements:
            self._swap(attributes, inside, " ".join("".join(texts).split()))

    def _swap(self, attributes: dict[str, str], inside: list[str], text: str) -> None:
        how = attributes.get("hx-swap-oob", "")
        if how == "afterbegin:#rows":
            assert inside[0].startswith("b")
            assert not {name for name in inside if self._holds(name)}, "an id comes twice"
            self.batches.insert(0, (inside[0], inside[1:]))
            self.texts[inside[0]] = text
        elif how == "innerHTML:#rows":
            self.batches = []
        elif how == "innerHTML:#said":
            self.texts["said"] = text
        else:
            name = attributes["id"]
            assert self._holds(name) or name in IDS_OF_PAGE, f"#{name} has no target on the page"
            if how == "delete":
                gone = {name, f"c-{name.removeprefix('r-')}"}
                self.batches = [
                    (batch, [one for one in names if one not in gone])
                    for batch, names in self.batches
                    if batch != name
                ]
            self.texts[name] = "" if "hidden" in attributes and name != "token" else text
            if name == "token":
                self.token = attributes
            elif name == "processes":
                self.roll = attributes["data-roll"]

    def _holds(self, name: str) -> bool:
        return any(name == batch or name in ids for batch, ids in self.batches)

    def hello(self, **fields: Any) -> Hello:
        """Return what this page would say after a reconnection."""
        cursor = Cursor.parse(self.token["data-cursor"])
        assert cursor is not None
        shown = [
            (batch, [name[2:] for name in names if name.startswith("c-")])
            for batch, names in reversed(self.batches)
        ]
        return Hello(cursor, self.token["data-tally"], shown, roll=self.roll, **fields)


@asynccontextmanager
async def following(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    """Follow a new journal in the folder, with numbers in every frame."""
    monkeypatch.setattr(following_module, "VITALS_S", 0)
    url = f"sqlite:///{folder / 'live.sqlite3'}"
    with closing(open_journal(url)) as journal, closing(open_journal(url)) as follower:
        made = Live(journal, follower)
        made.following.attach()
        await made.write([])
        yield made
        made.following.detach()


class Live:
    """A journal, its tail, and the shared side, with a beat whenever a test wants one."""

    def __init__(self, journal: Journal, follower: Journal) -> None:
        self.journal = journal
        self.following = Following(Tail(follower, interval_s=0.005), journal.read_trace, _vitals, beat_s=0.01)
        self.now = 0.0

    def client(self, query: str = "", layout: str = TREE, hello: Hello | None = None) -> Client:
        """Return a page that opens now."""
        return Client(self.following, parse(query), layout, hello or Hello(self.journal.head()))

    async def write(self, *groups: Sequence[Entry]) -> None:
        """Store entries, and wait until a beat covers them."""
        for group in groups:
            self.journal.append(list(group))
        head = self.journal.head()
        await eventually(lambda: self.following.head == head)

    async def frame(self, client: Client, page: Page | None = None) -> str:
        """Return the client's next frame, half a second later, and let the page obey it."""
        self.now += 0.5
        text = await client.frame(self.now)
        if page is not None:
            page.obey(text)
        return text


def _vitals(head: Cursor) -> dict[str, str]:
    return {"seq": f'<output id="seq">{head.seq}</output>'}


async def eventually(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], timeout_s: float = 20.0
) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(timeout_s):
        while True:
            result = condition()
            if (await result) if isinstance(result, Awaitable) else result:
                return
            await asyncio.sleep(0.005)
