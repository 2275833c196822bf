"""What of a query a journal can check unread: a superset, so that the query decides of fewer entries.

Comes in: a query, and to which traces a term leads that asks for what is behind an entry. Goes out: a
``Narrow`` that admits every emission, bypass, origin and outcome that the query matches, and usually more.

How texts become traits: letters are compared in the journal as ASCII knows them, in the query as Unicode
does. So only runs of ASCII characters are asked for, without those beside others (``İ`` folds to ``i`` and
a dot), and not across ``ss`` (``ß``). The Kelvin sign, the long s and ligatures such as U+FB01, which fold
to plain letters too, are left out of this: a text that holds one is not found by those letters.
What has its default (``custom``, ``send``) does not stand in the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from functools import cached_property
from itertools import product

from ..journal.narrow import Clause, Field, Narrow, Trait
from . import Query, terms
from .nodes import And, Condition, Node, Not, Or, conditions

TracesOf = Callable[[Collection[Condition]], frozenset[str] | None]
"""The traces of which what is known may meet one of these conditions; ``None`` when they are too many to be
of use."""

MOST_CLAUSES = 12

_NAME_FIELDS: dict[str, tuple[Field, ...]] = {"signal": ("signal",), "sender": ("sender", "model")}

_ASCII = re.compile(r"[\x00-\x7f]+")
_RUN = re.compile(r"[^\x00-\x1f\"\\\x7f]+")
"""What stands in JSON as it is."""

_WORD = re.compile(r"(?:[A-Za-z0-9_./]|(?<![eE])-|-(?![0-9]))+")
"""What a text made of several values keeps together (``file:line``, ``key=value``, a list), cut within
what may be an exponent."""

_SHARP_S = re.compile("ss", re.IGNORECASE)
# As JSON writes them, None, inf and nan are null, 1e-05 is 0.00001 and 1e+16 is 1e16.
_WRITTEN_OTHERWISE = ("none", "inf", "nan")
_EXPONENT = re.compile(r"[0-9.]*e[0-9]*|0[0-9]")


def narrow(query: Query, now: datetime, traces_of: TracesOf) -> Narrow:
    """Return what the journal may check; ``now`` must not be later than when the query was parsed."""
    words = [condition for condition in conditions(query.root) if not condition.key]
    narrowing = _Narrowing(query.slow_ms * 1_000, now, traces_of, words)
    return Narrow(tuple(narrowing.clauses(query.root)[:MOST_CLAUSES]))


class _Narrowing:
    def __init__(self, slow_us: float, now: datetime, traces_of: TracesOf, words: list[Condition]) -> None:
        self._slow_us = slow_us
        self._now = now
        self._traces_of = traces_of
        self._words = words

    @cached_property
    def _traces_of_words(self) -> frozenset[str] | None:
        """The traces of which what is known may meet one of the words: of several, looked for at once."""
        return self._traces_of(self._words) if len(self._words) > 1 else None

    def clauses(self, node: Node) -> list[Clause]:
        if isinstance(node, Not):
            return _without(node.item) if isinstance(node.item, Condition) else []
        if isinstance(node, And):
            return [clause for item in node.items for clause in self.clauses(item)]
        if isinstance(node, Or):
            return _either([self.clauses(item) for item in node.items])
        return self._of_condition(node)

    def _of_condition(self, condition: Condition) -> list[Clause]:
        if condition.key in terms.ORIGIN_KEYS:
            return self._of_origins(condition)
        if condition.key in _NAME_FIELDS:
            found = _pieces(condition, _RUN)
            return [
                tuple(Trait(field, "contains", piece) for field in _NAME_FIELDS[condition.key])
                for piece in found
            ]
        if condition.key in ("site", "process"):
            return _in_body(_pieces(condition, _WORD))
        return {
            "pk": _pk,
            "trace": _trace,
            "took": _took,
            "queries": _queries,
            "family": _family,
            "method": _method,
            "since": self._since,
            "is": self._flag,
        }.get(condition.key, _in_some_name)(condition)

    def _of_origins(self, condition: Condition) -> list[Clause]:
        """An origin's term is met by the origin itself, or by any entry of its trace."""
        traces = None if condition.key else self._traces_of_words
        traces = self._traces_of([condition]) if traces is None else traces
        if traces is None:
            return []
        of_traces = (Trait("trace", "among", traces),)
        if condition.key:
            return [of_traces]
        alone = list(_text_of(condition))
        return _either([alone, [of_traces]]) if traces else alone

    def _since(self, condition: Condition) -> list[Clause]:
        earliest = terms.moment_of(condition.value, self._now)
        return [(Trait("at_us", "least", int(earliest.timestamp() * 1e6)),)]

    def _flag(self, condition: Condition) -> list[Clause]:
        flag = condition.value.lower()
        if terms.asks_for_rollbacks(condition):
            traces = self._traces_of([condition])
            return [] if traces is None else [(Trait("trace", "among", traces), _flagged(flag))]
        flagged = _flagged(flag)
        known: dict[str, Clause] = {
            "error": (Trait("failed", "is", 1),),
            "slow": (Trait("duration_us", "least", self._slow_us), flagged),
            "bypass": (Trait("kind", "is", "bypass"), flagged),
            "mutated": (Trait("body", "contains", '"mutations":{"'), flagged),
            "async": (Trait("body", "contains", '"is_async":true'), flagged),
        }
        return [known.get(flag, (flagged,))]


