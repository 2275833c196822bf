"""The live page, and the parts of it that are fetched later: a trace's rows, a stretch of the journal.

Comes in: a filter, a layout, a stretch. Goes out: what the journal holds for them now; what comes
afterwards arrives through the socket, from the cursor that this page was read at.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from .. import conf, pipeline
from ..journal.base import Cursor, Journal, JournalError
from ..query import Background, background_of
from ..query.selection import Sent
from ..security import guarded
from ..stream import fragments, legends, notices, readouts
from ..stream.fragments import FLAT, WINDOW
from ..stream.frames import FEW
from ..stream.lookback import Found, look_back
from ..stream.roll import Roll
from ..stream.sieve import Sieve
from ..traces.tree import Matches, assemble
from .filters import Look, Wrong, filter_bar
from .jump import Jump
from .page import NOWHERE, page, scenarios, wants_part

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
    jump = Jump.of(request.GET, look.layout, str(look.query))
    if jump.address:
        return HttpResponseRedirect(jump.address)
    return _whole(request, _newest(look, request) | {"jump": jump}, look.address)


def _whole(request: HttpRequest, context: dict[str, Any], address: str) -> HttpResponse:
    """Answer with the page, or to htmx with its live part and the address that the page then has."""
    if not wants_part(request):
        return page(request, "signalscope/live.html", context, name="live")
    response = render(request, "signalscope/live_part.html", context)
    response.headers["HX-Push-Url"] = address
    return response


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
            sieve=_sieve(journal, look),
        )
        error = ""
    except JournalError as problem:
        cursor, found, error = NOWHERE, Found(), str(problem)
    rows = drawn_rows(found, look)
    batches = [
        fragments.batch(f"bp{number}", rows[start : start + _BATCH])
        for number, start in enumerate(range(0, len(rows), _BATCH))
    ]
    return {
        "look": look,
        "batches": mark_safe("".join(batches)),  # noqa: S308  (made of rendered templates)
        "older": _older(found, look, cursor.seq),
        "empty": not rows,
        "guide": len(rows) < FEW and not str(look.query) and scenarios(),
        "token": _token(cursor, found),
        "tallies": readouts.tallies(found.matched, found.looked, found.families),
        "processes": legends.processes(roll_of(found), look.layout, look.query),
        "journal_error": error,
    } | filter_bar(look, request, found.families)


def _sieve(journal: Journal, look: Look) -> Sieve | None:
    """Return what looks through the rest of the journal; nothing where everything is looked for."""
    if look.query.matches_everything:
        return None
    return Sieve(journal, look.query, flat=look.layout == FLAT)


def _token(cursor: Cursor, found: Found) -> SafeString:
    tally = readouts.tally_text(found.matched, found.looked, found.families)
    return notices.token(cursor, tally)


def drawn_rows(found: Found, look: Look, here: datetime | None = None) -> list[str]:
    """Return the rows of what a look found, newest first, with the moment ``here`` among them."""
    slow_ms = conf.get().SLOW_MS
    rows = [(summary.started, fragments.trace(summary)) for summary in found.traces]
    rows += [
        (entry.at, fragments.flat(entry, slow_ms, found.origins.get(entry.trace))) for entry in found.sent
    ]
    rows += [(gap.at, fragments.gap(gap)) for gap in found.gaps]
    rows += [(one.at, fragments.unknown(one, times)) for one, times in found.unknowns]
    if here is not None:
        rows.append((here, fragments.here(here)))
    return [row for _, row in sorted(rows, key=lambda row: row[0], reverse=True)]


def roll_of(found: Found) -> Roll:
    """Return the processes that a look met; those that recorded last are shown."""
    return Roll(reversed(found.processes.values()))


def _older(found: Found, look: Look, shown_to: int, after: int = 0) -> str:
    if not found.more:
        return ""
    return fragments.older(found, look.layout, str(look.query), after, shown_to)


# --- a stretch of the journal --------------------------------------------------------------------


def _stretch(request: HttpRequest, look: Look) -> HttpResponse:
    after, upto = _number(request, "after"), _number(request, "upto")
    shown_to = _number(request, "shown")
    newer = ""
    try:
        journal = pipeline.journal()
        newer = _newer(request, look, upto, journal.head().seq)
        found = look_back(
            journal,
            look.query,
            flat=look.layout == FLAT,
            before=upto + 1,
            after=after,
            shown_to=shown_to,
            limit=STRETCH_ROWS,
            slow_ms=conf.get().SLOW_MS,
            sieve=_sieve(journal, look),
        )
        error = ""
    except JournalError as problem:
        found, error = Found(), str(problem)
    older = _older(found, look, max(shown_to, upto), after)
    if request.GET.get("part") == "rows":
        nothing = notices.nothing_there(error or "Nothing here matches, or it is no longer in the journal.")
        rows = drawn_rows(found, look) or [nothing]
        return HttpResponse("".join([newer, *rows, older]))
    here = _moment(request.GET.get("here", ""))
    rows = [newer, *drawn_rows(found, look, here)]
    context = {
        "look": look,
        "batches": mark_safe("".join(rows)),  # noqa: S308  (made of rendered templates)
        "older": older,
        "empty": len(rows) == 1,
        "token": _token(NOWHERE, found),
        "tallies": readouts.tallies(found.matched, found.looked, found.families),
        "processes": legends.processes(roll_of(found), look.layout, look.query),
        "journal_error": error,
        "stretch": (after + 1, upto),
        "here": here,
    }
    return _whole(request, context | filter_bar(look, request, found.families), request.get_full_path())


def _newer(request: HttpRequest, look: Look, upto: int, newest: int) -> str:
    """Return the link further on, where the reader came for a place in the journal and not for a few rows."""
    if not ("further" in request.GET or "here" in request.GET) or upto >= newest:
        return ""
    return fragments.newer(upto, look.layout, str(look.query))


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


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
