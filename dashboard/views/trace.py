"""The page of one trace: overview, waterfall, totals, critical path, inspector.

Comes in: a trace's id, and in the address what to show of it: ``min`` (milliseconds below which
rows are left out), ``start``, ``by``, ``loops``, ``critical``, ``emission``, ``q`` (a filter: what it
does not ask for steps back). Goes out: the page; to htmx its body, or with ``part=rows`` further rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from .. import conf, pipeline
from ..events import Entry
from ..exports import FORMATS
from ..journal.base import Journal, JournalError
from ..links import reverse
from ..query import QuerySyntaxError, background_of, parse
from ..query.selection import is_sent
from ..security import guarded
from ..stream import fragments, notices
from ..stream.fragments import WINDOW
from ..traces.branches import Node
from ..traces.fates import stays
from ..traces.loops import depth, error_of, spelled
from ..traces.overview import overview, ruler
from ..traces.timing import CriticalPath, critical_path, totals
from ..traces.tree import Matches, Sieve, TraceTree, assemble
from .emission import inspection
from .filters import Wrong
from .page import page, wants_part

LIMIT = 50_000
"""So many entries of a trace are read for its page; what is beyond is said and can be exported."""

MOST_TOTALS = 50
MOST_STEPS = 12
MOST_LOOPS = 3
MOST_KEPT = 5
_LONGEST_MIN_MS = 3_600_000.0
_BY = ("receiver", "signal")


class Look(NamedTuple):
    """What the address asks for."""

    trace: str
    min_ms: float = 0.0
    start: int = 0
    by: str = "receiver"
    whole_loops: bool = False
    critical: bool = False
    emission: str = ""
    q: str = ""

    @classmethod
    def of(cls, trace: str, asked: QueryDict) -> Look:
        """Read the address; what is malformed is as by default."""
        return cls(
            trace,
            _milliseconds(asked.get("min", "")),
            _count(asked.get("start", "")),
            _BY[1] if asked.get("by") == _BY[1] else _BY[0],
            asked.get("loops") == "whole",
            asked.get("critical") == "only",
            asked.get("emission", "")[:64],
            asked.get("q", "").strip(),
        )

    def address(self, **changes: Any) -> str:
        """Return the address of the trace with this look, changed."""
        look = self._replace(**changes)
        values = {
            "min": f"{look.min_ms:g}" if look.min_ms else "",
            "start": str(look.start) if look.start else "",
            "by": look.by if look.by != _BY[0] else "",
            "loops": "whole" if look.whole_loops else "",
            "critical": "only" if look.critical else "",
            "emission": look.emission,
            "q": look.q,
        }
        query = urlencode({key: value for key, value in values.items() if value})
        base = reverse("signalscope:trace", args=[self.trace])
        return f"{base}?{query}" if query else base


def _milliseconds(text: str) -> float:
    try:
        number = float(text[:20])
    except ValueError:
        return 0.0
    return min(max(number, 0.0), _LONGEST_MIN_MS) if math.isfinite(number) else 0.0


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


@guarded
def trace(request: HttpRequest, trace: str) -> HttpResponse:
    """Show a trace; to htmx nothing (204) when it still is as its reader ``seen`` it."""
    look = Look.of(trace, request.GET)
    try:
        journal = pipeline.journal()
        if _is_unchanged(request, journal, trace):
            return HttpResponse(status=204)
        entries = journal.read_trace(trace, LIMIT)
    except JournalError as problem:
        return _missing(request, str(problem), error=True)
    if not entries:
        return _missing(request, "This trace is not, or no longer, in the journal.")
    part = wants_part(request)
    tree = assemble(entries, conf.get().SLOW_MS)
    tree.summary.more = len(entries) >= LIMIT
    if part and request.GET.get("part") == "rows":
        path = _critical_path(tree)
        return HttpResponse(_rows(tree, look, path, _marks(look, entries))["rows"])
    context = _context(tree, look, entries)
    if part:
        return render(request, "signalscope/trace_body.html", context)
    return page(
        request, "signalscope/trace.html", _chosen(tree, look, journal, entries) | context, name="trace"
    )


def _is_unchanged(request: HttpRequest, journal: Journal, trace: str) -> bool:
    seen = _count(request.GET.get("seen", ""))
    return wants_part(request) and seen > 0 and not journal.read_trace(trace, 1, after=seen)


def _missing(request: HttpRequest, reason: str, *, error: bool = False) -> HttpResponse:
    if wants_part(request):
        return HttpResponse(notices.nothing_there(reason))
    context = {"reason": reason, "journal_error": reason if error else "", "unread": error}
    return page(request, "signalscope/missing.html", context, name="trace", status=503 if error else 404)


def _critical_path(tree: TraceTree) -> CriticalPath:
    return critical_path(tree.roots, tree.summary.started_us, tree.summary.took_us)


class Marks(NamedTuple):
    """Which rows a filter asks for: all of them while none is set, or ``wrong`` says that it is none."""

    matches: Matches | None = None
    wrong: Wrong | None = None


def _marks(look: Look, entries: Sequence[Entry]) -> Marks:
    try:
        query = parse(look.q, slow_ms=conf.get().SLOW_MS)
    except QuerySyntaxError as error:
        return Marks(wrong=Wrong(look.q, error))
    if query.matches_everything:
        return Marks()
    background = background_of(entries)
    return Marks(lambda entry: query.matches(entry, *background))


def _context(tree: TraceTree, look: Look, entries: Sequence[Entry]) -> dict[str, Any]:
    path = _critical_path(tree)
    marks = _marks(look, entries)
    look = _at_emission(tree, look, path, marks)
    held = totals(tree.roots, tree.slow_ms)
    took_us = max(tree.summary.took_us, 1.0)
    shown = held.by_receiver if look.by == "receiver" else held.by_signal
    return {
        "trace": tree.summary,
        "look": look,
        "here": look.address(),
        "overview": overview(tree),
        "words": ", ".join(step.receiver.rpartition(".")[2] or "the rest" for step in path.steps[:3]),
        "ticks": ruler(tree.summary.lasted_us),
        "totals": [(one, 100 * one.own_us / took_us) for one in shown[:MOST_TOTALS]],
        "more_totals": len(shown[MOST_TOTALS:]),
        "by": [(one, one == look.by, look.address(by=one)) for one in _BY],
        "in_receivers": (held.in_receivers_us, min(round(100 * held.in_receivers_us / took_us), 100)),
        "path": path,
        "steps": path.steps[:MOST_STEPS],
        "loops": _loops(tree),
        "kept": _kept(tree),
        "formats": [
            (one, reverse("signalscope:export", args=[look.trace, one.key])) for one in FORMATS.values()
        ],
        "session_file": fragments.export_url(trace=look.trace),
        "compare": f"{reverse('signalscope:compare')}?{urlencode({'b': look.trace})}",
        "critical_only": look.address(critical=not look.critical),
        "whole_loops": look.address(whole_loops=not look.whole_loops),
        "slider": _slider(look.min_ms, tree.summary.took_us),
        "wrong": marks.wrong,
        "until": "No row steps back until then.",
        "asked_for": sum(map(marks.matches, filter(is_sent, entries))) if marks.matches else None,
    } | _rows(tree, look, path, marks)


def _sieve(look: Look, path: CriticalPath, marks: Marks) -> Sieve:
    return Sieve(
        marks.matches,
        min_us=look.min_ms * 1000,
        transactions=True,
        whole_loops=look.whole_loops,
        critical=path.keys,
    )


def _at_emission(tree: TraceTree, look: Look, path: CriticalPath, marks: Marks) -> Look:
    """Return the look with the window that holds the emission it names."""
    if not look.emission or look.start:
        return look
    place = tree.place(look.emission, _sieve(look, path, marks)) or 0
    return look._replace(start=place - place % WINDOW)


def _rows(tree: TraceTree, look: Look, path: CriticalPath, marks: Marks) -> dict[str, Any]:
    sieve = _sieve(look, path, marks)
    window = tree.rows(look.start, WINDOW, sieve=sieve)
    more = look.address(start=window.next_start, emission="") if window.next_start else ""
    hidden = tree.count(sieve._replace(min_us=0.0)) - window.total if look.min_ms else 0
    return {
        "rows": fragments.tree(window, f"{more}{'&' if '?' in more else '?'}part=rows" if more else ""),
        "hidden": hidden,
        "total": window.total,
        "earlier": look.address(start=max(look.start - WINDOW, 0), emission="") if look.start else "",
    }


def _loops(tree: TraceTree) -> list[tuple[str, int, str]]:
    """Return the rounds of the deepest loops, each spelled once, how deep it went, and what ended it."""
    found: dict[str, tuple[int, str]] = {}
    for node in sorted(tree.nodes.values(), key=lambda node: -depth(node.emission)):
        text = spelled(node.emission, tree.find)
        if not text or (text not in found and len(found) == MOST_LOOPS):
            break
        found.setdefault(text, (depth(node.emission), error_of(node.emission)))
    return [(text, *rest) for text, rest in found.items()]


def _kept(tree: TraceTree) -> list[tuple[str, str]]:
    """Return what calls did that a rollback did not take back, each sentence once, with its receiver."""
    found: dict[str, str] = {}
    for node in tree.nodes.values():
        for call in node.emission.calls:
            kept = tree.fates.kept(node.emission, call)
            found.update({stays(effect): call.receiver for effect in kept[:MOST_KEPT]})
        if len(found) >= MOST_KEPT:
            break
    return [(receiver, text) for text, receiver in list(found.items())[:MOST_KEPT]]


def _slider(min_ms: float, took_us: float) -> tuple[str, str]:
    """Return the slider's end and step: a fifth of the trace, or what was asked for."""
    end = max(took_us / 5_000, min_ms, 1.0)
    return f"{math.ceil(end * 10) / 10:g}", "0.1" if end <= 50 else "1"


# --- the emission shown beside it ------------------------------------------------------------------


def _chosen(tree: TraceTree, look: Look, journal: Journal, entries: Sequence[Entry]) -> dict[str, Any]:
    node = tree.nodes.get(look.emission) or _interesting(tree)
    if node is None:
        return {}
    return inspection(node.emission, journal, entries) | {"chosen": node.emission.id}


def _interesting(tree: TraceTree) -> Node | None:
    """Return what a reader most likely came for: the first error, else what took longest in receivers."""
    with_calls = [node for node in tree.nodes.values() if node.emission.calls]
    failed = [node for node in with_calls if any(call.error for call in node.emission.calls)]
    if failed:
        # Of an exception that passed through several emissions, where it came from.
        return max(failed, key=lambda node: node.start_us)
    return max(with_calls, key=lambda node: node.duration_us, default=None)
