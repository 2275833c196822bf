"""What is known of a trace around one of its entries: what started it, what was undone, what ended late.

Comes in: a trace's entries. Goes out: a ``Background``. It grows while the trace goes on: the user of
a request is known when it ends, a rollback when its block does, an error of a late call when it is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeGuard, TypeVar

from ..events import Emission, Entry, Late, Origin, Outcome
from ..late import with_end
from .texts import Watched

Settled = TypeVar("Settled", bound=Entry)

NO_BLOCKS: frozenset[str] = frozenset()
NO_ENDS: Mapping[str, tuple[Late, ...]] = MappingProxyType({})

MOST_ENDS = 500
"""Of so many emissions of a trace late ends are known; those after them count as they were journalled."""


class Background(NamedTuple):
    """A trace's newest origin entry, the ids of its blocks that were rolled back, late ends by emission."""

    origin: Origin | None = None
    undone: frozenset[str] = NO_BLOCKS
    ends: Mapping[str, tuple[Late, ...]] = NO_ENDS

    def with_entry(self, entry: Entry) -> Background:
        """Return what is known once this entry is: itself, unless the entry tells something new."""
        if isinstance(entry, Origin):
            is_news = self.origin is None or self.origin.state == "opened"
            return self._replace(origin=entry) if is_news else self
        if is_rollback(entry):
            return self._replace(undone=self.undone | {entry.block})
        if isinstance(entry, Late) and len(self.ends) < MOST_ENDS:
            known = self.ends.get(entry.emission, ())
            if entry not in known:
                return self._replace(ends={**self.ends, entry.emission: (*known, entry)})
        return self

    def settle(self, entry: Settled) -> Settled:
        """Return the entry, an emission with all that is known of its calls."""
        if not (self.ends and isinstance(entry, Emission)):
            return entry
        settled: Any = entry
        for end in self.ends.get(entry.id, ()):
            settled = with_end(settled, end)
        return settled  # type: ignore[no-any-return]


Predicate = Callable[[Watched, Background], bool]
"""What a query asks of an entry and of what is known of its trace."""


def is_rollback(entry: Entry) -> TypeGuard[Outcome]:
    """Return whether the entry says that a block was rolled back."""
    return isinstance(entry, Outcome) and entry.state == "rolled back"


def tells(entry: Entry) -> bool:
    """Return whether the entry can tell something of its trace's earlier entries."""
    return isinstance(entry, Origin | Late) or is_rollback(entry)


def background_of(entries: Iterable[Entry]) -> Background:
    """Return what these entries of one trace tell together."""
    found = Background()
    for entry in entries:
        found = found.with_entry(entry)
    return found
