"""The filter language: one parser for the page, the socket, the history and the command line.

Comes in: text as a person types it. Goes out: a ``Query`` that says of each entry whether it
matches, or a ``QuerySyntaxError`` with the position. Knows ``events`` and nothing else.

A query is made of terms, and an entry matches when all of them do::

    sender:demo_app.* is:error -receiver:audit_log (took:>50ms or queries:>5) "connection refused"

* ``key:value`` asks one thing (``KEYS`` lists the keys); a term without a key is free text, looked
  for in names, payload, exceptions, SQL, emitting line and origin.
* ``-`` before a term or a parenthesis negates it. ``or`` binds weaker than the terms beside it;
  ``and`` may be written and changes nothing.
* ``"…"`` around a value takes spaces, parentheses, colons and ``*`` as they are; a quote inside is
  written twice.
* Case is ignored everywhere.

How a value is compared:

* ``signal sender receiver origin site process``: the name *contains* the value. With ``*`` for any
  characters, or with ``=`` before it (``sender:=demo_app.Post``), the value is the whole name, or
  the whole of its end from a dot or slash on: ``signal:post_*`` and ``signal:=post_save`` both
  match ``django.db.models.signals.post_save``, and ``sender:=Post`` matches ``demo_app.Post`` but
  neither ``demo_app.PostImage`` nor ``demo_app.Post.tags``.
* ``user pk cause family method``: the value is the whole of it; ``*`` is allowed.
* ``trace``: how the id begins.
* ``took``: a number with ``us``, ``ms`` (also when left out) or ``s``, after ``> >= < <= =``;
  without an operator, at least that long. ``queries``: the same with a count; without an
  operator, exactly that many. Both take a range, ends included: ``took:10ms..1s``.
* ``since``: an age (``30s 10m 2h 1d``) counted from the time of parsing, or a UTC time.
* ``is``: one of ``FLAGS``.

Each term looks at the whole entry: ``receiver:a is:error`` is an emission that ran ``a`` and in
which some receiver raised. Which entries a key can match:

* emissions: every key (``user`` once their request has ended, ``is:rolled-back`` once their
  transaction has);
* origins: ``origin user trace process since took is:error`` and free text;
* bypasses: as emissions, without ``signal receiver pk method queries``;
* outcomes: ``origin user trace process since took is:rolled-back`` and free text;
* a gap, and an entry of a kind that this version does not know, match every query: what is missing
  must not be hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..events import Entry, Gap, Late, Origin, Sampled, Task, Unknown
from .background import NO_BLOCKS, NO_ENDS, Background, Predicate, background_of
from .flags import FLAGS
from .lexer import MAX_LENGTH, QuerySyntaxError
from .nodes import And, Condition, Node, Not, conditions, conjunction, negation, render
from .parser import MAX_DEPTH, MAX_TERMS, parse_tree
from .terms import KEYS, ORIGIN_KEYS, Context, asks_for_ends, asks_for_rollbacks, can_change

__all__ = [
    "FLAGS",
    "KEYS",
    "MAX_DEPTH",
    "MAX_LENGTH",
    "MAX_TERMS",
    "Background",
    "Query",
    "QuerySyntaxError",
    "Term",
    "background_of",
    "parse",
]

SLOW_MS = 50.0


class Term(NamedTuple):
    """One term of a query, as a chip shows it.

    ``value`` includes the operator (``>50ms``). Free text and groups have an empty key; a group's
    value is the text between its parentheses. ``text`` is the term as it is written in the query,
    ``without`` the query's text when this term is removed.
    """

    key: str
    value: str
    negated: bool
    text: str
    without: str


class Query:
    """A parsed query. Equal to another when both say the same in the same order; ``str()`` is its text."""

    __slots__ = ("_changing", "_predicate", "root", "slow_ms")

    def __init__(
        self,
        root: Node,
        predicate: Predicate,
        slow_ms: float,
        changing: Mapping[Condition, Predicate],
    ) -> None:
        self.root = root
        self.slow_ms = slow_ms
        self._predicate = predicate
        self._changing = changing

    def matches(
        self,
        entry: Entry,
        origin: Origin | None = None,
        undone: frozenset[str] = NO_BLOCKS,
        ends: Mapping[str, tuple[Late, ...]] = NO_ENDS,
    ) -> bool:
        """Return whether the entry is asked for.

        ``origin`` is the newest origin entry of the entry's trace that the caller knows, ``undone``
        the ids of its blocks that were rolled back, ``ends`` how calls ended that outlived their
        emission. Without the first, ``origin:`` and ``user:`` match
        origins only, without the second ``is:rolled-back`` matches outcomes only.
        """
        if isinstance(entry, Gap | Unknown):
            return True
        if isinstance(entry, Late | Sampled | Task):
            return self.matches_everything
        background = Background(origin, undone, ends)
        return self._predicate(background.settle(entry), background)

    @property
    def matches_everything(self) -> bool:
        """Whether the query is empty."""
        return self.root == And()

    @property
    def needs_origin(self) -> bool:
        """Whether the answer for an emission can depend on the ``origin`` given to ``matches``."""
        return any(condition.key in ORIGIN_KEYS for condition in conditions(self.root))

    @property
    def needs_outcomes(self) -> bool:
        """Whether the answer for an emission can depend on the ``undone`` given to ``matches``."""
        return any(map(asks_for_rollbacks, conditions(self.root)))

    @property
    def needs_ends(self) -> bool:
        """Whether the answer for an emission can depend on the ``ends`` given to ``matches``."""
        return any(map(asks_for_ends, conditions(self.root)))

    def learns(self, before: Background, after: Background) -> bool:
        """Return whether a trace's emissions can match now and did not, or the other way round.

        ``before`` and ``after`` are what was and what is known of the trace.
        """
        if before.ends is not after.ends and self.needs_ends:
            return True
        return any(
            before.undone != after.undone
            if asks_for_rollbacks(condition)
            else _answer(predicate, before) != _answer(predicate, after)
            for condition, predicate in self._changing.items()
        )

    @property
    def terms(self) -> list[Term]:
        """The terms that must all match, in order; a query joined by ``or`` is one term."""
        items = self._items
        return [
            _term(item, render(conjunction([*items[:index], *items[index + 1 :]])))
            for index, item in enumerate(items)
        ]

    def with_term(self, key: str, value: str, *, exact: bool = False, negated: bool = False) -> str:
        """Return the query's text with one more term, for a link.

        The value stands for itself (a ``*`` is a star, quotes are added where needed), except that
        ``took`` and ``queries`` take their operator in it. ``exact`` writes ``key:=value``. A term
        that is there already is not added again, and one that contradicts it is removed: the same
        term with the other sign, and, unless ``negated``, other values of a key of which an entry
        has only one. An unknown key, an operator the key does not take and an empty value are a
        ``ValueError``.
        """
        if not value:
            raise ValueError(f"with_term({key!r}, {value!r}): the value is empty. Give one.")
        condition = _new_condition(key, value, exact)
        added: Node = Not(condition) if negated else condition
        kept = [item for item in self._items if not _contradicts(item, added)]
        return render(conjunction(kept if added in kept else [*kept, added]))

    @property
    def _items(self) -> Sequence[Node]:
        return self.root.items if isinstance(self.root, And) else (self.root,)

    def __str__(self) -> str:
        return render(self.root)

    def __repr__(self) -> str:
        return f"Query({str(self)!r})"

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Query):
            return NotImplemented
        return self.root == other.root and self.slow_ms == other.slow_ms

    def __hash__(self) -> int:
        return hash((self.root, self.slow_ms))


def parse(text: str, now: datetime | None = None, slow_ms: float = SLOW_MS) -> Query:
    """Return the query that ``text`` says; empty text matches everything.

    ``now`` (with a time zone; the present when left out) is what ``since:`` counts back from,
    ``slow_ms`` the milliseconds from which ``is:slow`` matches. Raises ``QuerySyntaxError``.
    """
    context = Context(now or datetime.now(UTC), slow_ms * 1_000)
    root, predicate, predicates = parse_tree(text, context)
    changing = {condition: one for condition, one in predicates.items() if can_change(condition)}
    return Query(root, predicate, slow_ms, changing)


def _answer(predicate: Predicate, background: Background) -> bool:
    """Return what a condition that looks at the origin says of the origin alone."""
    return background.origin is not None and predicate(background.origin, background)


def _term(item: Node, without: str) -> Term:
    inner = item.item if isinstance(item, Not) else item
    negated = inner is not item
    if not isinstance(inner, Condition):
        text = f"-{_in_parentheses(inner)}" if negated else _in_parentheses(inner)
        return Term("", render(inner), negated, text, without)
    value = inner.operator + inner.value
    return Term(inner.key, value, negated, render(item), without)


def _in_parentheses(node: Node) -> str:
    return f"({render(node)})"


def _new_condition(key: str, value: str, exact: bool) -> Condition:
    if key not in KEYS:
        raise ValueError(f"with_term({key!r}, …): no such key. Keys: {', '.join(filter(None, KEYS))}.")
    if exact and "=" not in KEYS[key].operators:
        raise ValueError(f"with_term({key!r}, …, exact=True): {key}: takes no '='. Leave exact out.")
    operator = "=" if exact else ""
    if ">" in KEYS[key].operators:
        bare = value.lstrip("<>=")
        operator, value = operator or value[: len(value) - len(bare)], bare
    return Condition(key, value, operator, literal="*" in value)


def _contradicts(item: Node, added: Node) -> bool:
    if item == negation(added):
        return True
    return (
        isinstance(item, Condition)
        and isinstance(added, Condition)
        and item.key == added.key
        and item != added
        and KEYS[added.key].single
    )
