"""The receivers' page: every registration, how it ran, and what ran without one.

Comes in: a choice (which rows, which window, which order). Goes out: a table, its list alone to htmx,
and what one row unfolds to: source, facts, traces.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django_htmx.http import push_url, replace_url

from .. import conf, pipeline
from ..events import Origin
from ..graph import node_id, short_names
from ..journal.base import JournalError
from ..query import MAX_LENGTH, parse
from ..registrations import Registration, registrations
from ..roster import COLUMNS, Row, Seen, choices, counts, in_order, picked, rows_of
from ..security import guarded
from ..sessions import current
from ..statistics import Sample, is_vague, origin_label
from ..stream import fragments
from ..traces.flags import named
from . import looks
from .calls import Calls, calls
from .choice import Choice
from .page import page, wants_part
from .source import source_of
from .windows import WINDOWS

PAGE = 200
MOST_CHOICES = 500
MOST_TRACES = 3

_EVERYTHING = parse("")


class Roster(NamedTuple):
    """All rows, and the figures that they were made with."""

    rows: list[Row]
    calls: Calls


class Line(NamedTuple):
    """A row of the table: where its links lead, and what it unfolds to if it is open."""

    row: Row
    stream: str
    node: str
    trace: str
    unfold: str
    details: str
    more: dict[str, Any] | None = None


class Menu(NamedTuple):
    """What can be picked of one kind: (value, words, whether it is), and how many are not offered."""

    name: str
    anything: str
    options: list[tuple[str, str, bool]]
    more: int


class Run(NamedTuple):
    """A call to look at: how long it took, what started its trace, when, and the address."""

    duration_us: float
    origin: str
    at: Any
    failed: bool
    href: str


@guarded
def roster(request: HttpRequest) -> HttpResponse:
    """Show the table; to htmx its list alone."""
    choice = Choice.of(request.GET)
    is_part = wants_part(request)
    # Sorting and picking keep the figures that the reader looks at; who asks for new ones gets them.
    fresh = not is_part or request.GET.get("fresh") == "1"
    context = _context(choice, _measured(choice, fresh=fresh))
    if not is_part:
        return page(request, "signalscope/receivers.html", context, name="receivers")
    response = render(request, "signalscope/receivers_list.html", context)
    # What is typed changes the address letter by letter: that is no step for the back button.
    typed = request.headers.get("HX-Trigger") == "look"
    return (replace_url if typed else push_url)(response, context["address"])


@guarded
def receiver(request: HttpRequest, key: str) -> HttpResponse:
    """Show what the row with this key unfolds to; without htmx, the table with the row unfolded."""
    choice = Choice.of(request.GET)
    if not wants_part(request):
        return HttpResponseRedirect(choice.unfolded(key))
    row = next((row for row in _measured(choice, fresh=False).rows if row.one.key == key), None)
    line = _lines([row], choice._replace(open=key))[0] if row else None
    return render(request, "signalscope/receivers_more.html", {"key": key, "line": line})


def _measured(choice: Choice, *, fresh: bool) -> Roster:
    settings = conf.get()
    # What is registered here says nothing of the process that an imported session comes from.
    registered = [] if current.shown() else registrations()
    measured = calls(choice.window, registered, choice.until, fresh=fresh)
    seen = Seen(
        measured.ran,
        choice.words,
        choice.window.seconds is None and choice.until is None and not measured.cut,
        settings.IGNORE_SIGNALS,
        settings.SLOW_MS,
    )
    return Roster(rows_of(registered, seen), measured)


def _context(choice: Choice, whole: Roster) -> dict[str, Any]:
    rows = whole.rows
    unflagged = picked(rows, choice.pick._replace(flags=()))
    shown = in_order(picked(unflagged, choice.pick), choice.sort)
    last = max(-(-len(shown) // PAGE), 1)
    choice = choice._replace(page=min(choice.page, last))
    begin = (choice.page - 1) * PAGE
    return {
        "choice": choice,
        "address": choice.address(page=choice.page, open=choice.open),
        "calls": whole.calls,
        "journal_error": whole.calls.error,
        "lines": _lines(shown[begin : begin + PAGE], choice),
        "columns": [(one, choice.sorted_by(one), choice.direction(one)) for one in COLUMNS],
        "flags": _flags(unflagged, choice),
        "menus": _menus(rows, choice),
        "windows": [(one, choice.address(window=one)) for one in WINDOWS.values()],
        "total": len(rows),
        "found": len(shown),
        "registered": sum(row.registered for row in rows),
        "everything": choice.address(pick=Choice().pick),
        # An address says whole seconds, and what is seen now should stay.
        "hold": choice.address(until=datetime.now(UTC) + timedelta(seconds=1)),
        "now": choice.address(until=None),
        "refresh": choice.address(page=choice.page, open=choice.open),
        "span": (begin + 1, min(begin + PAGE, len(shown)), len(shown)),
        "previous": choice.address(page=choice.page - 1) if choice.page > 1 else "",
        "next": choice.address(page=choice.page + 1) if choice.page < last else "",
        "process": (os.getpid(), socket.gethostname()),
    }


def _menus(rows: Sequence[Row], choice: Choice) -> list[Menu]:
    anything = {"signal": "every signal", "sender": "every sender", "app": "every app"}
    menus = []
    for name, values in choices(rows).items():
        chosen = getattr(choice.pick, name)
        offered = values[:MOST_CHOICES]
        if chosen and chosen not in offered:
            offered = [chosen, *offered]
        words = short_names(offered, 1) if name == "signal" else {}
        options = [(value, words.get(value, value), value == chosen) for value in offered]
        menus.append(Menu(name, anything[name], options, len(values) - len(values[:MOST_CHOICES])))
    return [*menus, Menu("sort", "in Django's order", _sorts(choice), 0)]


def _sorts(choice: Choice) -> list[tuple[str, str, bool]]:
    """Return the ways to sort: where a column has no room, its heading cannot be pressed."""
    ways = []
    for column in COLUMNS:
        ways.append((column.first, f"by {column.title}", choice.sort == column.first))
        if choice.sort == column.second:
            ways.append((column.second, f"by {column.title}, reversed", True))
    return ways


def _flags(rows: Sequence[Row], choice: Choice) -> list[tuple[Any, int, bool, str]]:
    """Return the flags that some row has or the reader asks for, how many have it, and where each leads."""
    return [
        (named(name), count, name in choice.pick.flags, choice.toggled(name))
        for name, count in counts(rows).items()
        if count or name in choice.pick.flags or name in ("never-fired", "unregistered", "dead")
    ]


def _lines(rows: Iterable[Row], choice: Choice) -> list[Line]:
    # One address of each kind is worked out, and the keys are put into it.
    node = looks.Look(window=choice.window, until=choice.until).address("KEY")
    details = choice.details("KEY")
    found = []
    for row in rows:
        one = row.one
        latest = row.figures.latest(1) if row.figures else []
        is_open = one.key == choice.open
        found.append(
            Line(
                row,
                stream=_stream(one) if one.alive else "",
                node=node.replace("KEY", node_id(("receiver", one.receiver)), 1) if one.alive else "",
                trace=_trace_page(latest[0].trace) if latest and latest[0].trace else "",
                unfold=choice.unfolded(one.key),
                details=details.replace("KEY", one.key, 1),
                more=_more(row) if is_open else None,
            )
        )
    return found


def _stream(one: Registration) -> str:
    terms = {"receiver": one.receiver, "signal": one.signal}
    if one.sender and not is_vague(one.sender):
        terms["sender"] = one.sender
    if not all(terms.values()):
        return ""
    text = " ".join(_EVERYTHING.with_term(name, value, exact=True) for name, value in terms.items())
    return looks.live_address(text) if len(text) <= MAX_LENGTH else ""


def _more(row: Row) -> dict[str, Any]:
    figures = row.figures
    return {
        "source": source_of(row.one.receiver, row.one.line) if row.registered else None,
        "latest": _runs(figures.latest(MOST_TRACES)) if figures else [],
        "slowest": _runs(figures.slowest(MOST_TRACES)) if figures else [],
    }


def _runs(samples: Sequence[Sample]) -> list[Run]:
    return [
        Run(one.duration_us, _origin_of(one.trace), one.at, one.failed, _trace_page(one.trace))
        for one in samples
        if one.trace
    ]


def _trace_page(trace: str) -> str:
    # An imported journal may hold any id at all, a slash in it too.
    return fragments.trace_url(quote(trace, safe="").replace("%", "") or "-")


def _origin_of(trace: str) -> str:
    try:
        first = pipeline.journal().read_trace(trace, 1)
    except JournalError:
        first = []
    return origin_label(first[0]) if first and isinstance(first[0], Origin) else "unknown origin"
