"""Looking through a whole SQLite journal: what a ``Narrow`` is in SQL, and the way through the numbers.

Comes in: a function that reads what matches in one stretch of numbers. Goes out: hits, in order. SQLite
checks a million entries without the GIL; the stretches let two threads share them, and an impatient
reader stop in between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from typing import Any

from ..events import Entry
from .base import Hits
from .narrow import Clause, Narrow, Trait

FIRST, STRETCH = 10_000, 50_000
"""How many numbers the first stretch has, which often is enough, and how many each further one."""

THREADS = 2

Stretch = tuple[int, int]
ReadStretch = Callable[[Stretch, int], list[Entry]]

_COLUMNS = {"at_us": "at"}
_COMMON = 'z/k wyvg-m_bh79684p53f2u1.lc0ondrti,a:se"'
"""The signs of a body from rare to common; what is not named here is rarer still."""

_LEAST_QUICK = 4
_INDEXED = frozenset({"failed", "pk", "trace"})


def where(narrow: Narrow) -> tuple[str, list[Any]]:
    """Return the condition, beginning with ``AND`` unless it is empty, and its arguments."""
    text, arguments = "", []
    # Bodies last: looking through one costs more than all the rest.
    for clause in sorted(narrow.clauses, key=lambda clause: any(trait.field == "body" for trait in clause)):
        tests = [_test(trait, alone=len(clause) == 1) for trait in clause]
        text += f" AND ({' OR '.join(sql for sql, _ in tests)})"
        arguments += [value for _, values in tests for value in values]
    return text + _indexes(narrow.clauses), arguments


def _test(trait: Trait, *, alone: bool) -> tuple[str, list[Any]]:
    column = _COLUMNS.get(trait.field, trait.field)
    # A plus keeps SQLite from an index that yields too many rows, and in another order:
    # https://www.sqlite.org/optoverview.html#disqualifying_where_clause_terms_using_unary_
    if not (alone and (trait.field in _INDEXED or (trait.field == "kind" and trait.value != "emission"))):
        column = f"+{column}"
    if trait.how == "among":
        traces = json.dumps(sorted(trait.value))
        return f"{column} IN (SELECT value FROM json_each(?))", [traces]  # noqa: S608
    if trait.how in ("least", "most"):
        return f"{column} {'>=' if trait.how == 'least' else '<='} ?", [trait.value]
    if isinstance(trait.value, int):
        return f"{column} = ?", [trait.value]
    if trait.how == "is":
        # A kind's index knows its letters as they are, and so does everybody who writes one.
        return (f"{column} = ?" if trait.field == "kind" else f"{column} = ? COLLATE NOCASE"), [trait.value]
    like = f"{column} LIKE ? ESCAPE '\\'"
    if trait.how == "starts":
        return like, [f"{_escaped(trait.value)}%"]
    if trait.how == "lacks":
        return f"({column} IS NULL OR NOT {like})", [f"%{_escaped(trait.value)}%"]
    whole = trait.value
    quick = _from_rarest(whole) if trait.field == "body" else whole
    if quick == whole:
        return like, [f"%{_escaped(whole)}%"]
    return f"({like} AND {like})", [f"%{_escaped(quick)}%", f"%{_escaped(whole)}%"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _from_rarest(text: str) -> str:
    """Return the text from its rarest sign on.

    ``LIKE`` leaps from one place where the first sign stands to the next: 0.6 s for a million bodies
    where it is a ``v``, 1.1 s where it is an ``i``.
    """
    starts = range(max(len(text) - _LEAST_QUICK + 1, 1))
    return text[min(starts, key=lambda start: _COMMON.find(text[start].lower())) :]


def _indexes(clauses: tuple[Clause, ...]) -> str:
    """Repeat what partial indexes ask for: SQLite wants it word for word."""
    fields = {clause[0].field: clause[0] for clause in clauses if len(clause) == 1}
    text = " AND pk IS NOT NULL" if "pk" in fields else ""
    text += " AND failed = 1" if "failed" in fields and fields["failed"].value == 1 else ""
    kind = fields.get("kind")
    return text + (" AND kind <> 'emission'" if kind and kind.value != "emission" else "")


def is_pointed(narrow: Narrow) -> bool:
    """Return whether an index leads to the few entries in question: one stretch will do."""
    return any(
        len(clause) == 1 and (clause[0].field, clause[0].how) in (("trace", "among"), ("pk", "is"))
        for clause in narrow.clauses
    )


def go(
    read: ReadStretch, stretches: Iterator[Stretch], limit: int, *, newest_first: bool, patience_s: float
) -> Hits:
    """Return at most ``limit`` entries that ``read`` finds in the stretches, and how far it came."""
    deadline = time.monotonic() + patience_s
    first = next(stretches)
    found = read(first, limit)
    reached = first[0] if newest_first else first[1]
    with ThreadPoolExecutor(THREADS, "signalscope-search") as threads:
        while len(found) < limit and time.monotonic() < deadline:
            pair = list(islice(stretches, THREADS))
            if not pair:
                break
            # Each thread goes on in this one's context: what it does is not recorded either.
            works = [threads.submit(copy_context().run, read, stretch, limit) for stretch in pair]
            for stretch, work in zip(pair, works, strict=True):
                found += work.result()
                reached = stretch[0] if newest_first else stretch[1]
    if len(found) >= limit:
        return Hits(found[:limit], found[limit - 1].seq)
    return Hits(found, reached)


def stretches(after: int, before: int, *, newest_first: bool, whole: bool = False) -> Iterator[Stretch]:
    """Yield first and last number of each stretch between, in the order in which they are read."""
    size = before if whole else FIRST
    while before - after > 1:
        if newest_first:
            first = max(before - size, after + 1)
            yield first, before - 1
            before = first
        else:
            last = min(after + size, before - 1)
            yield after + 1, last
            after = last
        size = STRETCH
