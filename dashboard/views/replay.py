"""The replay: a stretch of the journal played again, through the same stream and graph as what is live.

Comes in: the stretch, where to begin in it, a speed, a filter. Goes out: an empty stream and where its
socket plays from; to htmx the live part alone, as when its reader seeks.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .. import pipeline, wording
from ..journal.base import Cursor, JournalError
from ..replay import SPEEDS
from ..security import guarded
from ..stream import fragments, legends, notices, readouts
from ..stream.replaying import seq_of, speed_of, state
from ..stream.roll import Roll
from .filters import Look
from .page import NOWHERE, page, wants_part


@guarded
def replay(request: HttpRequest) -> HttpResponse:
    """Show the page that plays; what it plays comes through its socket."""
    look = Look.of(request.GET)
    after, upto = seq_of(request.GET.get("after", "")), seq_of(request.GET.get("upto", ""))
    start = min(max(seq_of(request.GET.get("at", "")), after), max(upto, after))
    speed = speed_of(request.GET.get("speed", ""))
    context: dict[str, Any] = {
        "look": look,
        "replaying": True,
        "text": str(look.query),
        "after": after,
        "upto": upto,
        "start": start,
        "speed": f"{speed:g}",
        "speeds": [
            (f"{one:g}", one == speed, _address(look, after, upto, at=start, speed=f"{one:g}"))
            for one in SPEEDS
        ],
        "again": _address(look, after, upto, speed=f"{speed:g}"),
        "history": fragments.history_url(q=str(look.query)),
        "socket": fragments.replay_socket_url(after, upto, f"{speed:g}", look.layout, str(look.query)),
        "state": state(None),
        "tallies": readouts.tallies(0, 0, {}),
        "families": readouts.CHANNELS,
        "token": notices.token(NOWHERE, ""),
        "processes": legends.processes(Roll(), look.layout, look.query),
    }
    try:
        context |= _extent(Cursor(pipeline.journal().head().epoch, start), after, upto)
    except JournalError as problem:
        context["journal_error"] = str(problem)
    if wants_part(request):
        response = render(request, "signalscope/replay_part.html", context)
        response.headers["HX-Push-Url"] = _address(look, after, upto, at=start, speed=f"{speed:g}")
        return response
    return page(request, "signalscope/replay.html", context, name="history")


def _extent(start: Cursor, after: int, upto: int) -> dict[str, Any]:
    """Return where the page begins, and what it should be known that is not held any more."""
    held = pipeline.journal().read(after, 1)
    found: dict[str, Any] = {"token": notices.token(start, "")}
    if not held or held[0].seq > upto:
        found["gone"] = (
            f"Nothing of seq {wording.count(after + 1)} to {wording.count(upto)} is held any more."
        )
    elif held[0].seq > after + 1:
        last = wording.count(held[0].seq - 1)
        found["gone"] = f"Seq {wording.count(after + 1)} to {last} is not held any more."
    return found


def _address(look: Look, after: int, upto: int, **parameters: Any) -> str:
    return fragments.replay_url(after, upto, look.layout, str(look.query), **parameters)
