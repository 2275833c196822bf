"""The websocket: who may listen, hello first, frames, and what happens when either side misbehaves."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import LazySettings
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client as Browser

from dashboard import pipeline
from dashboard.causality import SUPPRESSED, current
from dashboard.events import Gap
from dashboard.journal.base import Journal, JournalError
from dashboard.routing import websocket_application
from dashboard.sessions import current as shown_session
from dashboard.stream import consumers, fragments
from dashboard.stream.consumers import LiveConsumer

from . import livepage
from .livepage import Page, eventually, traces
from .samples import NOON
from .test_sessions import exported

STAFF = User(username="staff", is_staff=True)
ADDRESS = "/ws/signals/?layout=tree"
ORIGIN = (b"origin", b"http://localhost")


@pytest.fixture
def journal(journal_url: str) -> Iterator[Journal]:
    yield pipeline.journal()
    pipeline.stop()


@pytest.fixture(autouse=True)
async def ended() -> AsyncIterator[None]:
    """Nothing goes on after the test."""
    yield
    for following in list(consumers._followings.values()):
        while following._clients:
            following.detach()
    consumers._followings.clear()


class Socket:
    """A connection as a browser has it. Each frame is confirmed at once, unless ``confirms`` is false."""

    def __init__(
        self, user: Any = STAFF, address: str = ADDRESS, application: Any = None, *, confirms: bool = True
    ) -> None:
        self.page = Page()
        self.confirms = confirms
        self._confirmed = 0
        self.wire = WebsocketCommunicator(application or LiveConsumer.as_asgi(), address)
        if application is None:
            cast("dict[str, Any]", self.wire.scope)["user"] = user

    async def open(self, journal: Journal | None = None) -> None:
        connected, _ = await self.wire.connect()
        assert connected
        if journal is not None:
            await self.say(cursor=str(journal.head()))

    async def say(self, **message: Any) -> None:
        await self.wire.send_to(text_data=json.dumps(message))

    async def hear(self, timeout_s: float = 15.0) -> str:
        text = await self.wire.receive_from(timeout_s)
        assert isinstance(text, str)
        self.page.obey(text)
        frame = int(self.page.token.get("data-frame", 0))
        if self.confirms and frame > self._confirmed:
            self._confirmed = frame
            await self.say(action="ack", frame=frame)
        return text

    async def hear_until(self, pattern: str) -> str:
        async with asyncio.timeout(20):
            while True:
                text = await self.hear()
                if re.search(pattern, text):
                    return text

    async def closed(self) -> int:
        async with asyncio.timeout(20):
            while True:
                message = await self.wire.receive_output(3)
                if message["type"] == "websocket.close":
                    return int(message["code"])

    async def leave(self) -> None:
        await self.wire.disconnect()


async def test_rows_arrive_after_the_hello_and_not_before(journal: Journal) -> None:
    socket = Socket()
    await socket.open()
    journal.append(traces(1, 1))
    assert await socket.wire.receive_nothing(0.2)
    await socket.say(cursor=f"{journal.head().epoch}:0")
    await socket.hear_until("/page/1/")
    assert socket.page.traces == ["1"]
    await socket.leave()


async def test_an_unknown_path_is_refused_and_raises_nothing() -> None:
    wire = WebsocketCommunicator(websocket_application, "/ws/elsewhere/", headers=[ORIGIN])
    connected, _ = await wire.connect()
    assert not connected
    await wire.wait()


async def test_the_filter_in_the_address_is_applied(journal: Journal) -> None:
    socket = Socket(address="/ws/signals/?layout=tree&q=sender:demo_app.Tag")
    await socket.open(journal)
    journal.append(traces(1, 3))
    journal.append(traces(4, 1, sender="demo_app.Tag"))
    await socket.hear_until("/page/4/")
    assert socket.page.traces == ["4"]
    await socket.leave()


async def test_a_filter_that_does_not_parse_is_told_with_its_place_and_no_rows_come(journal: Journal) -> None:
    socket = Socket(address="/ws/signals/?q=is:error+sendr:x")
    await socket.open(journal)
    assert "at column 10" in await socket.hear()
    assert "sendr: is no key. Did you mean sender:?" in socket.page.texts["filter-error"]
    assert "No rows come until then." in socket.page.texts["filter-error"]
    journal.append(traces(1, 1))
    text = await socket.hear_until(f'id="seq">{journal.head().seq}<')
    assert "/page/1/" not in text
    assert socket.page.batches == []
    await socket.leave()


async def test_a_filter_on_the_user_shows_the_trace_when_its_request_has_ended(journal: Journal) -> None:
    socket = Socket(address="/ws/signals/?layout=tree&q=user:admin+signal:post_save")
    await socket.open(journal)
    opened, sent, closed = traces(1, 1)
    journal.append([opened, sent])
    await socket.hear_until(f'id="seq">{journal.head().seq}<')
    assert socket.page.traces == []
    journal.append([closed])
    await socket.hear_until("/page/1/")
    assert socket.page.traces == ["1"]
    await socket.leave()


async def test_pause_and_resume_answer_at_once(journal: Journal) -> None:
    socket = Socket()
    await socket.open(journal)
    await socket.hear()
    await socket.say(action="pause")
    text = await socket.hear()
    assert 'id="paused"' in text
    assert "Resume" in text
    journal.append(traces(1, 2))
    await socket.hear_until('id="waiting">2 emissions<')
    await socket.say(action="resume")
    await socket.hear_until("/page/2/")
    assert socket.page.traces == ["2", "1"]
    await socket.leave()


@pytest.mark.parametrize("text", ["hello", "{}", "[1]", '{"cursor": "x"}', '{"cursor": "a:1", "shown": "<"}'])
async def test_a_malformed_hello_is_told_so_and_closed_for_good(journal: Journal, text: str) -> None:
    socket = Socket()
    await socket.open()
    await socket.wire.send_to(text_data=text)
    assert "malformed" in await socket.hear()
    assert await socket.closed() == consumers.MALFORMED


async def test_bytes_instead_of_text_are_a_malformed_hello(journal: Journal) -> None:
    socket = Socket()
    await socket.open()
    await socket.wire.send_to(bytes_data=b"\x00\xff")
    assert await socket.closed() == consumers.MALFORMED


async def test_a_message_that_is_not_understood_ends_the_connection(journal: Journal) -> None:
    socket = Socket()
    await socket.open(journal)
    await socket.hear()
    await socket.say(action="format c:")
    await socket.hear_until("not understood")
    assert await socket.closed() == consumers.MALFORMED


async def test_silence_instead_of_a_hello_ends_the_connection(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "HELLO_S", 0.05)
    socket = Socket()
    await socket.open()
    assert await socket.closed() == consumers.SILENT


async def test_a_page_that_confirms_nothing_is_sent_no_more(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MAX_UNANSWERED", 3)
    socket = Socket(confirms=False)
    await socket.open(journal)
    for number in range(1, 12):
        journal.append(traces(number, 1))
        await asyncio.sleep(0.1)
    for _ in range(3):
        await socket.hear()
    assert await socket.wire.receive_nothing(0.3)
    await socket.say(action="ack", frame=3)
    await socket.hear_until("/page/11/")
    # What was not sent meanwhile came in one larger frame, and nothing is missing.
    assert socket.page.traces == [str(n) for n in range(11, 0, -1)]
    await socket.leave()


async def test_a_hidden_page_is_sent_nothing_until_it_shows_again(journal: Journal) -> None:
    socket = Socket()
    await socket.open(journal)
    await socket.hear()
    await socket.say(action="hide")
    await asyncio.sleep(0.05)
    journal.append(traces(1, 2))
    assert await socket.wire.receive_nothing(0.3)
    await socket.say(action="show")
    await socket.hear_until("/page/2/")
    assert socket.page.traces == ["2", "1"]
    await socket.leave()


async def test_a_tab_that_stays_hidden_lets_go_of_the_journal_and_comes_back_without_loss(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LINGER_S", 0.02)
    socket = Socket()
    await socket.open(journal)
    await socket.hear()
    (following,) = consumers._followings.values()
    await socket.say(action="hide")
    await eventually(lambda: following._clients == 0)
    assert following._pump is None
    beats = following.beats
    journal.append(traces(1, 3))
    assert await socket.wire.receive_nothing(0.3)
    assert following.beats == beats
    await socket.say(action="show")
    await socket.hear_until("/page/3/")
    assert socket.page.traces == ["3", "2", "1"]
    await socket.leave()
    assert following._clients == 0


async def test_a_tab_that_is_closed_while_hidden_is_let_go_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "LINGER_S", 0.02)
    hidden, shown = Socket(), Socket()
    for socket in (hidden, shown):
        await socket.open(journal)
        await socket.hear()
    (following,) = consumers._followings.values()
    await hidden.say(action="hide")
    await asyncio.sleep(0.2)
    await hidden.leave()
    assert following._clients == 1
    await shown.leave()
    assert following._clients == 0


async def test_drops_of_all_processes_and_the_journals_fill_are_shown(journal: Journal) -> None:
    journal.append([Gap(at=NOON, dropped=7, reason="full"), Gap(at=NOON, dropped=5, reason="full")])
    socket = Socket()
    await socket.open(journal)
    text = await socket.hear_until('id="dropped"')
    assert '<output id="dropped" class="is-lost">12</output>' in text
    assert '<b id="fill">2</b>' in text
    await socket.leave()


async def test_the_journals_trouble_is_shown_and_its_end_too(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = Socket()
    await socket.open(journal)
    await socket.hear()
    healthy = pipeline.health

    def unwell() -> pipeline.Health:
        return pipeline.Health(recording=True, error="The journal is on a <full> disk. Free some space.")

    monkeypatch.setattr(pipeline, "health", unwell)
    text = await socket.hear_until("full")
    assert "&lt;full&gt;" in text
    monkeypatch.setattr(pipeline, "health", healthy)
    await socket.hear_until('id="journal-error" role="alert" hidden')
    await socket.leave()


async def test_a_journal_that_cannot_be_opened_says_so_and_lets_the_page_try_again(
    journal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise JournalError("The journal is no database: x. Delete it.")

    monkeypatch.setattr(pipeline, "tail", broken)
    socket = Socket()
    await socket.open()
    await socket.say(cursor="none:0")
    assert "no database" in await socket.hear()
    assert await socket.closed() == consumers.FAILED


async def test_a_fault_of_ours_closes_with_a_code_that_reconnects(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def faulty(self: Any, now: float) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("dashboard.stream.frames.Client.frame", faulty)
    socket = Socket()
    await socket.open(journal)
    assert await socket.closed() == consumers.FAILED
    assert "the page will reconnect" in caplog.text


async def test_what_the_consumer_does_is_not_recorded(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    framed = asyncio.Event()

    async def watching(self: Any, now: float) -> str:
        seen.append(current.get())
        framed.set()
        return ""

    monkeypatch.setattr("dashboard.stream.frames.Client.frame", watching)
    socket = Socket()
    await socket.open(journal)
    async with asyncio.timeout(20):
        await framed.wait()
    assert seen == [SUPPRESSED]
    await socket.leave()


async def test_the_shared_side_ends_with_the_last_page(journal: Journal) -> None:
    first, second = Socket(), Socket()
    await first.open(journal)
    await second.open(journal)
    await first.hear()
    await second.hear()
    (following,) = consumers._followings.values()
    assert following._clients == 2
    await first.leave()
    await second.leave()
    assert following._clients == 0
    assert following._pump is None


# --- who may listen --------------------------------------------------------------------------------


async def test_a_stranger_is_told_to_sign_in(journal: Journal) -> None:
    socket = Socket(user=AnonymousUser())
    await socket.open()
    assert "You are signed out" in await socket.hear()
    assert await socket.closed() == consumers.LOGGED_OUT


async def test_a_stranger_is_told_so_too_where_login_url_names_no_view(
    journal: Journal, settings: LazySettings
) -> None:
    settings.LOGIN_URL = "no_such_view"
    socket = Socket(user=AnonymousUser())
    await socket.open()
    said = await socket.hear()
    assert "You are signed out" in said
    assert "href" not in said
    assert await socket.closed() == consumers.LOGGED_OUT


async def test_a_user_without_access_is_refused_for_good(journal: Journal) -> None:
    socket = Socket(user=User(username="reader"))
    await socket.open()
    assert "may not look" in await socket.hear()
    assert await socket.closed() == consumers.FORBIDDEN


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/below/ws/signals/", "/ws/signals/"])
async def test_the_socket_is_below_the_script_name_that_a_proxy_left_on_the_path_or_took_off(
    journal: Journal, path: str
) -> None:
    wire = WebsocketCommunicator(websocket_application, path, headers=[ORIGIN])
    cast("dict[str, Any]", wire.scope)["root_path"] = "/below"
    connected, _ = await wire.connect()
    assert connected
    await wire.disconnect()


async def test_a_page_of_another_host_is_not_accepted(journal: Journal) -> None:
    wire = WebsocketCommunicator(
        websocket_application, ADDRESS, headers=[(b"origin", b"http://evil.example")]
    )
    connected, _ = await wire.connect()
    assert not connected


@pytest.mark.django_db(transaction=True)
async def test_the_session_decides_and_signing_out_ends_the_stream(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    user = await sync_to_async(User.objects.create_superuser)("ada", password="x")
    browser = Browser()
    await sync_to_async(browser.force_login)(user)
    cookie = f"{django_settings.SESSION_COOKIE_NAME}={browser.session.session_key}"
    headers = [ORIGIN, (b"cookie", cookie.encode())]
    socket = Socket(application=websocket_application)
    socket.wire = WebsocketCommunicator(websocket_application, ADDRESS, headers=headers)
    await socket.open(journal)
    journal.append(traces(1, 1))
    await socket.hear_until("/page/1/")
    await sync_to_async(SessionStore(browser.session.session_key).delete)()
    await socket.hear_until("signed out")
    assert await socket.closed() == consumers.LOGGED_OUT


@pytest.fixture
def replay_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that has the place for where its replay is, too."""
    monkeypatch.setattr(livepage, "IDS_OF_PAGE", livepage.IDS_OF_PAGE | {"replay-state"})


