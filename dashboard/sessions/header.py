"""The first line of a session file: what it is, where it comes from, what it holds.

Comes in: a line of a file from anywhere. Goes out: a ``Header`` of known shape, or ``SessionError``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

FORMAT = 1
"""Raised when an older Signalscope would misread the file; new fields and kinds do not raise it."""

_Words = Annotated[str, msgspec.Meta(max_length=500)]
_Query = Annotated[str, msgspec.Meta(max_length=4_000)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class SessionError(Exception):
    """A session cannot be made, read or kept: what is wrong, the value seen, the remedy."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a session file says of itself.

    ``filter``, ``trace``, ``since`` and ``until`` are what was asked for. ``first`` and ``last`` are the
    times of its entries, ``oldest`` and ``newest`` the seqs they had. ``dropped`` is how many emissions
    its ``gaps`` stand for.
    """

    signalscope_session: Annotated[int, msgspec.Meta(ge=1, le=10**6)]
    signalscope: _Words = ""
    python: _Words = ""
    django: _Words = ""
    host: _Words = ""
    exported_at: _Moment | None = None
    filter: _Query = ""
    trace: _Words = ""
    since: _Words = ""
    until: _Words = ""
    entries: _Count = 0
    emissions: _Count = 0
    traces: _Count = 0
    gaps: _Count = 0
    dropped: _Count = 0
    first: _Moment | None = None
    last: _Moment | None = None
    oldest: _Count = 0
    newest: _Count = 0


def parse(line: bytes, name: str) -> Header:
    """Return the header in a file's first line; ``name`` is the file's, for the error.

    Raises ``SessionError`` for a line that is no header, and for a format of the future.
    """
    try:
        header = msgspec.json.decode(line, type=Header)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SessionError(
            f"{name} is no session of Signalscope: its first line, {_excerpt(line)}, is no header ({error}). "
            "Give a file that manage.py signals export or a page's Export made."
        ) from None
    for moment in (header.exported_at, header.first, header.last):
        if moment is not None and not 1970 <= moment.year < 2200:
            raise SessionError(
                f"{name} names the time {moment.isoformat()}, which no clock shows. "
                "Export it once more, on a machine whose clock is right."
            )
    if header.signalscope_session > FORMAT:
        raise SessionError(
            f"{name} was written by a newer Signalscope ({header.signalscope or 'version unknown'}): "
            f"its format is {header.signalscope_session}, and this one reads up to {FORMAT}. "
            "Update Signalscope here."
        )
    return header


def _excerpt(line: bytes) -> str:
    text = repr(line[:60])[1:]
    return text if len(line) <= 60 else f"{text}…"
