"""A client that watches a replay: its own player in the place of the tail, and what its reader does to it.

Comes in: the address of the socket, the hello, acts. Goes out: a ``Following`` of the player, whose vitals
say where it is; and the imported session that it plays, for all that is rendered to link to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from .. import conf, pipeline, wording
from ..events import Entry
from ..journal.base import Cursor
from ..replay import SPEEDS, Player
from ..sessions import current
from . import notices, readouts
from .following import Following
from .hello import Act, Hello

_MOST_DIGITS = 18
_LAMP = mark_safe(
    '<span class="conn" id="lamp" data-conn="paused"><span class="led" aria-hidden="true"></span>'
    "<span>replay</span></span>"
)


class Replaying:
    """One replay of the stretch ``(after, upto]``, once it has begun; of ``session``, if that names one."""

    def __init__(self, after: int, upto: int, speed: float, session: str = "") -> None:
        self._after, self._upto, self._speed = after, upto, speed
        self._session = session
        self._shown: current.Shown | None = None
        self._player: Player | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Sequence[str]]) -> Replaying | None:
        """Return the replay that a socket's address asks for; ``None`` when it asks for the present."""
        if "upto" not in asked:
            return None
        given = {name: values[-1] for name, values in asked.items()}
        return cls(
            seq_of(given.get("after", "")),
            seq_of(given.get("upto", "")),
            speed_of(given.get("speed", "")),
            given.get("session", ""),
        )

    async def begin(self, hello: Hello) -> Following:
        """Return what follows the replay, from where the page is.

        For a page of another journal's life nothing is played. May raise ``JournalError``, and
        ``SessionError`` when there is no such session; what was opened until then ``end`` closes.
        """
        if self._session:
            self._shown = await asyncio.to_thread(pipeline.opened_session, self._session)
        journal = self._shown.journal if self._shown else pipeline.journal()
        head = await asyncio.to_thread(journal.head)
        start = max(hello.cursor.seq, self._after) if hello.cursor.epoch == head.epoch else self._upto
        speed = hello.speed if hello.speed in SPEEDS else self._speed
        player = self._player = await asyncio.to_thread(Player, journal, self._upto, start, speed)
        player.pause(paused=hello.paused)

        def read_trace(trace: str, limit: int) -> list[Entry]:
            return [entry for entry in journal.read_trace(trace, limit) if entry.seq <= player.head.seq]

        def vitals(head: Cursor) -> Mapping[str, str]:
            return vitals_of(player, head)

        return Following(player, read_trace, vitals, conf.get().SLOW_MS, replayed=True)

    def showing(self) -> AbstractContextManager[None]:
        """Show inside what is played: its session, or the live journal."""
        return current.showing(self._shown)

    def end(self) -> None:
        """Close the session's journal; a player that still reads it ends."""
        if self._shown is not None:
            self._shown.journal.close()

    def act(self, act: Act) -> bool:
        """Do to the replay what its reader asks; return whether it was about the replay."""
        if self._player is None or act.name not in ("pause", "resume", "speed"):
            return False
        if act.name == "speed":
            self._player.play_at(act.speed)
        else:
            self._player.pause(paused=act.name == "pause")
        return True


def vitals_of(player: Player, head: Cursor) -> Mapping[str, str]:
    """Return the numbers around the stream as they were then, and where the replay is."""
    rates = player.rates()
    numbers = readouts.readouts(rate=rates.per_second, seq=head.seq, seconds=rates.seconds)
    del numbers["dropped"]
    paused = player.paused and not player.ended
    return numbers | {
        "lamp": _LAMP,
        "pause": render_to_string("signalscope/pause.html", {"paused": paused}),
        "replay-state": state(player),
        "journal-error": notices.journal_error(player.error),
    }


def state(player: Player | None) -> SafeString:
    """Return where a replay is; before it began, that it begins."""
    context = {"player": player}
    if player is not None and player.shortened_s:
        context["silence"] = wording.took(player.shortened_s * 1e6)  # type: ignore[assignment]
    return SafeString(render_to_string("signalscope/replay_state.html", context))


def seq_of(text: str) -> int:
    """Return the number that an address holds, 0 when it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0


def speed_of(text: str) -> float:
    """Return the speed that an address holds, 1 when it is none of ``SPEEDS``."""
    return next((speed for speed in SPEEDS if f"{speed:g}" == text), 1.0)