@pytest.mark.usefixtures("replay_page")
async def test_a_replay_plays_the_stretch_and_nothing_else_and_says_when_it_ended(journal: Journal) -> None:
    journal.append(traces(1, 9))
    after, upto = journal.read(0, 100)[2].seq, journal.read(0, 100)[20].seq
    socket = Socket(address=f"/ws/signals/?layout=tree&after={after}&upto={upto}&speed=10")
    await socket.open()
    await socket.say(cursor=f"{journal.head().epoch}:{after}")
    journal.append(traces(10, 3))
    await socket.hear_until("Ended")
    assert set(socket.page.traces) <= {str(number) for number in range(1, 8)}
    assert "7" in socket.page.traces
    assert "12" not in socket.page.traces
    assert socket.page.token["data-cursor"].endswith(f":{upto}")
    await socket.leave()


@pytest.mark.usefixtures("replay_page")
async def test_a_paused_replay_waits_for_its_reader(journal: Journal) -> None:
    journal.append(traces(1, 3))
    socket = Socket(address="/ws/signals/?layout=tree&after=0&upto=9&speed=10")
    await socket.open()
    await socket.say(cursor=f"{journal.head().epoch}:0", paused="1", speed="0.5")
    text = await socket.hear_until("replay-state")
    assert "Ended" not in text
    assert socket.page.traces == []
    await socket.say(action="speed", speed="10")
    await socket.say(action="resume")
    await socket.hear_until("Ended")
    assert socket.page.traces == ["3", "2", "1"]
    await socket.leave()


