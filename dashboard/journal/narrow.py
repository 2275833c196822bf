"""What a search may leave unread: conditions that a journal can check without decoding an entry.

Comes in: traits of entries as they are stored. Goes out: a ``Narrow``, which admits all that is looked
for and usually more: the exact matching is the query's. A journal turns it into its own language
(``sqlite_search``), or asks ``admits``, which says what it means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from .base import Packed

Field = Literal["kind", "trace", "at_us", "signal", "sender", "model", "pk", "duration_us", "failed", "body"]
How = Literal["is", "among", "contains", "lacks", "starts", "least", "most"]


class Trait(NamedTuple):
    """One thing to check: a field of ``Packed``, how, and the value.

    ``is``, ``contains``, ``lacks`` and ``starts`` take ASCII letters of either case as the same. ``among``
    takes a frozenset of texts, compared as they are. ``least`` and ``most`` include the number itself.
    """

    field: Field
    how: How
    value: Any

    def holds(self, packed: Packed) -> bool:
        """Return whether the entry has the trait; without a value it only ``lacks``."""
        stored = getattr(packed, self.field)
        if stored is None:
            return self.how == "lacks"
        if self.how in ("least", "most"):
            return bool(stored >= self.value if self.how == "least" else stored <= self.value)
        if self.how == "among":
            return stored in self.value
        if isinstance(stored, int):
            return bool(stored == self.value)
        text, value = _folded(stored), _folded(self.value)
        if self.how == "is":
            return text == value
        if self.how == "starts":
            return text.startswith(value)
        return (value in text) == (self.how == "contains")


Clause = tuple[Trait, ...]
"""Traits of which one is enough."""


class Narrow(NamedTuple):
    """Clauses that must all hold; without any, everything is admitted."""

    clauses: tuple[Clause, ...] = ()

    def or_else(self, trait: Trait) -> Narrow:
        """Return what also admits whatever has the trait."""
        return Narrow(tuple((*clause, trait) for clause in self.clauses))

    def admits(self, packed: Packed) -> bool:
        """Return whether the entry may be one that is looked for."""
        return all(any(trait.holds(packed) for trait in clause) for clause in self.clauses)

    def also(self, *clauses: Clause) -> Narrow:
        """Return these clauses and more."""
        return Narrow((*self.clauses, *clauses))


def _folded(value: str | bytes) -> bytes:
    # Of bytes, lower() knows ASCII only: what every journal can do.
    return (value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value).lower()
