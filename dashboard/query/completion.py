"""What can be typed next: keys, then values.

Comes in: the text of the box, where the cursor stands in it, and what was seen. Goes out: suggestions,
each with the whole text that choosing it makes. The text need not parse: it is being typed.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple

from ..naming import FAMILIES
from .lexer import MAX_LENGTH, key_in, operator_at
from .nodes import Condition, render
from .seen import KEYS as SEEN_KEYS
from .seen import Seen
from .terms import KEYS, METHODS

MOST = 16
MOST_ELSEWHERE = 3
"""So many values of each key are offered while no key is typed."""

_ENOUGH = 2
"""So many letters must be typed before values of all keys are looked through."""

FLAG_HELP = {
    "error": "a receiver raised, or the request failed",
    "slow": "took SLOW_MS or more",
    "loop": "a signal that caused itself",
    "rolled-back": "in a transaction that was rolled back",
    "bypass": "rows changed without a signal",
    "n+1": "a receiver repeated a query",
    "mutated": "a receiver changed the instance",
    "async": "an async receiver ran",
}

_OFFERED: dict[str, dict[str, str]] = {
    "is": FLAG_HELP,
    "family": dict.fromkeys((*FAMILIES, "bypass"), ""),
    "method": dict.fromkeys(METHODS, ""),
    "took": {">10ms": "longer than", ">50ms": "", ">1s": "", "<1ms": "shorter than", "10ms..1s": "from, to"},
    "queries": {">5": "more than", ">20": "", "0": "exactly", "2..10": "from, to"},
    "since": {"1m": "the last minute", "10m": "", "1h": "", "1d": ""},
}

_UNITS = {
    "took": {"ms": "milliseconds", "us": "microseconds", "s": "seconds"},
    "since": {"s": "seconds ago", "m": "minutes ago", "h": "hours ago", "d": "days ago"},
}
_NUMBER_AT_END = re.compile(r"(?:^|[<>=.])[0-9]+$")


class Suggestion(NamedTuple):
    """One line of the list. ``text`` and ``cursor`` are what the box holds once it is chosen.

    ``goes_on`` is true for a key: its values come next.
    """

    label: str
    note: str
    text: str
    cursor: int
    goes_on: bool = False


class _Place(NamedTuple):
    """The term in which the cursor stands: from ``start`` to ``end``; empty between terms."""

    text: str
    cursor: int
    start: int
    end: int

    @property
    def key(self) -> str:
        return key_in(self.text[self.start : self.end]) or ""

    @property
    def in_value(self) -> bool:
        return bool(self.key) and self.cursor > self.start + len(self.key)

    def replaced(self, written: str, start: int, end: int, *, spaced: bool) -> tuple[str, int]:
        """Return the text with a part of it replaced, and the cursor after that part."""
        rest = self.text[end:]
        written += " " if spaced and not rest.startswith((" ", ")")) else ""
        return self.text[:start] + written + rest, start + len(written)


def complete(text: str, cursor: int, seen: Seen) -> list[Suggestion]:
    """Return at most ``MOST`` suggestions for the term in which the cursor stands."""
    if len(text) > MAX_LENGTH:
        return []
    place = _place(text, min(max(cursor, 0), len(text)))
    found = _values(place, seen) if place.in_value else _keys(place) + _values_of_all_keys(place, seen)
    return [one for one in found if one.text != text][:MOST]


def _place(text: str, cursor: int) -> _Place:
    at = 0
    while at < len(text):
        if text[at].isspace() or text[at] in "()-":
            at += 1
            continue
        start, at = at, _end_of_term(text, at)
        if start > cursor:
            break
        if cursor <= at:
            return _Place(text, cursor, start, at)
    return _Place(text, cursor, cursor, cursor)


def _end_of_term(text: str, at: int) -> int:
    quoted = False
    while at < len(text) and (quoted or not (text[at].isspace() or text[at] in "()")):
        # A quote that is written twice closes and opens again.
        quoted ^= text[at] == '"'
        at += 1
    return at


# --- keys ------------------------------------------------------------------------------------


def _keys(place: _Place) -> list[Suggestion]:
    typed = place.text[place.start : place.cursor].casefold()
    names = [name for name in KEYS if name and typed in name]
    names.sort(key=lambda name: not name.startswith(typed))
    return [_key(place, name) for name in names]


def _key(place: _Place, name: str) -> Suggestion:
    end = place.start + len(place.key) + 1 if place.key else place.end
    written = place.replaced(f"{name}:", place.start, end, spaced=False)
    return Suggestion(f"{name}:", KEYS[name].help, *written, goes_on=True)


def _values_of_all_keys(place: _Place, seen: Seen) -> list[Suggestion]:
    typed = _unquoted(place.text[place.start : place.cursor])
    if len(typed) < _ENOUGH or place.key:
        return []
    found = [
        _offered(place, "is", flag, note)
        for flag, note in FLAG_HELP.items()
        if flag.startswith(typed.lower())
    ]
    for key in SEEN_KEYS:
        found += _seen(place, key, "", typed, seen, MOST_ELSEWHERE)
    return [one._replace(label=one.text[place.start : one.cursor].strip()) for one in found]


# --- values ----------------------------------------------------------------------------------


def _values(place: _Place, seen: Seen) -> list[Suggestion]:
    key = place.key.lower()
    if key not in KEYS:
        return [_key(place, name) for name in get_close_matches(key[:40], [*filter(None, KEYS)], n=3)]
    value_at = place.start + len(key) + 1
    if key in _OFFERED:
        typed = place.text[value_at : place.cursor].casefold()
        offered = {value: note for value, note in _OFFERED[key].items() if value.startswith(typed)}
        if key in _UNITS and _NUMBER_AT_END.search(typed):
            offered = {typed + unit: name for unit, name in _UNITS[key].items()} | offered
        return [_offered(place, key, value, note) for value, note in offered.items()]
    operator = operator_at(place.text, value_at)
    typed = _unquoted(place.text[value_at + len(operator) : place.cursor])
    return _seen(place, key, operator, typed, seen, MOST)


def _offered(place: _Place, key: str, value: str, note: str) -> Suggestion:
    written = place.replaced(f"{key}:{value}", place.start, place.end, spaced=True)
    return Suggestion(value, note, *written)


def _seen(place: _Place, key: str, operator: str, typed: str, seen: Seen, most: int) -> list[Suggestion]:
    operator = operator if operator in KEYS[key].operators else ""
    found: dict[str, Suggestion] = {}
    for value, times in seen.values(key, typed, most):
        name = _short(value, typed) if key == "signal" and not operator else value
        condition = Condition(key, name, operator, literal="*" in name)
        written = place.replaced(render(condition), place.start, place.end, spaced=True)
        found.setdefault(name, Suggestion(name, f"seen {times:,}", *written))
    return list(found.values())


def _short(signal: str, typed: str) -> str:
    """Return the signal's name without its module, unless the module is what was typed."""
    name = signal.rpartition(".")[2]
    return name if typed.casefold() in name.casefold() else signal


def _unquoted(typed: str) -> str:
    if not typed.startswith('"'):
        return typed
    inner = typed[1:].replace('""', "\0")
    return inner.removesuffix('"').replace("\0", '"')
