"""SQL as it may be shown: one line per shape, parameters and literals left out.

Comes in: the statements that a call ran. Goes out: one ``Statement`` per shape with its count, and
whether that count looks like N+1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from .causality import Ran
from .events import Statement

N_PLUS_1 = 3
"""The same shape this many times in one call is flagged: one query for each of several rows."""

MAX_SHAPES = 50
MAX_OFFSETS = 50
MAX_SQL = 2_000

# In one pass, so that a quote in a comment opens nothing. What has no end runs to the end of the text.
_LITERALS = re.compile(
    r"/\*.*?(?:\*/|$)|--[^\n]*|'(?:[^'\\]|''|\\.)*(?:'|$)|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|$)"
    r"|\b0x[0-9a-f]+\b|\b\d+(?:\.\d+)?\b",
    re.IGNORECASE | re.DOTALL,
)
_LISTS = re.compile(r"\(\s*(?:%s|\?)(?:\s*,\s*(?:%s|\?))+\s*\)")
_SPACE = re.compile(r"\s+")
_COUNTED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@lru_cache(maxsize=2_048)
def shape(sql: str) -> str:
    """Return the statement without its values: literals become ``?``, lists of values ``(…)``."""
    bare = _LITERALS.sub(lambda found: " " if found[0].startswith(("/*", "--")) else "?", sql[: 4 * MAX_SQL])
    text = _LISTS.sub("(…)", _SPACE.sub(" ", bare).strip())
    return text if len(text) <= MAX_SQL else f"{text[:MAX_SQL]}…"


def grouped(ran: Mapping[tuple[str, str], Ran], since: int) -> list[Statement]:
    """Return one ``Statement`` per shape and database, in order of first appearance.

    ``ran`` is by SQL and alias; offsets count from ``since``, in nanoseconds like all of its times.
    """
    found: dict[tuple[str, str], Statement] = {}
    for (sql, alias), runs in ran.items():
        key = shape(sql), alias
        statement = found.get(key)
        if statement is None:
            if len(found) == MAX_SHAPES:
                continue
            statement = found[key] = Statement(key[0], times=0, offsets_us=[], alias=alias)
        statement.times += runs.times
        statement.duration_us += runs.duration / 1000
        room = MAX_OFFSETS - len(statement.offsets_us)
        statement.offsets_us += [(started - since) / 1000 for started in runs.starts[:room]]
    return list(found.values())


def repeated(statements: Iterable[Statement]) -> int:
    """Return how often the most repeated shape ran, or 0 when that is below ``N_PLUS_1``."""
    times = max((one.times for one in statements if one.sql.upper().startswith(_COUNTED)), default=0)
    return times if times >= N_PLUS_1 else 0
