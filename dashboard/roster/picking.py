"""Which rows of the roster a reader asks for.

Comes in: rows and a ``Pick``. Goes out: the rows that fit, what there is to pick from, and how many
rows each flag would leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from .rows import FLAGS, Row


class Pick(NamedTuple):
    """What is asked for: words of a name, one signal, one sender, one app, flags that must all be there."""

    find: str = ""
    signal: str = ""
    sender: str = ""
    app: str = ""
    flags: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not any(self)


def picked(rows: Iterable[Row], pick: Pick) -> list[Row]:
    """Return the rows that fit."""
    words = pick.find.casefold().split()
    flags = set(pick.flags)
    return [
        row
        for row in rows
        if pick.signal in ("", row.one.signal)
        and pick.sender in ("", row.sender)
        and pick.app in ("", row.app)
        and flags <= row.traits
        and _has(row, words)
    ]


def _has(row: Row, words: list[str]) -> bool:
    if not words:
        return True
    one = row.one
    texts = (one.signal, row.sender, one.receiver, f"{one.file}:{one.line}", one.dispatch_uid or "")
    whole = "\n".join(texts).casefold()
    return all(word in whole for word in words)


def choices(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Return the signals, senders and apps that there are."""
    signals: set[str] = set()
    senders: set[str] = set()
    owners: set[str] = set()
    for row in rows:
        signals.add(row.one.signal)
        senders.add(row.sender)
        owners.add(row.app)
    return {"signal": sorted(signals), "sender": sorted(senders), "app": sorted(owners - {""})}


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many of the rows have each flag, in the order of ``FLAGS``."""
    found = Counter(trait for row in rows for trait in row.traits)
    return {name: found[name] for name in FLAGS}