@pytest.mark.usefixtures("replay_page")
async def test_a_replay_too_many_is_refused_with_the_reason(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.replay._running", threading.BoundedSemaphore(1))
    journal.append([*traces(1, 1), *traces(10_000, 1)])
    first, second = (Socket(address="/ws/signals/?layout=tree&after=0&upto=6&speed=1") for _ in range(2))
    await first.open(None)
    await first.say(cursor=f"{journal.head().epoch}:0")
    await first.hear_until("replay-state")
    await second.open(None)
    await second.say(cursor=f"{journal.head().epoch}:0")
    assert await second.closed() == 4429
    await first.leave()


@pytest.mark.usefixtures("replay_page")
async def test_a_replay_of_an_imported_session_plays_it_and_links_into_it(journal: Journal) -> None:
    journal.append(traces(1, 3))
    pipeline.sessions().add(io.BytesIO(exported(journal)), "web.jsonl.gz")
    journal.append(traces(4, 3))
    with pipeline.showing("web"):
        head = pipeline.journal().head()
        address = fragments.replay_socket_url(0, head.seq, "10", "tree", "")
    socket = Socket(address=address)
    await socket.open()
    await socket.say(cursor=f"{head.epoch}:0")
    text = ""
    while "Ended" not in text:
        text += await socket.hear()
    assert socket.page.traces == ["3", "2", "1"]
    assert "/signals/sessions/web/traces/" in text
    assert "/signals/traces/" not in text
    assert shown_session.shown() is None
    await socket.leave()


@pytest.mark.parametrize("name", ["nobody", "../web", "WEB", "live", "x" * 500])
async def test_a_replay_of_a_session_that_is_not_there_is_refused_for_good(
    journal: Journal, name: str
) -> None:
    journal.append(traces(1, 3))
    socket = Socket(address=f"/ws/signals/?after=0&upto=9&session={quote(name)}")
    await socket.open(journal)
    text = await socket.hear()
    assert "There is no imported session" in text
    assert "/signals/sessions/" in text
    assert await socket.closed() == 4404


@pytest.mark.usefixtures("replay_page")
async def test_a_replay_that_ends_lets_go_of_its_session(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(traces(1, 3))
    pipeline.sessions().add(io.BytesIO(exported(journal)), "web.jsonl.gz")
    opened: list[shown_session.Shown] = []

    def keep(name: str) -> shown_session.Shown:
        opened.append(open_session(name))
        return opened[-1]

    open_session = pipeline.opened_session
    monkeypatch.setattr(pipeline, "opened_session", keep)
    socket = Socket(address="/ws/signals/?after=0&upto=9&session=web")
    await socket.open(journal)
    await socket.hear()
    assert opened[0].journal.head().seq == 9
    await socket.leave()
    with pytest.raises(JournalError, match="closed"):
        opened[0].journal.read(0, 1)
