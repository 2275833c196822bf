"""The source of a receiver, as lines with the parts of speech of Python.

Comes in: the name of a registered receiver; no path ever does, so no other file can be shown.
Goes out: numbered lines of (style, text) pieces.
"""

from __future__ import annotations

import inspect
import io
import keyword
import linecache
import tokenize
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .. import conf, dispatcher, naming

MOST_LINES = 60
_LONGEST = 300

Piece = tuple[str, str]


class Line(NamedTuple):
    """One line: its number, and its text cut into (style, text) pieces; style is a CSS class or empty."""

    number: int
    pieces: list[Piece]


class Source(NamedTuple):
    """The lines of a receiver; ``cut`` is true when it has more than are shown."""

    lines: list[Line]
    cut: bool = False


def source_of(receiver: str, line: int = 0) -> Source | None:
    """Return the source of the receiver registered under this name, if Python code is there.

    ``line`` tells receivers of one name apart: lambdas, functions that a function makes. The public
    sees none.
    """
    if conf.get().PUBLIC:
        return None
    held = _registered(receiver, line)
    place = naming.receiver_source(held) if held is not None else None
    if place is None:
        return None
    file, first = place
    linecache.checkcache(file)
    lines = linecache.getlines(file)[first - 1 :]
    try:
        block = inspect.getblock(lines[: MOST_LINES + 1])
    except (IndentationError, SyntaxError, tokenize.TokenError):
        block = lines[: MOST_LINES + 1]
    shown = _without_margin(block[:MOST_LINES])
    pieces = highlight(shown)
    return (
        Source([Line(first + index, pieces[index]) for index in range(len(shown))], len(block) > MOST_LINES)
        if shown
        else None
    )


def _registered(name: str, line: int) -> Callable[..., Any] | None:
    for signal in dispatcher.known_signals():
        for one in dispatcher.connected(signal):
            if (
                one.receiver is not None
                and naming.receiver_name(one.receiver) == name
                and (not line or naming.receiver_location(one.receiver)[1] == line)
            ):
                return one.receiver
    return None


def _without_margin(lines: Sequence[str]) -> list[str]:
    lines = [line.rstrip("\r\n").expandtabs(4) for line in lines]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[margin:][:_LONGEST] for line in lines]


def highlight(lines: Sequence[str]) -> list[list[Piece]]:
    """Return the lines as pieces: keywords ``kw``, strings ``str``, comments ``com``, names defined ``fn``.

    What cannot be read as Python to its end is left plain from there on.
    """
    spans: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    defines = False
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            style = "fn" if defines and token.type == tokenize.NAME else _style(token)
            defines = token.type == tokenize.NAME and token.string in ("def", "class")
            if style:
                _mark(spans, token, style)
    except (IndentationError, SyntaxError, tokenize.TokenError):
        pass  # the rest of a block that was cut in mid-statement
    return [_cut(line, spans[number]) for number, line in enumerate(lines, 1)]


def _style(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.COMMENT:
        return "com"
    if token.type == tokenize.STRING or tokenize.tok_name[token.type].startswith("FSTRING"):
        return "str"
    if token.type == tokenize.NAME and keyword.iskeyword(token.string):
        return "kw"
    return "kw" if token.type == tokenize.OP and token.string == "@" else ""


def _mark(spans: dict[int, list[tuple[int, int, str]]], token: tokenize.TokenInfo, style: str) -> None:
    (first, start), (last, end) = token.start, token.end
    for number in range(first, last + 1):
        spans[number].append((start if number == first else 0, end if number == last else _LONGEST, style))


def _cut(line: str, spans: Sequence[tuple[int, int, str]]) -> list[Piece]:
    pieces, at = [], 0
    for start, end, style in spans:
        if start > at:
            pieces.append(("", line[at:start]))
        pieces.append((style, line[start:end]))
        at = end
    return [piece for piece in [*pieces, ("", line[at:])] if piece[1]]
