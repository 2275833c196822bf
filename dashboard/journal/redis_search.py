"""Looking through a whole journal in Redis: which chunks a ``Narrow`` leads to, and the way through them.

Comes in: a ``Narrow``, and rows step by step. Goes out: terms of the index, and hits in order. A row
carries its traits beside its body, so that only what is admitted is decoded.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from .base import Hits, unpack
from .chunks import Row, term
from .narrow import Clause, Narrow


def terms_of(narrow: Narrow) -> list[bytes] | None:
    """Return terms of which the chunk of each admitted entry has one; ``None`` when no clause says any.

    Of several clauses the one about traces is taken: a kind is in many chunks, emissions are in all.
    """
    for clause in sorted(narrow.clauses, key=lambda clause: clause[0].field != "trace"):
        if all(trait.field == "trace" and trait.how == "among" for trait in clause):
            return [term("trace", trace) for trait in clause for trace in trait.value]
        if _is_of_rare_kinds(clause):
            return [term("kind", trait.value) for trait in clause]
    return None


def _is_of_rare_kinds(clause: Clause) -> bool:
    return all(trait.field == "kind" and trait.how == "is" and trait.value != "emission" for trait in clause)


def go(steps: Iterable[Sequence[Row]], narrow: Narrow, limit: int, end: int, patience_s: float) -> Hits:
    """Return at most ``limit`` admitted entries of the rows, and how far it came; ``end`` is the way's."""
    deadline = time.monotonic() + patience_s
    found: list[Row] = []
    reached = end
    for rows in steps:
        for row in rows:
            if narrow.admits(row.packed):
                found.append(row)
                if len(found) == limit:
                    break
        reached = found[-1].seq if len(found) == limit else rows[-1].seq
        if len(found) == limit or time.monotonic() >= deadline:
            break
    else:
        reached = end
    return Hits([unpack(row.packed.body, row.seq) for row in found], reached)
