"""The table's columns: what each says of a row, as a value that can be compared.

Comes in: rows. Goes out: the same rows in another order; those of which a column says nothing come
last, whichever way the others go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..traces.flags import LABELS
from .rows import Row


class Column(NamedTuple):
    """A column: its key in addresses, its heading, what it compares, and how it is shown.

    ``is_number`` columns stand to the right, and begin with the greatest. ``style`` is the class of its
    cells.
    """

    key: str
    title: str
    value: Callable[[Row], Any]
    is_number: bool = False
    hint: str = ""

    @property
    def first(self) -> str:
        """What sorts by it at first."""
        return f"-{self.key}" if self.is_number else self.key

    @property
    def second(self) -> str:
        """What sorts by it the other way."""
        return self.key if self.is_number else f"-{self.key}"

    @property
    def style(self) -> str:
        """The class of its cells."""
        return f"c-{self.key}{' num' if self.is_number else ''}"


def _figure(name: str) -> Callable[[Row], Any]:
    return lambda row: getattr(row.figures, name, None)


def _severity(row: Row) -> Any:
    order = list(LABELS)
    return tuple(order.index(flag.name) for flag in row.flags) or None


COLUMNS = (
    Column("signal", "signal", lambda row: row.one.signal.rpartition(".")[2]),
    Column("sender", "sender", lambda row: row.sender.casefold()),
    Column("receiver", "receiver", lambda row: row.one.receiver.rpartition(".")[2].casefold()),
    Column("where", "where", lambda row: (row.one.file, row.one.line) if row.one.file else None),
    Column(
        "order",
        "order",
        lambda row: (row.one.order, row.one.among) if row.one.order else None,
        hint="place among the receivers that a send by this sender runs",
    ),
    Column("ref", "ref", lambda row: row.one.reference if row.registered else None, hint="how it is held"),
    Column("uid", "dispatch_uid", lambda row: row.one.dispatch_uid),
    Column("mode", "mode", lambda row: row.one.mode),
    Column("calls", "calls", _figure("count"), is_number=True),
    Column("rate", "per s", _figure("rate"), is_number=True, hint="calls per second, the window's mean"),
    Column("p50", "p50 ms", _figure("p50_us"), is_number=True, hint="half of the calls take no longer"),
    Column("p95", "p95 ms", _figure("p95_us"), is_number=True, hint="95 % of the calls take no longer"),
    Column("p99", "p99 ms", _figure("p99_us"), is_number=True, hint="99 % of the calls take no longer"),
    Column("errors", "errors", _figure("errors"), is_number=True, hint="calls that raised"),
    Column(
        "sql",
        "sql/call",
        lambda row: row.calls.queries_per_call if row.calls else None,
        is_number=True,
        hint="queries of its own in a call",
    ),
    Column("last", "last run", lambda row: row.calls.last_at if row.calls else None, is_number=True),
    Column("flags", "flags", _severity),
)
_BY_KEY = {column.key: column for column in COLUMNS}


def in_order(rows: Iterable[Row], sort: str) -> list[Row]:
    """Return the rows sorted by a column's key, with ``-`` before it the other way round.

    Rows that are equal in it stay as they were; so do all when there is no such column.
    """
    rows = list(rows)
    column = _BY_KEY.get(sort.removeprefix("-"))
    if column is None:
        return rows
    valued = [(column.value(row), row) for row in rows]
    told = [(value, row) for value, row in valued if value is not None]
    told.sort(key=lambda pair: pair[0], reverse=sort.startswith("-"))
    return [row for _, row in told] + [row for value, row in valued if value is None]
