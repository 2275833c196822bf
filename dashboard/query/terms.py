"""The keys of the language, and what each asks of an entry.

Comes in: one condition, the clock and the threshold of *slow*. Goes out: a function of an entry
and of what is known of its trace; a value that the key does not know is a ``ValueError`` that says
what it knows.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import NamedTuple, get_args

from .. import events
from ..events import Emission, Origin
from . import flags, matching, texts
from .background import Background, Predicate
from .flags import FLAGS, ROLLED_BACK
from .nodes import Condition
from .texts import Texts, Watched


class Context(NamedTuple):
    """What values are measured against: the time now, and when a duration is slow."""

    now: datetime
    slow_us: float


class Key(NamedTuple):
    """One key of the language. ``single`` is true where an entry has at most one such value."""

    help: str
    build: Callable[[Condition, Context], Predicate]
    operators: tuple[str, ...] = ("=",)
    single: bool = True


METHODS: tuple[str, ...] = get_args(events.SendMethod)

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}
_ORDER = tuple(_COMPARE)
_TOOK = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(us|μs|ms|s|)", re.IGNORECASE)
_UNIT_US = {"us": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6, "": 1e3}
_COUNT = re.compile(r"[0-9]{1,9}")
_AGO = re.compile(r"([0-9]{1,9})([smhd])", re.IGNORECASE)
_AGO_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def build(condition: Condition, context: Context) -> Predicate:
    """Return what the condition asks; raise ``ValueError`` when its value means nothing to its key."""
    return KEYS[condition.key].build(condition, context)


# --- texts -----------------------------------------------------------------------------------


def _some(candidates: Texts, test: matching.TextTest) -> Predicate:
    def predicate(entry: Watched, background: Background) -> bool:
        return any(map(test, candidates(entry, background.origin)))

    return predicate


def _name(candidates: Texts) -> Callable[[Condition, Context], Predicate]:
    def build(condition: Condition, context: Context) -> Predicate:
        exact = condition.operator == "="
        return _some(candidates, matching.named(condition.value, exact=exact, wild=not condition.literal))

    return build


def _identity(candidates: Texts) -> Callable[[Condition, Context], Predicate]:
    def build(condition: Condition, context: Context) -> Predicate:
        return _some(candidates, matching.whole(condition.value, wild=not condition.literal))

    return build


def _trace(condition: Condition, context: Context) -> Predicate:
    if condition.operator or condition.literal:
        return _identity(texts.trace)(condition, context)
    return _some(texts.trace, matching.whole(f"{condition.value}*", wild=True))


def _method(condition: Condition, context: Context) -> Predicate:
    if "*" not in condition.value:
        _one_of(condition, METHODS, "method")
    return _identity(texts.method)(condition, context)


def _anything(condition: Condition, context: Context) -> Predicate:
    return _some(texts.anything, matching.contained(condition.value, wild=not condition.literal))


def _one_of(condition: Condition, known: tuple[str, ...], what: str) -> str:
    value = condition.value.lower()
    if value in known:
        return value
    close = get_close_matches(value[:40], known, n=1)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{condition.value[:40]!r} is no {what}.{guess} Known: {', '.join(known)}.")


# --- numbers and times -----------------------------------------------------------------------


def _took(condition: Condition, context: Context) -> Predicate:
    holds = _compared(condition, duration_us, ">=")

    def predicate(entry: Watched, background: Background) -> bool:
        if isinstance(entry, Origin) and entry.state == "opened":
            return False
        return holds(entry.duration_us)

    return predicate


def _queries(condition: Condition, context: Context) -> Predicate:
    holds = _compared(condition, _count, "=")

    def predicate(entry: Watched, background: Background) -> bool:
        return isinstance(entry, Emission) and holds(sum(call.queries for call in entry.calls))

    return predicate


def admits_none(condition: Condition) -> bool:
    """Return whether a ``queries:`` condition holds for an emission without any."""
    return _compared(condition, _count, "=")(0)


def _compared(
    condition: Condition, number_of: Callable[[str], float], default: str
) -> Callable[[float], bool]:
    """Return the test for a number: compared with a limit, or between both ends of a range."""
    low, dots, high = condition.value.partition("..")
    if dots:
        if condition.operator:
            raise ValueError(f"A range takes no operator. Remove {condition.operator!r}, or one end.")
        least, most = number_of(low), number_of(high)
        if least > most:
            raise ValueError(f"The range {condition.value[:40]!r} ends before it begins. Swap its ends.")
        return lambda number: least <= number <= most
    limit = number_of(condition.value)
    compare = _COMPARE[condition.operator or default]
    return lambda number: compare(number, limit)


def duration_us(text: str) -> float:
    """Return the microseconds that an end of ``took:`` says; raise ``ValueError`` when it says none."""
    found = _TOOK.fullmatch(text.casefold())
    if found is None:
        raise ValueError(
            f"{text[:40]!r} is no duration. Write a number with us, ms or s, as in took:>50ms or "
            "took:10ms..1s."
        )
    return float(found[1]) * _UNIT_US[found[2]]


def _count(text: str) -> int:
    if _COUNT.fullmatch(text) is None:
        raise ValueError(
            f"{text[:40]!r} is no count. Write a whole number, as in queries:>5 or queries:2..10."
        )
    return int(text)


def _since(condition: Condition, context: Context) -> Predicate:
    earliest = moment_of(condition.value, context.now)

    def predicate(entry: Watched, background: Background) -> bool:
        return entry.at >= earliest

    return predicate


def moment_of(value: str, now: datetime) -> datetime:
    """Return the time that ``since:`` says; raise ``ValueError`` when it says none."""
    ago = _AGO.fullmatch(value)
    if ago is not None:
        try:
            return now - timedelta(seconds=int(ago[1]) * _AGO_S[ago[2].lower()])
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"{value[:40]!r} is no time. Write an age with s, m, h or d, as in since:10m, or a UTC time, "
            "as in since:2026-01-31T12:00."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- flags -----------------------------------------------------------------------------------


def _flag(condition: Condition, context: Context) -> Predicate:
    return flags.asks_for(_one_of(condition, FLAGS, "flag"), context.slow_us)


# The empty key is free text.
KEYS: dict[str, Key] = {
    "signal": Key("the signal's dotted name", _name(texts.signal)),
    "sender": Key("the sender, or the model of the instance", _name(texts.sender)),
    "receiver": Key("a receiver that ran", _name(texts.receiver), single=False),
    "origin": Key("what started the trace: type, verb and path, view", _name(texts.started_by)),
    "user": Key("the user of the request, whole", _identity(texts.user)),
    "pk": Key("the instance's primary key, whole", _identity(texts.pk)),
    "cause": Key("the emission, by its id, under which it was sent, directly or not", _identity(texts.cause)),
    "trace": Key("the trace's id, or how it begins", _trace),
    "site": Key("the emitting line: file, file:line or function", _name(texts.site)),
    "process": Key(
        "where it was recorded: host, pid, host:pid, thread, or what runs there", _name(texts.process)
    ),
    "family": Key(
        "save, delete, m2m, request, auth, custom, db, migrate, init, bypass", _identity(texts.family)
    ),
    "method": Key(", ".join(METHODS), _method),
    "is": Key(", ".join(FLAGS), _flag, operators=(), single=False),
    "took": Key("how long it took: >50ms, 10ms..1s (50ms: at least)", _took, _ORDER, single=False),
    "queries": Key("SQL queries inside its receivers: >5, 2..10", _queries, _ORDER, single=False),
    "since": Key("not older than 30s, 10m, 2h or 1d, or a UTC time", _since, ()),
    "": Key("any text of the entry", _anything, (), single=False),
}

ORIGIN_KEYS = frozenset({"origin", "user", ""})
ENDS_KEYS = frozenset({"receiver", "is", "queries", ""})


def can_change(condition: Condition) -> bool:
    """Return whether the answer for an emission can change while its trace goes on."""
    return condition.key in ORIGIN_KEYS or asks_for_rollbacks(condition)


def asks_for_ends(condition: Condition) -> bool:
    """Return whether the end of a call that outlived its emission can change the answer for that."""
    return condition.key in ENDS_KEYS and not asks_for_rollbacks(condition)


def asks_for_rollbacks(condition: Condition) -> bool:
    """Return whether the condition is ``is:rolled-back``."""
    return condition.key == "is" and condition.value.lower() == ROLLED_BACK
