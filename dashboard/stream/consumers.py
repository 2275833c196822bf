"""The websocket: who may listen, the hello, then frames until either side ends.

Comes in: ASGI messages. Goes out: frames of HTML, ten times a second at most and only when there is
something to say. Close codes from 4400 on mean that trying again is pointless, and the page says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary, WeakSet

from asgiref.sync import sync_to_async
from channels.auth import get_user
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from msgspec import structs

from .. import access, conf, pipeline
from ..causality import suppressed
from ..journal.base import Cursor, Journal, JournalError
from ..links import reverse
from ..query import QuerySyntaxError, parse
from ..replay import TooManyError
from ..sessions import SessionError
from . import notices, readouts
from .following import Following
from .fragments import FLAT, NONE, TREE
from .frames import Client
from .hello import act_of, hello_of
from .replaying import Replaying

logger = logging.getLogger("signalscope")

HELLO_S = 10.0
RECHECK_S = 60.0
LINGER_S = 5.0
"""A tab that is hidden for longer lets go of the journal: switching to and fro would cost more."""

MAX_UNANSWERED = 3
"""So many frames may be on their way before the page confirms one: what a slow page is behind, at most."""

MALFORMED, LOGGED_OUT, FORBIDDEN, GONE, SILENT, TOO_MANY = 4400, 4401, 4403, 4404, 4408, 4429
FAILED = 1011
_SESSIONS = "signalscope:sessions"

_followings: WeakKeyDictionary[asyncio.AbstractEventLoop, Following] = WeakKeyDictionary()


def following() -> Following:
    """Return what the clients of this event loop share. May raise ``JournalError``."""
    loop = asyncio.get_running_loop()
    tail = pipeline.tail()
    known = _followings.get(loop)
    if known is None or known.tail is not tail:
        # Held here: a thread that ends late must not open the journal again after the pipeline was stopped.
        journal = pipeline.journal()
        known = _followings[loop] = Following(
            tail,
            journal.read_trace,
            _vitals,
            conf.get().SLOW_MS,
            measure=lambda: _measure(journal),
        )
    return known


def _vitals(head: Cursor) -> Mapping[str, str]:
    health = pipeline.health()
    rates = pipeline.tail().rates()
    numbers = readouts.readouts(rate=rates.per_second, seq=head.seq, seconds=rates.seconds)
    # Of all processes; it comes with what is measured.
    del numbers["dropped"]
    return numbers | {"journal-error": notices.journal_error(health.error)}


def _measure(journal: Journal) -> Mapping[str, str]:
    return {
        "dropped": readouts.dropped(pipeline.dropped(journal)),
        "fill": readouts.fill(journal.extent().count),
        "sampled": notices.sampled(pipeline.left_out(journal)),
    }


_public: WeakSet[LiveConsumer] = WeakSet()
"""The sockets that are open while the pages are public, of all event loops of this process."""


class LiveConsumer(AsyncConsumer):
    """One open page."""

    # No channel layer is used, so none is opened: an alias that is not configured gives none.
    channel_layer_alias = "signalscope: none"

    def __init__(self) -> None:
        self._following: Following | None = None
        self._replaying: Replaying | None = None
        self._client: Client | None = None
        self._streaming: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._confirmed = 0
        self._hidden = False
        self._attached = False
        self._begun_at = 0
        self._leaving: asyncio.TimerHandle | None = None
        self._stirred = asyncio.Event()
        self._turn = asyncio.Lock()
        self._closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection, and let go of everything however it ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._end()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one ASGI message. Unlike the inherited way, without closing database connections.

        That would pass every message through one process-wide thread, where anything slow stalls it.
        """
        with suppressed():
            if message["type"] == "websocket.connect":
                await self._connect()
            elif message["type"] == "websocket.receive":
                await self._receive(message.get("text"))
            elif message["type"] == "websocket.disconnect":
                await self._end()
                raise StopConsumer

    # --- the other side speaks -------------------------------------------------------------------

    async def _connect(self) -> None:
        await self.send({"type": "websocket.accept"})
        if await self._is_one_too_many():
            return
        if await self._refuse(self.scope.get("user")):
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(HELLO_S, lambda: loop.create_task(self._no_hello()))

    async def _is_one_too_many(self) -> bool:
        """Refuse the socket that would be more than the public is granted at once."""
        settings = conf.get()
        if not settings.PUBLIC:
            return False
        if len(_public) < settings.PUBLIC_SOCKETS:
            _public.add(self)
            return False
        await self._farewell(
            TOO_MANY,
            f"{settings.PUBLIC_SOCKETS:,} pages follow already.",
            "Reload this one later; until then it stands still.",
            "",
            "Reload",
        )
        return True

    async def _no_hello(self) -> None:
        if self._client is None:
            await self._close(SILENT)

    async def _receive(self, text: str | None) -> None:
        if self._closed:
            return
        if self._client is None:
            await self._begin(text)
            return
        act = act_of(text)
        if act is None:
            await self._farewell(
                MALFORMED,
                "This page sent a message that is not understood.",
                "Reload it to go on.",
                "",
                "Reload",
            )
            return
        if act.name == "ack":
            self._confirmed = max(self._confirmed, min(act.frame, self._client.frame_number))
            if act.took_ms:
                self._client.note_painted(act.took_ms)
        elif act.name in ("hide", "show"):
            self._hide(hidden=act.name == "hide")
        else:
            if self._replaying is None or not self._replaying.act(act):
                self._client.act(act)
            await self._send_frame(self._client)
        self._stirred.set()

    async def _begin(self, text: str | None) -> None:
        hello = hello_of(text)
        if hello is None:
            await self._farewell(
                MALFORMED,
                "The page's first message is malformed.",
                "It should say up to where the page is. Reload it to go on.",
                "",
                "Reload",
            )
            return
        if self._deadline is not None:
            self._deadline.cancel()
        asked = parse_qs(self.scope.get("query_string", b"").decode("utf-8", "replace"))
        layout = asked.get("layout", [TREE])[-1]
        text = asked.get("q", [""])[-1]
        query = parse("")
        try:
            query = parse(text, slow_ms=conf.get().SLOW_MS)
        except QuerySyntaxError as error:
            # Rows that nobody asked for would be worse than none; the numbers go on.
            await self._send(notices.filter_error(text, error))
            layout = NONE
        self._replaying = Replaying.of(asked)
        if self._replaying is not None and conf.get().PUBLIC:
            await self._farewell(
                FORBIDDEN, "Replays are not public here.", "Look at the live page.", "", "Reload"
            )
            return
        try:
            if self._replaying is not None:
                source = await self._replaying.begin(hello)
                hello = structs.replace(hello, paused=False)
            else:
                source = following()
        except JournalError as error:
            await self._send(notices.journal_error(str(error)))
            await self._close(FAILED)
            return
        except SessionError as error:
            await self._farewell(
                GONE, "This replay cannot begin.", str(error), reverse(_SESSIONS), "Sessions"
            )
            return
        self._following = source
        with self._showing():
            self._client = Client(source, query, layout if layout in (FLAT, NONE) else TREE, hello)
            try:
                self._attach()
            except TooManyError as error:
                await self._farewell(TOO_MANY, "This replay cannot begin.", str(error), "", "Reload")
                return
            self._streaming = asyncio.create_task(self._stream(self._client, source))

    def _showing(self) -> AbstractContextManager[None]:
        """Show inside what this socket plays: what is rendered links to it."""
        return contextlib.nullcontext() if self._replaying is None else self._replaying.showing()

    def _hide(self, *, hidden: bool) -> None:
        """Follow nothing while nobody looks: without a tab that looks, the journal is not read."""
        self._hidden = hidden
        if self._replaying is not None:
            # It is this page's own, reads nothing once it has ended, and should not begin again.
            return
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if hidden:
            self._leaving = asyncio.get_running_loop().call_later(LINGER_S, self._detach)
        else:
            self._attach()

    def _attach(self) -> None:
        if self._following is not None and not self._attached:
            self._attached = True
            self._begun_at = self._following.attach()

    def _detach(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self._following is not None and self._attached:
            self._attached = False
            self._following.detach()

    async def _end(self) -> None:
        self._closed = True
        _public.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        if self._streaming is not None:
            self._streaming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._streaming
        self._detach()
        self._following = None
        if self._replaying is not None:
            await asyncio.to_thread(self._replaying.end)

    # --- frames ----------------------------------------------------------------------------------

    async def _stream(self, client: Client, source: Following) -> None:
        try:
            await self._frames(client, source)
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("A frame could not be made; the page will reconnect.")
            await self._close(FAILED)

    async def _frames(self, client: Client, source: Following) -> None:
        loop = asyncio.get_running_loop()
        checked = loop.time()
        beat = self._begun_at
        with suppressed():
            while not self._closed:
                beat = await source.beat_after(beat)
                await asyncio.sleep(client.rest_s(loop.time()))
                if loop.time() - checked > RECHECK_S:
                    checked = loop.time()
                    if await self._refuse(await self._present_user()):
                        return
                while self._must_wait(client):
                    self._stirred.clear()
                    await self._stirred.wait()
                await self._send_frame(client)

    def _must_wait(self, client: Client) -> bool:
        """Whether nobody looks, or nothing arrives: then a frame would only fill a queue."""
        return self._hidden or client.frame_number - self._confirmed >= MAX_UNANSWERED

    async def _send_frame(self, client: Client) -> None:
        async with self._turn:
            if self._must_wait(client):
                return
            try:
                with self._showing():
                    text = await client.frame(asyncio.get_running_loop().time())
            except JournalError as error:
                text = notices.journal_error(str(error))
            if text:
                await self._send(text)

    async def _send(self, text: str) -> None:
        if not self._closed:
            await self.send({"type": "websocket.send", "text": text})

    # --- who may listen --------------------------------------------------------------------------

    async def _present_user(self) -> Any:
        """Return who the session belongs to now: logged out or demoted since the socket was opened?"""
        session = self.scope.get("session")
        if session is None:
            return self.scope.get("user")
        fresh = session.__class__(session.session_key)
        return await get_user({**self.scope, "session": fresh})

    async def _refuse(self, user: Any) -> bool:
        if await sync_to_async(access.allowed)(user):
            return False
        if getattr(user, "is_authenticated", False):
            reason, remedy = "You may not look at signals.", "Sign in as a user who may."
            code = FORBIDDEN
        else:
            reason, remedy = "You are signed out.", "Sign in again to go on; nothing is lost meanwhile."
            code = LOGGED_OUT
        await self._farewell(code, reason, remedy, access.login_url() or "", "Sign in")
        return True

    async def _farewell(self, code: int, reason: str, remedy: str, href: str, action: str) -> None:
        await self._send(notices.ended(reason, remedy, href, action))
        await self._close(code)

    async def _close(self, code: int) -> None:
        if not self._closed:
            self._closed = True
            await self.send({"type": "websocket.close", "code": code})
