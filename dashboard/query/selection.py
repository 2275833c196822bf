"""Which entries a query lets on the page: as a row of their own, or for the trace they belong to.

Comes in: a query, entries. Goes out: yes or no, the same for what is live and what is past.
"""

from __future__ import annotations

from typing import TypeGuard

from ..events import Bypass, Emission, Entry, Origin, Outcome
from . import Query
from .background import Background
from .nodes import conditions

NOTHING_KNOWN = Background()

Sent = Emission | Bypass
"""What has a row of its own in the flat layout: something was sent, or should have been."""

# What these keys ask, an origin's entry can answer; the others ask for an emission.
_OF_ORIGINS = frozenset({"origin", "user", "trace", "process", "since", "took", "is", ""})


def is_sent(entry: Entry) -> TypeGuard[Sent]:
    """Return whether the entry is an emission or a bypass."""
    return isinstance(entry, Emission | Bypass)


def family_of(entry: Sent) -> str:
    """Return the channel that the entry belongs to."""
    return entry.family if isinstance(entry, Emission) else "bypass"


class Selection:
    """A query as the stream applies it."""

    __slots__ = ("_everything", "_of_origins", "_of_outcomes", "query")

    def __init__(self, query: Query) -> None:
        self.query = query
        asked = list(conditions(query.root))
        self._everything = query.matches_everything
        # A negated term such as -family:request holds for every origin, and would let every trace in.
        self._of_origins = all(condition.key in _OF_ORIGINS for condition in asked)
        self._of_outcomes = query.needs_outcomes

    @property
    def needs_background(self) -> bool:
        """Whether ``lets_in`` must be told what is known of the trace."""
        return self.query.needs_origin or self.query.needs_outcomes

    @property
    def needs_ends(self) -> bool:
        """Whether ``lets_in`` must be told how calls ended that outlived their emission."""
        return self.query.needs_ends

    def kinds(self, *, flat: bool) -> tuple[str, ...]:
        """Return which kinds of entries ``lets_in`` can be true of, as rows of their own when ``flat``."""
        sent = ("emission", "bypass")
        if flat:
            return sent
        return sent + ("origin",) * self._of_origins + ("outcome",) * self._of_outcomes

    def lets_in(self, entry: Entry, background: Background = NOTHING_KNOWN) -> bool:
        """Return whether the entry brings its trace on the page, and, if it was sent, itself."""
        if is_sent(entry):
            return self._everything or self.query.matches(entry, *background)
        if isinstance(entry, Origin):
            # By the newest that is known: an opened one has no user yet, and -user:anna would let it in.
            newest = background.origin or entry
            return self._of_origins and self.query.matches(newest, newest)
        if isinstance(entry, Outcome):
            return self._of_outcomes and self.query.matches(entry, *background)
        return False
