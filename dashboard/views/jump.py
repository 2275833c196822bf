"""Going to a time in the stream: from what was typed to the address of that stretch of the journal.

Comes in: a request's parameters ``at`` and ``zone``, and the page's look. Goes out: a ``Jump``: the
address to go to, or what is wrong with the time.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone

from .. import pipeline
from ..journal.base import JournalError
from ..stream import fragments
from ..stream.jumps import moment_of, seq_at

AHEAD = 200
"""So many entries after the moment are shown with it."""

_MOST = 40


class Jump(NamedTuple):
    """Where to go: ``address`` when that is known, ``error`` when the time means nothing."""

    text: str = ""
    zone: str = ""
    error: str = ""
    address: str = ""

    @classmethod
    def of(cls, asked: QueryDict, layout: str, query: str) -> Jump:
        """Read the parameters; without a time it goes nowhere."""
        text, name = asked.get("at", "").strip()[:_MOST], asked.get("zone", "")[:_MOST]
        if not text:
            return cls()
        try:
            moment = moment_of(text, pipeline.now(), _zone(name))
            journal = pipeline.journal()
            upto = min(seq_at(journal, moment) + AHEAD, journal.head().seq)
        except (ValueError, JournalError) as error:
            return cls(text, name, str(error))
        here = moment.astimezone(UTC).isoformat()
        return cls(text, name, "", fragments.around_url(upto, layout, query, here))


def _zone(name: str) -> tzinfo:
    """Return the zone of this name; the project's for one that is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return timezone.get_default_timezone()
