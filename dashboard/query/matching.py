"""How a value is compared with the names and texts of an entry.

Comes in: the value of a term. Goes out: a function of one text. Wildcards are matched piece by
piece with ``str.find``: the time is bounded by the product of two lengths, whatever is typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

TextTest = Callable[[str], bool]

# Names repeat: a project has a few hundred, a stream thousands a second.
_REMEMBERED = 1_024
_PART_END = re.compile(r"[./]")


def contained(value: str, *, wild: bool) -> TextTest:
    """Return a test for text that contains the value; with wildcards, its pieces in this order."""
    pieces = _pieces(value, wild)

    def test(text: str) -> bool:
        return _find_pieces(pieces, text.casefold(), 0) >= 0

    return test


def named(value: str, *, exact: bool, wild: bool) -> TextTest:
    """Return a test for dotted names and paths.

    Plainly, the name contains the value. With wildcards or when ``exact``, the value is the whole
    name, or the whole of its end from one of its parts on: ``Post`` is ``demo_app.Post``, and
    neither ``demo_app.PostImage`` nor ``demo_app.Post.tags``.
    """
    if not exact and not (wild and "*" in value):
        return contained(value, wild=False)
    pieces = _pieces(value, wild)

    @lru_cache(maxsize=_REMEMBERED)
    def test(text: str) -> bool:
        folded = text.casefold()
        return any(_matches_from(pieces, folded, start) for start in part_starts(folded))

    return test


def whole(value: str, *, wild: bool) -> TextTest:
    """Return a test for text that is the value from its first character to its last."""
    pieces = _pieces(value, wild)

    def test(text: str) -> bool:
        return _matches_from(pieces, text.casefold(), 0)

    return test


def part_starts(text: str) -> list[int]:
    """Return where the parts of a dotted name or a path begin."""
    return [0, *(end.end() for end in _PART_END.finditer(text))]


def _pieces(value: str, wild: bool) -> list[str]:
    folded = value.casefold()
    return folded.split("*") if wild else [folded]


def _find_pieces(pieces: list[str], text: str, at: int) -> int:
    """Return where the last piece ends when all stand in the text in order from ``at`` on, else -1."""
    for piece in pieces:
        found = text.find(piece, at)
        if found < 0:
            return -1
        at = found + len(piece)
    return at


def _matches_from(pieces: list[str], text: str, start: int) -> bool:
    first, last = pieces[0], pieces[-1]
    if not text.startswith(first, start):
        return False
    if len(pieces) == 1:
        return len(text) - start == len(first)
    reached = _find_pieces(pieces[1:-1], text, start + len(first))
    return reached >= 0 and text.endswith(last) and len(text) - len(last) >= reached
