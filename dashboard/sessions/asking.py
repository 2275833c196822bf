"""What somebody asks for, in words: a filter, a range, a trace.

Comes in: texts, of a command's options or an address. Goes out: ``Wanted``, or ``SessionError`` for a text
that says nothing. A place in the journal is a seq, a date with a time, or a time of today; a time without
a zone is one of the project's.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import NamedTuple

from django.utils import timezone

from ..query import QuerySyntaxError, parse
from .header import FORMAT, Header, SessionError
from .stretch import Wanted

_MOST_DIGITS = 18
_LONGEST = 40


class Asked(NamedTuple):
    """A stretch in words; what is empty is not asked for."""

    filter: str = ""
    since: str = ""
    until: str = ""
    trace: str = ""

    def wanted(self, slow_ms: float, now: datetime | None = None) -> Wanted:
        """Return the stretch. ``now`` says which day is today. Raises ``SessionError``."""
        try:
            query = parse(self.filter, slow_ms=slow_ms)
        except QuerySyntaxError as error:
            raise SessionError(
                f"The filter {self.filter[:200]!r} does not parse at column {error.position}. {error.message}"
            ) from None
        since, since_at = _place("since", self.since, now)
        until, until_at = _place("until", self.until, now)
        return Wanted(query, since, until, since_at, until_at, self.trace)

    def header(self, version: str) -> Header:
        """Return a header that says what was asked for, of which version of Signalscope."""
        return Header(
            signalscope_session=FORMAT,
            signalscope=version,
            filter=self.filter[:4_000],
            trace=self.trace[:64],
            since=self.since[:_LONGEST],
            until=self.until[:_LONGEST],
        )


def _place(what: str, text: str, now: datetime | None) -> tuple[int, datetime | None]:
    text = text.strip()
    if not text:
        return 0, None
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text), None
    moment = _moment(text[:_LONGEST], now or timezone.now())
    if moment is None:
        raise SessionError(
            f"{what} has the value {text[:_LONGEST]!r}, which is no place in a journal. Give a seq (812), "
            "a date with a time (2026-11-20T10:11:12), or a time of today (10:11)."
        )
    return 0, moment


def _moment(text: str, now: datetime) -> datetime | None:
    zone = timezone.get_default_timezone()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.combine(now.astimezone(zone).date(), time.fromisoformat(text))
        except ValueError:
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
