"""The live page, and the parts of it that are fetched later: a trace's rows, a stretch of the journal.

Comes in: a filter, a layout, a stretch. Goes out: what the journal holds for them now; what comes
afterwards arrives through the socket, from the cursor that this page was read at.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from .. import conf, pipeline
from ..journal.base import Cursor, JournalError
from ..query import Background, background_of
from ..query.selection import Sent
from ..security import guarded
from ..stream import fragments, notices, readouts
from ..stream.fragments import FLAT, WINDOW
from ..stream.lookback import Found, look_back
from ..traces.tree import Matches, assemble
from .filters import Look, Wrong, filter_bar
from .page import NOWHERE, page, wants_part

STRETCH_ROWS = 300
TRACE_LIMIT = 20_000
_BATCH = 10


@guarded
def live(request: HttpRequest) -> HttpResponse:
    """Show the stream: the page, to htmx its live part, or with ``after``/``upto`` one stretch."""
    look = Look.of(request.GET)
    if look.wrong and wants_part(request):
        return _refused(request, look.wrong)
    if len(request.GET.getlist("q")) > 1 and not look.wrong and not wants_part(request):
        return HttpResponseRedirect(look.address)
    if "upto" in request.GET:
        return _stretch(request, look)
    context = _newest(look, request)
    if wants_part(request):
        response = render(request, "signalscope/live_part.html", context)
        response.headers["HX-Push-Url"] = look.address
        return response
    return page(request, "signalscope/live.html", context, name="live")


def _refused(request: HttpRequest, wrong: Wrong) -> HttpResponse:
    """Say where the filter does not parse, and leave the list, its socket and the address as they are."""
    context = {"wrong": wrong, "until": "The list stays as it was."}
    response = render(request, "signalscope/filter_error.html", context)
    response.headers["HX-Retarget"] = "#filter-error"
    response.headers["HX-Reswap"] = "outerHTML"
    response.headers["HX-Push-Url"] = "false"
    return response


def _newest(look: Look, request: HttpRequest) -> dict[str, Any]:
    try:
        journal = pipeline.journal()
        # First the head, then up to it and no further: the socket goes on exactly after it.
        cursor = journal.head()
        found = look_back(
            journal,
            look.query,
            flat=look.layout == FLAT,
            before=cursor.seq + 1,
            shown_to=0,
            slow_ms=conf.get().SLOW_MS,
        )
        error = ""
    except JournalError as problem:
        cursor, found, error = NOWHERE, Found(), str(problem)
    rows = _rows(found, look)
    batches = [
        fragments.batch(f"bp{number}", rows[start : start + _BATCH])
        for number, start in enumerate(range(0, len(rows), _BATCH))
    ]
    return {
        "look": look,
        "batches": mark_safe("".join(batches)),  # noqa: S308  (made of rendered templates)
        "older": _older(found, look, cursor.seq),
        "empty": not rows,
        "token": _token(cursor, found),
        "tallies": readouts.tallies(found.matched, found.looked, found.families),
        "journal_error": error,
    } | filter_bar(look, request, found.families)


def _token(cursor: Cursor, found: Found) -> SafeString:
    tally = readouts.tally_text(found.matched, found.looked, found.families)
    return notices.token(cursor, tally)


def _rows(found: Found, look: Look) -> list[str]:
    slow_ms = conf.get().SLOW_MS
    rows = [(summary.started, fragments.trace(summary)) for summary in found.traces]
    rows += [(entry.at, fragments.flat(entry, slow_ms)) for entry in found.sent]
    rows += [(gap.at, fragments.gap(gap)) for gap in found.gaps]
    return [row for _, row in sorted(rows, key=lambda row: row[0], reverse=True)]


def _older(found: Found, look: Look, shown_to: int, after: int = 0) -> str:
    if not found.more:
        return ""
    return fragments.older(found, look.layout, str(look.query), after, shown_to)


# --- a stretch of the journal --------------------------------------------------------------------


def _stretch(request: HttpRequest, look: Look) -> HttpResponse:
    after, upto = _number(request, "after"), _number(request, "upto")
    shown_to = _number(request, "shown")
    try:
        found = look_back(
            pipeline.journal(),
            look.query,
            flat=look.layout == FLAT,
            before=upto + 1,
            after=after,
            shown_to=shown_to,
            limit=STRETCH_ROWS,
            slow_ms=conf.get().SLOW_MS,
        )
        error = ""
    except JournalError as problem:
        found, error = Found(), str(problem)
    rows = _rows(found, look)
    older = _older(found, look, max(shown_to, upto), after)
    if request.GET.get("part") == "rows":
        nothing = notices.nothing_there(error or "Nothing here matches, or it is no longer in the journal.")
        return HttpResponse("".join([*rows, older]) or nothing)
    context = {
        "look": look,
        "batches": mark_safe("".join(rows)),  # noqa: S308  (made of rendered templates)
        "older": older,
        "empty": not rows,
        "token": _token(NOWHERE, found),
        "tallies": readouts.tallies(found.matched, found.looked, found.families),
        "journal_error": error,
        "stretch": (after + 1, upto),
    }
    context |= filter_bar(look, request, found.families)
    return page(request, "signalscope/live.html", context, name="live")


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


# --- the rows of one trace -----------------------------------------------------------------------


@guarded
def rows(request: HttpRequest, trace: str) -> HttpResponse:
    """Show a trace unfolded: its rows to htmx; everybody else is sent to its page."""
    if not wants_part(request):
        return HttpResponseRedirect(fragments.trace_url(trace))
    look = Look.of(request.GET)
    start = _number(request, "start")
    try:
        entries = pipeline.journal().read_trace(trace, TRACE_LIMIT)
        error = ""
    except JournalError as problem:
        entries, error = [], str(problem)
    if not entries:
        reason = error or "This trace is not, or no longer, in the journal."
        return HttpResponse(notices.nothing_there(reason))
    tree = assemble(entries, conf.get().SLOW_MS)
    tree.summary.more = len(entries) >= TRACE_LIMIT
    window = tree.rows(start, WINDOW, _matches(look, background_of(entries)))
    parameters = {"q": str(look.query)} if str(look.query) else {}
    more_url = fragments.rows_url(trace, start=window.next_start, **parameters) if window.next_start else ""
    made = fragments.tree(window, more_url)
    return HttpResponse(made)


def _matches(look: Look, background: Background) -> Matches | None:
    if look.query.matches_everything:
        return None

    def matches(entry: Sent) -> bool:
        return look.query.matches(entry, *background)

    return matches
