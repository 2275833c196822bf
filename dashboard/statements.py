"""SQL as it may be shown: one line per shape, parameters and literals left out.

Comes in: the statements that a call ran. Goes out: one ``Statement`` per shape with its count, and
whether that count looks like N+1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from .events import Statement

N_PLUS_1 = 3
"""The same shape this many times in one call is flagged: one query for each of several rows."""

MAX_SHAPES = 50
MAX_OFFSETS = 50
MAX_SQL = 2_000

_LITERALS = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_LISTS = re.compile(r"\(\s*(?:%s|\?)(?:\s*,\s*(?:%s|\?))+\s*\)")
_SPACE = re.compile(r"\s+")
_COUNTED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@lru_cache(maxsize=2_048)
def shape(sql: str) -> str:
    """Return the statement without its values: literals become ``?``, lists of values ``(…)``."""
    text = _SPACE.sub(" ", sql[: 4 * MAX_SQL]).strip()
    text = _LISTS.sub("(…)", _LITERALS.sub("?", text))
    return text if len(text) <= MAX_SQL else f"{text[:MAX_SQL]}…"


def grouped(ran: Iterable[tuple[str, str, int, int]], since: int) -> list[Statement]:
    """Return one ``Statement`` per shape and database, in order of first appearance.

    ``ran`` holds (sql, alias, start, duration), both in nanoseconds; offsets count from ``since``.
    """
    found: dict[tuple[str, str], Statement] = {}
    for sql, alias, started, duration in ran:
        key = shape(sql), alias
        statement = found.get(key)
        if statement is None:
            if len(found) == MAX_SHAPES:
                continue
            statement = found[key] = Statement(key[0], times=0, offsets_us=[], alias=alias)
        statement.times += 1
        statement.duration_us += duration / 1000
        if len(statement.offsets_us) < MAX_OFFSETS:
            statement.offsets_us.append((started - since) / 1000)
    return list(found.values())


def repeated(statements: Iterable[Statement]) -> int:
    """Return how often the most repeated shape ran, or 0 when that is below ``N_PLUS_1``."""
    times = max((one.times for one in statements if one.sql.upper().startswith(_COUNTED)), default=0)
    return times if times >= N_PLUS_1 else 0
