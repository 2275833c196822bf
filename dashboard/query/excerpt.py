"""Where a query does not parse, as a reader is shown it.

Comes in: the text, and the error. Goes out: the part of the text around the place, cut into what
stands before it, what is wrong, and what follows; the column, counted from 1 as editors do.
"""

from __future__ import annotations

from typing import NamedTuple

from .lexer import QuerySyntaxError, is_boundary

ROOM = 40
"""So many characters are shown on each side."""


class Excerpt(NamedTuple):
    """``wrong`` is empty where something is missing, as at the end of the text."""

    before: str
    wrong: str
    after: str
    column: int


def excerpt(text: str, error: QuerySyntaxError, room: int = ROOM) -> Excerpt:
    """Return the part of ``text`` around the error, at most ``room`` characters on each side."""
    start = min(error.position, len(text))
    end = start
    while end < len(text) and end - start < room and not is_boundary(text[end]):
        end += 1
    if end == start < len(text) and not text[start].isspace():
        end += 1
    before, after = text[max(0, start - room) : start], text[end : end + room]
    return Excerpt(
        f"…{before}" if start > room else before,
        text[start:end],
        f"{after}…" if end + room < len(text) else after,
        start + 1,
    )
