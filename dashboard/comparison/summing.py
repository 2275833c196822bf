"""The comparison in one sentence.

Comes in: a ``Comparison``. Goes out: what differs in B against A, the gravest first, with names where there
are few.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import wording
from .aligning import Comparison, Row

_NAMED = 2
_SAME = (
    "B does what A did: the same calls in the same order, with the same queries and errors, "
    "and no duration that differs beyond noise."
)


def sentence(comparison: Comparison) -> str:
    """Return the summary: one sentence."""
    rows = comparison.rows
    ran = [row for row in rows if row.key.kind in ("call", "origin", "whole")]
    calls = [row for row in rows if row.key.kind == "call"]
    sent = [row for row in rows if row.key.kind in ("emission", "bypass")]
    origins = [row for row in rows if row.key.kind == "origin"]
    parts = [
        _told(ran, "raises", "raises", "raise", "what A did not"),
        _told(ran, "heals", "no longer raises", "no longer raise"),
        _counted(origins, "new", "origin"),
        _counted(origins, "gone", "origin"),
        _counted(calls, "new", "call"),
        _counted(calls, "gone", "call"),
        _told(ran, "slower", "is slower", "are slower"),
        _told(ran, "faster", "is faster", "are faster"),
        _counted(sent, "new", "emission"),
        _counted(sent, "gone", "emission"),
        _told(calls, "queries", "queries otherwise", "query otherwise"),
        _told([*calls, *sent], "order", "runs in another order", "run in another order"),
        _told([*calls, *sent], "runs", "runs more or less often", "run more or less often"),
    ]
    said = [part for part in parts if part]
    return f"In B, against A: {'; '.join(said)}." if said else _SAME


def name_of(row: Row) -> str:
    """Return a row's name as a sentence says it."""
    key = row.key
    if key.kind == "whole":
        return "the code outside of receivers"
    if key.kind == "origin":
        return key.name
    if key.kind == "bypass":
        return f"{key.name} of {wording.sender(key.of)}"
    return wording.short(key.name)


def _told(rows: Sequence[Row], mark: str, one: str, many: str, more: str = "") -> str:
    found = [(row, held.title) for row in rows for held in row.marks if held.name == mark]
    if not found:
        return ""
    words = f"{one if len(found) == 1 else many}{f' {more}' if more else ''}"
    if len(found) > _NAMED:
        return f"{len(found):,} {words}"
    names = " and ".join(f"{name_of(row)} ({title})" if title else name_of(row) for row, title in found)
    return f"{names} {words}"


def _counted(rows: Sequence[Row], status: str, what: str) -> str:
    found = [row for row in rows if row.status == status]
    if not found:
        return ""
    names = f" ({', '.join(map(name_of, found))})" if len(found) <= _NAMED else ""
    return f"{wording.many(len(found), what)}{names} {'is' if len(found) == 1 else 'are'} {status}"