def of_background(wanted: Collection[Condition]) -> Narrow:
    """Return what admits the origins or outcomes that make a condition true: for ``traces_of``."""
    if any(map(terms.asks_for_rollbacks, wanted)):
        return Narrow(((Trait("kind", "is", "outcome"),), (Trait("body", "contains", '"rolled back"'),)))
    clauses = _either([list(_text_of(condition)) for condition in wanted])
    return Narrow(tuple(clauses)).also((Trait("kind", "is", "origin"),))


def by_itself(condition: Condition) -> Narrow:
    """Return what admits each entry that meets a term about origins by its own text."""
    made = Narrow(_text_of(condition))
    # Of a key, only origins tell.
    return made.also((Trait("kind", "is", "origin"),)) if condition.key else made


def _text_of(condition: Condition) -> tuple[Clause, ...]:
    found = [piece for piece in _pieces(condition, _WORD) if not _is_written_otherwise(piece)]
    return tuple(_in_body(found))


def _without(condition: Condition) -> list[Clause]:
    """Return what admits each entry that does not meet the condition.

    Only what a journal can tell for certain is asked: it must leave out no more than the query does.
    """
    plain = _pieces(condition, _RUN) == [condition.value] and not condition.operator
    if condition.key in _NAME_FIELDS and plain:
        return [(Trait(field, "lacks", condition.value),) for field in _NAME_FIELDS[condition.key]]
    if condition.key == "is" and condition.value.lower() == "error":
        return [(Trait("failed", "is", 0),)]
    if condition.key == "took" and condition.operator in ("", ">", ">=") and ".." not in condition.value:
        return [(Trait("duration_us", "most", terms.duration_us(condition.value)),)]
    return []


def _flagged(flag: str) -> Trait:
    return Trait("body", "contains", f'"{flag}')


def _either(parts: Iterable[list[Clause]]) -> list[Clause]:
    """Return clauses that hold wherever all clauses of one part do."""
    combined: list[Clause] = [()]
    for part in parts:
        combined = [(*one, *other) for one, other in product(combined, part)][:MOST_CLAUSES]
    return [clause for clause in combined if clause]


def _in_body(pieces: Iterable[str]) -> list[Clause]:
    return [(Trait("body", "contains", piece),) for piece in pieces]


def _in_some_name(condition: Condition) -> list[Clause]:
    return _in_body(_pieces(condition, _RUN))


def _pk(condition: Condition) -> list[Clause]:
    pieces = _pieces(condition, _RUN)
    if pieces == [condition.value] and not _SHARP_S.search(condition.value):
        return [(Trait("pk", "is", condition.value),)]
    return [(Trait("pk", "contains", piece),) for piece in pieces]


def _trace(condition: Condition) -> list[Clause]:
    return [(Trait("trace", "contains", piece),) for piece in _pieces(condition, _RUN)]


def _family(condition: Condition) -> list[Clause]:
    pieces = _pieces(condition, _RUN)
    if condition.value.lower() == "bypass":
        return [(Trait("kind", "is", "bypass"), Trait("body", "contains", '"family":"bypass"'))]
    if pieces == [condition.value] and condition.value.lower() != "custom":
        return [(Trait("body", "contains", f'"family":"{condition.value}"'),)]
    return []


def _method(condition: Condition) -> list[Clause]:
    pieces = _pieces(condition, _RUN)
    if pieces == [condition.value] and condition.value.lower() != "send":
        return [(Trait("body", "contains", f'"method":"{condition.value}"'),)]
    return []


def _took(condition: Condition) -> list[Clause]:
    low, dots, high = condition.value.partition("..")
    least, most = terms.duration_us(low), terms.duration_us(high or low)
    if not dots and condition.operator in ("<", "<="):
        return [(Trait("duration_us", "most", most),)]
    if not dots and condition.operator != "=":
        return [(Trait("duration_us", "least", least),)]
    return [(Trait("duration_us", "least", least),), (Trait("duration_us", "most", most),)]


def _queries(condition: Condition) -> list[Clause]:
    of_emissions: Clause = (Trait("kind", "is", "emission"),)
    # A call without queries does not speak of them in its JSON.
    return [of_emissions] if terms.admits_none(condition) else [of_emissions, *_in_body(['"queries":'])]


def _is_written_otherwise(piece: str) -> bool:
    folded = piece.casefold()
    return bool(_EXPONENT.fullmatch(folded)) or any(folded in name for name in _WRITTEN_OTHERWISE)


def _pieces(condition: Condition, kept: re.Pattern[str]) -> list[str]:
    """Return what must stand in a text that the condition matches, the longest first; perhaps nothing."""
    value = condition.value
    parts = [value] if condition.literal else value.split("*")
    found = [piece for part in parts for run in _ascii_runs(part) for piece in kept.findall(run)]
    whole = [piece for run in found for piece in _SHARP_S.split(run) if piece]
    return sorted(dict.fromkeys(whole), key=len, reverse=True)


def _ascii_runs(text: str) -> Iterable[str]:
    for run in _ASCII.finditer(text):
        start, end = run.span()
        yield text[start + (start > 0) : end - (end < len(text))]
