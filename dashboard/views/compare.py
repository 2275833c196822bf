"""The page that compares: two traces, or two stretches, of the live journal or of sessions.

Comes in: two sides (``sides``); ``all`` shows the rows without a difference too, ``start`` begins further
down. Goes out: a sentence, the figures of both sides, and one tree with a word for each difference.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from .. import conf, links, pipeline, wording
from ..comparison import RULE, Comparison, Row, compare, profile, sentence
from ..comparison.marks import typical
from ..comparison.profile import MOST_PATHS
from ..journal.base import JournalError
from ..query import parse
from ..security import guarded
from ..sessions import LIVE, Session, SessionError
from ..statistics.origins import origin_label
from ..stream.lookback import look_back
from .page import page
from .sides import Alike, Pick, Read, alike, read_side

ROWS = 300
RECENT = 20


class Figure(NamedTuple):
    """A figure of both sides, and how they differ."""

    name: str
    before: str
    after: str
    change: str


class Line(NamedTuple):
    """A row as the page shows it: bars in percent of the longest, addresses of examples."""

    row: Row
    own_before: float
    own_after: float
    bar_before: str
    bar_after: str
    example_before: str
    example_after: str


@guarded
def compare_page(request: HttpRequest) -> HttpResponse:
    """Compare the sides that the address names; without any, offer what can be chosen."""
    before, after = Pick.of("a", request.GET), Pick.of("b", request.GET)
    context: dict[str, Any] = {}
    status = 200
    try:
        before, after, others = _completed(before, after)
        context["alike"] = others
        if before.given and after.given:
            context |= _compared(read_side(before), read_side(after), request)
        else:
            context |= _offered()
    except (SessionError, JournalError) as error:
        status = 404 if isinstance(error, SessionError) else 503
        context["problem"] = str(error)
    context |= {"picks": [before, after], "places": _places(), "rule": RULE}
    context["open_form"] = "comparison" not in context
    return page(request, "signalscope/compare.html", context, name="compare", status=status)


def _completed(before: Pick, after: Pick) -> tuple[Pick, Pick, list[Alike]]:
    """Return the sides; where only a trace is named, the other is the one before it of the same origin."""
    if before.trace and not after.given:
        before, after = after.at("a"), before.at("b")
    if not after.trace:
        return before, after, []
    with pipeline.reading(after.session) as journal:
        found = alike(after, journal)
    if not before.given and found:
        before = before._replace(trace=found[0].trace, session=after.session, given=True)
    others = [
        Alike(
            one,
            _address(before._replace(trace=one.trace, session=after.session), after),
            one.trace == before.trace,
        )
        for one in found
    ]
    return before, after, others


def _address(before: Pick, after: Pick, **more: str) -> str:
    query = urlencode(before.parameters | after.parameters | more)
    return f"{links.reverse('signalscope:compare')}?{query}"


def _compared(before: Read, after: Read, request: HttpRequest) -> dict[str, Any]:
    single = bool(before.pick.trace and after.pick.trace)
    label = None if single else origin_label
    found = compare(profile(before.entries, label), profile(after.entries, label))
    whole = request.GET.get("all") == "1"
    rows = found.rows if whole else found.changed()
    rows = [row for row in rows if single or row.key.kind != "whole"]
    start = _start(request)
    more = {"all": "1"} if whole else {}
    next_start = start + ROWS
    return {
        "comparison": found,
        "sentence": sentence(found),
        "sides": [
            before._replace(left_out=found.before.left_out),
            after._replace(left_out=found.after.left_out),
        ],
        "most_paths": MOST_PATHS,
        "figures": _figures(found),
        "lines": _lines(found, rows[start:next_start], before, after),
        "single": single,
        "whole": whole,
        "same": len(found.rows) - len(found.changed()),
        "toggled": _address(before.pick, after.pick, **({} if whole else {"all": "1"})),
        "swapped": _address(after.pick.at("a"), before.pick.at("b"), **more),
        "left": max(len(rows) - next_start, 0),
        "next": _address(before.pick, after.pick, start=str(next_start), **more),
        "earlier": _address(before.pick, after.pick, start=str(max(start - ROWS, 0)), **more)
        if start
        else "",
    }


def _start(request: HttpRequest) -> int:
    text = request.GET.get("start", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _figures(found: Comparison) -> list[Figure]:
    a, b = found.before, found.after
    took = wording.took
    change = b.took_us - a.took_us
    figures = [
        Figure(
            "took" if a.single and b.single else "took in all",
            str(took(a.took_us)),
            str(took(b.took_us)),
            f"{'+' if change >= 0 else '-'}{took(abs(change))}",
        )
    ]
    counts = [
        ("traces", a.traces, b.traces),
        ("emissions", a.emissions, b.emissions),
        ("calls", a.calls, b.calls),
        ("queries in receivers", a.queries, b.queries),
        ("errors", a.errors, b.errors),
    ]
    return figures + [
        Figure(name, f"{was:,}", f"{now:,}", f"{now - was:+,}" if now != was else "same")
        for name, was, now in counts
        if name != "traces" or not (a.single and b.single)
    ]


def _lines(found: Comparison, rows: list[Row], before: Read, after: Read) -> list[Line]:
    steps = [
        step for row in found.rows if row.key.kind != "whole" for step in (row.before, row.after) if step
    ]
    longest = max(map(typical, steps), default=0.0) or 1.0
    lines = []
    for row in rows:
        was = typical(row.before) if row.before else 0.0
        now = typical(row.after) if row.after else 0.0
        lines.append(
            Line(
                row,
                was,
                now,
                f"{min(100 * was / longest, 100):.2f}",
                f"{min(100 * now / longest, 100):.2f}",
                _example(row.before.example if row.before else "", before),
                _example(row.after.example if row.after else "", after),
            )
        )
    return lines


def _example(id: str, side: Read) -> str:
    return links.in_session(side.pick.link_session, "signalscope:emission", [id]) if id else ""


def _offered() -> dict[str, Any]:
    """Return the newest traces, two of which may be chosen."""
    slow_ms = conf.get().SLOW_MS
    found = look_back(pipeline.journal(), parse("", slow_ms=slow_ms), limit=RECENT, slow_ms=slow_ms)
    return {"recent": found.traces}


def _places() -> list[tuple[str, str]]:
    """Return the journals that a side may come from: value and words."""
    try:
        held: list[Session] = pipeline.sessions().held()
    except SessionError:
        held = []
    return [(LIVE, "live journal"), *((one.name, f"session {one.name}") for one in held)]
