"""How much of a name fits, in a font whose letters are all of one width.

Comes in: full names, as hostile as they come. Goes out: short labels; the full name stays in the
node's title.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

ELLIPSIS = "\u2026"

# What would turn the direction of the text around it, or break the line.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")


def cells(text: str) -> int:
    """Return how many cells of a monospace font the text takes: two for wide letters and emoji."""
    return sum(map(_cell, text))


def _cell(letter: str) -> int:
    if letter.isascii():
        return 1
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def clean(name: str) -> str:
    """Return the name without control and direction characters."""
    return _UNSAFE.sub(" ", name)


def whole(text: str) -> str:
    """Return the text as a file can hold it: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def cut(text: str, room: int) -> str:
    """Return the text, its end replaced by an ellipsis where it takes more cells than ``room``."""
    return text if cells(text) <= room else f"{_take(text, room - 1)}{ELLIPSIS}"


def cut_front(text: str, room: int) -> str:
    """Return the text as ``cut`` does, but keep its verb and the whole last parts where they fit.

    ``POST /admin/demo_app/post/add/`` becomes ``POST \u2026/post/add/``, and
    ``manage.py scenario like-unlike`` becomes ``\u2026 like-unlike``.
    """
    if cells(text) <= room:
        return text
    verb, _, title = text.partition(" ")
    mark, heads = ("/", (f"{verb} ", "")) if title.startswith("/") else (" ", ("",))
    parts = text.split(mark)
    for head in heads:
        for first in range(1, len(parts)):
            shorter = f"{head}{ELLIPSIS}{mark}{mark.join(parts[first:])}"
            if cells(shorter) <= room and any(parts[first:]):
                return shorter
    return cut(text, room)


def _take(text: str, room: int) -> str:
    used = 0
    for index, letter in enumerate(text):
        used += _cell(letter)
        if used > room:
            return text[:index]
    return text


def short_names(names: Iterable[str], most: int) -> dict[str, str]:
    """Return, for each dotted name, the last parts of it: as many as ``most`` and as tell it apart.

    A class stays with its method. A name without dots, or with blanks, stays whole.
    """
    split = {name: _parts(name) for name in names}
    wanted = {name: _first_wish(parts, most) for name, parts in split.items()}
    for _ in range(8):
        labels = {name: ".".join(parts[-wanted[name] :]) for name, parts in split.items()}
        taken = Counter(labels.values())
        clashing = [name for name, label in labels.items() if taken[label] > 1 and label != name]
        if not clashing:
            break
        for name in clashing:
            wanted[name] += 1
    return labels if split else {}


def _parts(name: str) -> Sequence[str]:
    cleaned = clean(name)
    if any(letter in cleaned for letter in " /"):
        return [cleaned]
    return cleaned.replace(".<locals>", "").split(".")


def _first_wish(parts: Sequence[str], most: int) -> int:
    if len(parts) <= most:
        return len(parts)
    return 2 if len(parts) > 1 and parts[-2][:1].isupper() else 1
