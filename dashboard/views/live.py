"""The live page, and the parts of it that are fetched later: a trace's rows, a stretch of the journal.

Comes in: a filter, a layout, a stretch. Goes out: what the journal holds for them now; what comes
afterwards arrives through the socket, from the cursor that this page was read at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from .. import conf, pipeline
from ..journal.base import Cursor, JournalError
from ..query import Background, Query, QuerySyntaxError, Term, background_of, parse
from ..query.nodes import Or
from ..query.selection import Sent
from ..security import guarded
from ..stream import fragments, notices, readouts
from ..stream.fragments import FLAT, TREE, WINDOW
from ..stream.lookback import Found, look_back
from ..traces.tree import Matches, assemble
from .page import NOWHERE, page, scenarios, wants_part

STRETCH_ROWS = 300
TRACE_LIMIT = 20_000
_BATCH = 10

SHORTCUTS = {"error": "errors", "slow": "slow", "rolled-back": "rolled back", "bypass": "bypasses"}


class Look(NamedTuple):
    """What the address asks for. ``error`` is set when ``text`` is no query; then nothing is filtered."""

    text: str
    query: Query
    layout: str
    error: QuerySyntaxError | None = None

    @classmethod
    def of(cls, asked: QueryDict) -> Look:
        """Read the address; several ``q`` are one query."""
        text = " ".join(part.strip() for part in asked.getlist("q") if part.strip())
        layout = FLAT if asked.get("layout") == FLAT else TREE
        slow_ms = conf.get().SLOW_MS
        try:
            return cls(text, parse(text, slow_ms=slow_ms), layout)
        except QuerySyntaxError as error:
            return cls(text, parse("", slow_ms=slow_ms), layout, error)

    @property
    def address(self) -> str:
        """The live page with this look."""
        return fragments.live_url(self.layout, self.text if self.error else str(self.query))


class Chip(NamedTuple):
    """A term of the filter: what it says, the page without it, and the page where it can be edited."""

    term: Term
    without: str
    edit: str


class Shortcut(NamedTuple):
    """A flag to look for: what its button says, whether it is on, and the page with it toggled."""

    flag: str
    label: str
    on: bool
    toggled: str


class Channel(NamedTuple):
    """A family's button: whether it is on, how many were seen, and the page with it toggled."""

    family: str
    label: str
    on: bool
    counted: SafeString
    toggled: str


@guarded
def live(request: HttpRequest) -> HttpResponse:
    """Show the stream: the page, to htmx its live part, or with ``after``/``upto`` one stretch."""
    look = Look.of(request.GET)
    if len(request.GET.getlist("q")) > 1 and not wants_part(request):
        return HttpResponseRedirect(look.address)
    if "upto" in request.GET:
        return _stretch(request, look)
    context = _newest(look, request)
    if wants_part(request):
        response = render(request, "signalscope/live_part.html", context)
        response.headers["HX-Push-Url"] = look.address
        return response
    return page(request, "signalscope/live.html", context, name="live")


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
    } | _filters(look, request, found.families)


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
    context |= _filters(look, request, found.families)
    return page(request, "signalscope/live.html", context, name="live")


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


# --- the filter bar ------------------------------------------------------------------------------


def _filters(look: Look, request: HttpRequest, families: Mapping[str, int]) -> dict[str, Any]:
    query = look.query
    text = str(query)
    buttons = channels(look, families)
    return {
        "chips": [] if look.error else [_chip(term, look) for term in query.terms],
        "given": f"({text})" if isinstance(query.root, Or) else text,
        "typed": look.text if look.error else request.GET.get("edit", "")[:500],
        "caret": " " * min(look.error.position, 200) if look.error else "",
        "layouts": [
            (name, title, name == look.layout, fragments.live_url(name, text))
            for name, title in ((TREE, "Tree"), (FLAT, "Flat"))
        ],
        "channels": buttons,
        "shortcuts": shortcuts(look),
        # The socket updates the counts of all families: each needs an element.
        "unshown": set(readouts.CHANNELS) - {button.family for button in buttons},
        "socket": fragments.socket_url(look.layout, text),
        "filtered": bool(text),
        "everything": fragments.live_url(look.layout, ""),
        "scenarios": scenarios(),
    }


def shortcuts(look: Look) -> list[Shortcut]:
    """Return the buttons of what is looked for most."""
    on = {term.value: term for term in look.query.terms if term.key == "is" and not term.negated}
    return [
        Shortcut(
            flag,
            label,
            flag in on,
            fragments.live_url(
                look.layout, on[flag].without if flag in on else look.query.with_term("is", flag)
            ),
        )
        for flag, label in SHORTCUTS.items()
    ]


def channels(look: Look, families: Mapping[str, int]) -> list[Channel]:
    """Return the buttons of the families; ``init`` only where its signals are recorded."""
    terms = [term for term in look.query.terms if term.key == "family"]
    off = {term.value: term for term in terms if term.negated}
    only = {term.value: term for term in terms if not term.negated}
    ignored = any(name.endswith("_init") for name in conf.get().IGNORE_SIGNALS)
    shown = [name for name in readouts.CHANNELS if name != "init" or not ignored or families.get("init")]
    made = []
    for family in shown:
        hidden = off.get(family) or (next(iter(only.values())) if only and family not in only else None)
        toggled = hidden.without if hidden else look.query.with_term("family", family, negated=True)
        counted = readouts.channel_count(family, families.get(family, 0))
        address = fragments.live_url(look.layout, toggled)
        made.append(Channel(family, readouts.CHANNELS[family], hidden is None, counted, address))
    return made


def _chip(term: Term, look: Look) -> Chip:
    without = fragments.live_url(look.layout, term.without)
    return Chip(term, without, fragments.edit_url(look.layout, term.without, term.text))


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
