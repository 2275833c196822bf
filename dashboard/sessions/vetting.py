"""Whether an entry from a foreign file is one that a journal could hold.

Comes in: a line. Goes out: the entry ready to be stored, its JSON as it stands, so that fields and kinds
of a newer version are kept; or ``ImplausibleError``, which says what a recorder would never have written.
Pages rely on it: a time has a zone, a duration is no astronomical number, an id fits into an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import get_args

import msgspec

from ..events import (
    Bypass,
    Call,
    Emission,
    Entry,
    Gap,
    Known,
    Late,
    Origin,
    Outcome,
    Sampled,
    Task,
    Unknown,
    decode,
)
from ..journal.base import Packed, pack

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_US = 1e14  # three years
_MOST = 10**12
_LARGEST_PID = 2**31 - 1
_DEEPEST = 40

_KNOWN = frozenset(str(one.__struct_config__.tag) for one in get_args(Known))

_TRACE = re.compile(r"[\w.:\-]{0,64}", re.ASCII)
_ID = re.compile(r"[\w.\-]{1,64}", re.ASCII)
_KIND = re.compile(r"[\w.\- ]{1,40}", re.ASCII)


class ImplausibleError(ValueError):
    """No recorder wrote this line: why."""


def vet(line: bytes) -> Packed:
    """Return the entry in a line as it is stored. Raises ``ImplausibleError``."""
    try:
        body = line.strip()
        body.decode()
        entry = decode(body)
        if _depth(body) > _DEEPEST:
            raise ImplausibleError(f"it is nested deeper than {_DEEPEST} levels")
        _check(entry)
        return pack(entry)._replace(body=body)
    except ImplausibleError:
        raise
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise ImplausibleError(f"it is no entry ({error})") from None


_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')


def _depth(body: bytes) -> int:
    """Return how deep the JSON nests at most. It is well-formed: it was decoded before."""
    most = body.count(b"[") + body.count(b"{")
    if most <= _DEEPEST:
        return most  # walking every line would take longer than all the rest of an import
    deepest = depth = 0
    for part in _BRACKETS.finditer(body):
        first = part.group()[:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest


def _check(entry: Entry) -> None:
    if entry.at.tzinfo is None:
        raise ImplausibleError("its time has no zone")
    if not _EARLIEST <= entry.at <= _LATEST:
        raise ImplausibleError(f"its time is {entry.at.isoformat()}")
    if entry.process is not None and not 0 < entry.process.pid <= _LARGEST_PID:
        raise ImplausibleError(f"its pid is {entry.process.pid}")
    _check_names(entry)
    for name, number in _numbers(entry):
        if not 0 <= number <= (_LONGEST_US if name.endswith("_us") else _MOST):
            raise ImplausibleError(f"its {name} is {number!r:.40}")


def _check_names(entry: Entry) -> None:
    _check_name("trace", entry.trace, _TRACE)
    match entry:
        case Unknown():
            if entry.kind in _KNOWN:
                raise ImplausibleError(f"it has not the shape of an entry of kind {entry.kind}")
            _check_name("kind", entry.kind, _KIND)
            _check_name("id", entry.body.get("id", "none"), _ID)
        case Emission() | Bypass() | Task():
            _check_name("id", entry.id, _ID)
            _check_name("task", entry.task or "none", _ID)
            if entry.cause is not None:
                for emission in (entry.cause.emission, *entry.cause.above):
                    _check_name("cause", emission, _ID)
        case Late():
            _check_name("emission", entry.emission, _ID)
        case Outcome():
            _check_name("block", entry.block, _ID)
            _check_name("task", entry.task or "none", _ID)
        case _:
            pass


def _check_name(what: str, name: object, pattern: re.Pattern[str]) -> None:
    if not isinstance(name, str) or not pattern.fullmatch(name):
        raise ImplausibleError(f"its {what} is {name!r:.80}")


def _numbers(entry: Entry) -> Iterator[tuple[str, float]]:
    if isinstance(entry, Emission | Origin | Outcome | Bypass | Task):
        yield "duration_us", entry.duration_us
    if isinstance(entry, Gap | Sampled):
        yield from _of_missing(entry)
    if isinstance(entry, Outcome):
        yield "emissions", entry.emissions
    if isinstance(entry, Bypass):
        # Django's cursors say -1 for rows that they did not count.
        yield "rows", max(entry.rows or 0, 0)
    if isinstance(entry, Emission | Bypass | Task):
        yield "cause", (entry.cause.call or 0) if entry.cause else 0
    if isinstance(entry, Task):
        yield "attempt", entry.attempt
    if isinstance(entry, Emission | Bypass):
        yield "line", entry.site.line if entry.site else 0
    if isinstance(entry, Emission):
        yield from _of_calls(entry.calls)
    if isinstance(entry, Late):
        yield "index", entry.index
        yield from _of_calls([entry.call])


def _of_missing(entry: Gap | Sampled) -> Iterator[tuple[str, float]]:
    if isinstance(entry, Gap):
        yield "dropped", entry.dropped
        return
    if not 0 < entry.share <= 1:
        raise ImplausibleError(f"its share is {entry.share!r:.40}")
    yield from (("traces", entry.traces), ("entries", entry.entries), ("early", entry.early))


def _of_calls(calls: Iterable[Call]) -> Iterator[tuple[str, float]]:
    for call in calls:
        yield "offset_us", call.offset_us
        yield "duration_us", call.duration_us
        yield "queries", call.queries
        yield "query_us", call.query_us
        for statement in call.statements:
            yield "times", statement.times
            yield "duration_us", statement.duration_us
            for offset in statement.offsets_us:
                yield "offset_us", abs(offset)
        for effect in call.effects:
            yield "offset_us", abs(effect.offset_us)
