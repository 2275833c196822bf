"""What is known of a trace around one of its entries: what started it, and which of its blocks were undone.

Comes in: a trace's entries. Goes out: a ``Background``. It grows while the trace goes on: the user of
a request is known when it ends, a rollback when its block does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeGuard

from ..events import Entry, Origin, Outcome
from .texts import Watched

NO_BLOCKS: frozenset[str] = frozenset()


class Background(NamedTuple):
    """The newest origin entry of a trace, and the ids of its blocks that were rolled back."""

    origin: Origin | None = None
    undone: frozenset[str] = NO_BLOCKS

    def with_entry(self, entry: Entry) -> Background:
        """Return what is known once this entry is: itself, unless the entry tells something new."""
        if isinstance(entry, Origin):
            is_news = self.origin is None or self.origin.state == "opened"
            return self._replace(origin=entry) if is_news else self
        if is_rollback(entry):
            return self._replace(undone=self.undone | {entry.block})
        return self


Predicate = Callable[[Watched, Background], bool]
"""What a query asks of an entry and of what is known of its trace."""


def is_rollback(entry: Entry) -> TypeGuard[Outcome]:
    """Return whether the entry says that a block was rolled back."""
    return isinstance(entry, Outcome) and entry.state == "rolled back"


def background_of(entries: Iterable[Entry]) -> Background:
    """Return what these entries of one trace tell together."""
    found = Background()
    for entry in entries:
        found = found.with_entry(entry)
    return found
