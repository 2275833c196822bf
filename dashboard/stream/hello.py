"""What a client says: first the hello, then what its reader does.

Comes in: the text of a websocket message, from anybody. Goes out: a ``Hello`` or an ``Act`` of
bounded size, or ``None`` when it is neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ..journal.base import Cursor

MAX_MESSAGE = 64_000
MAX_BATCHES = 200
MAX_ROWS = 1_000
MAX_KEPT = 30
MAX_ROLL = 8_000
MOST_MS = 60_000.0

ACTS = frozenset(
    {"pause", "resume", "hold", "release", "clear", "keep", "opened", "ack", "hide", "show", "speed"}
)

_ID = re.compile(r"[\w.\-]{1,64}")
_SPEED = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,2})?")
_BATCH = re.compile(r"b[\w\-]{1,40}")


class Hello(msgspec.Struct, frozen=True):
    """What the page already shows: up to where, which batches with which rows (oldest first)."""

    cursor: Cursor
    tally: str = ""
    shown: list[tuple[str, list[str]]] = []
    kept: set[str] = set()
    paused: bool = False
    held: bool = False
    speed: float = 0.0
    roll: str = ""


class Act(msgspec.Struct, frozen=True):
    """What the reader did: one of ``ACTS``.

    ``keep`` comes with row ids, ``ack`` with a frame's number and, if the page could tell, with how many
    milliseconds it took to paint it (otherwise 0), ``opened`` with the batch in which a row
    "+N more" was opened and the traces that now stand there. ``speed`` is a replay's.
    """

    name: str
    ids: set[str] = set()
    frame: int = 0
    shown: Sequence[tuple[str, list[str]]] = ()
    speed: float = 0.0
    took_ms: float = 0.0


def read(text: str | None) -> dict[str, Any] | None:
    """Return the JSON object of a message, or ``None`` when it is none or too large."""
    if text is None or len(text) > MAX_MESSAGE:
        return None
    try:
        message = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def hello_of(text: str | None) -> Hello | None:
    """Return the hello in a message: ``{"cursor": "epoch:seq", "shown": "b2=t3,t2;b1=t1", …}``.

    ``shown`` lists the batches as they stand on the page, newest first.
    """
    message = read(text)
    cursor = Cursor.parse(_text(message, "cursor"))
    if message is None or cursor is None:
        return None
    shown = _batches(_text(message, "shown"))
    if shown is None:
        return None
    return Hello(
        cursor,
        _text(message, "tally")[:500],
        shown,
        _ids(_text(message, "kept")),
        _text(message, "paused") == "1",
        _text(message, "held") == "1",
        _speed(message),
        _text(message, "roll")[:MAX_ROLL],
    )


def act_of(text: str | None) -> Act | None:
    """Return what the reader did: ``{"action": "pause"}``."""
    message = read(text)
    name = _text(message, "action")
    if message is None or name not in ACTS:
        return None
    frame = message.get("frame")
    shown = _batches(_text(message, "shown")) or ()
    number = frame if isinstance(frame, int) else 0
    return Act(name, _ids(_text(message, "ids")), number, shown, _speed(message), _took_ms(message))


def _text(message: dict[str, Any] | None, key: str) -> str:
    value = (message or {}).get(key)
    return value if isinstance(value, str) else ""


def _speed(message: dict[str, Any]) -> float:
    value = _text(message, "speed")
    return float(value) if _SPEED.fullmatch(value) else 0.0


def _took_ms(message: dict[str, Any]) -> float:
    value = message.get("took")
    return min(float(value), MOST_MS) if isinstance(value, int | float) and value > 0 else 0.0


def _batches(text: str) -> list[tuple[str, list[str]]] | None:
    batches: list[tuple[str, list[str]]] = []
    rows = 0
    for part in text.split(";") if text else []:
        name, _, listed = part.partition("=")
        ids = listed.split(",") if listed else []
        if not _BATCH.fullmatch(name) or not all(map(_ID.fullmatch, ids)):
            return None
        rows += len(ids)
        if len(batches) == MAX_BATCHES or rows > MAX_ROWS:
            # What is not taken in stays on the page as it is, and is no longer looked after.
            break
        batches.append((name, ids))
    return batches[::-1]


def _ids(text: str) -> set[str]:
    return {part for part in text.split(",")[:MAX_KEPT] if _ID.fullmatch(part)}
