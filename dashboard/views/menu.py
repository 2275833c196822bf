"""What can be done with one row of the stream: its menu, each entry a plain link.

Comes in: an emission's id (with a call's place), or a trace's, and the page's look. Goes out: the
entries, to htmx; whoever comes without it is sent to the page of what the row shows.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from .. import pipeline, wording
from ..events import Bypass, Call, Emission, Origin
from ..journal.base import JournalError
from ..links import reverse
from ..query import Query, parse
from ..query.selection import Sent
from ..security import guarded
from ..stream import fragments
from ..traces.rows import bypass_text
from .emission import find
from .filters import Look
from .page import wants_part


class Entry(NamedTuple):
    """A link of the menu: icon, words, what they are about, where it leads.

    ``kind`` is ``page``, ``filter`` (it shows the stream otherwise) or ``copy``.
    """

    icon: str
    words: str
    about: str
    address: str
    kind: str = "filter"


@guarded
def emission(request: HttpRequest, id: str) -> HttpResponse:
    """Show what can be done with an emission, a bypass, or with ``call`` one call of an emission."""
    look = Look.of(request.GET)
    try:
        found = find(pipeline.journal(), id, request.GET.get("trace", ""))
    except JournalError:
        found = None
    if found is None:
        return _missing(request)
    if not wants_part(request):
        return HttpResponseRedirect(fragments.entry_url(found))
    call, place = _call(found, request.GET.get("call", ""))
    entries = [
        _open(found.trace, emission=found.id),
        *_about_object(found, look),
        *_about_call(call, look),
        *_about_cause(found, look),
        *_about_signal(found, look),
        _compare(found.trace),
        Entry("i-link", "Copy link", "", fragments.entry_url(found, place), "copy"),
    ]
    title = found.name if isinstance(found, Emission) else f"bypass, {bypass_text(found)}"
    return _menu(request, wording.short(call.receiver) if call else title, entries)


@guarded
def trace(request: HttpRequest, trace: str) -> HttpResponse:
    """Show what can be done with a whole trace."""
    look = Look.of(request.GET)
    try:
        first = pipeline.journal().read_trace(trace, 1)
    except JournalError:
        first = []
    if not first:
        return _missing(request)
    address = fragments.trace_url(trace)
    if not wants_part(request):
        return HttpResponseRedirect(address)
    origin = first[0] if isinstance(first[0], Origin) else None
    entries = [
        _open(trace),
        Entry("i-only", "Only this trace", trace[:8], _shows(look, _only(trace=trace))),
        *_about_origin(origin, look),
        _compare(trace),
        Entry("i-link", "Copy link", "", address, "copy"),
    ]
    return _menu(request, f"{origin.verb} {origin.title}".strip() if origin else "trace", entries)


def _menu(request: HttpRequest, title: str, entries: list[Entry]) -> HttpResponse:
    return render(request, "signalscope/row_menu.html", {"title": title, "entries": entries})


def _missing(request: HttpRequest) -> HttpResponse:
    if not wants_part(request):
        return HttpResponseRedirect(fragments.live_url(fragments.TREE, ""))
    return _menu(request, "This is no longer in the journal.", [])


def _call(found: Sent, asked: str) -> tuple[Call | None, int | None]:
    if isinstance(found, Emission) and asked.isascii() and asked.isdigit() and len(asked) < 7:
        place = int(asked)
        if place < len(found.calls):
            return found.calls[place], place
    return None, None


# --- the entries ---------------------------------------------------------------------------------


def _only(**terms: str) -> str:
    """Return a filter of these terms and no others."""
    query = ""
    for key, value in terms.items():
        query = parse(query).with_term(key, value, exact=key in ("signal", "sender", "receiver"))
    return query


def _shows(look: Look, query: str) -> str:
    return fragments.live_url(look.layout, query)


def _hides(look: Look, query: Query, key: str, value: str, *, exact: bool = True) -> str:
    return fragments.live_url(look.layout, query.with_term(key, value, exact=exact, negated=True))


def _open(trace: str, **parameters: str) -> Entry:
    return Entry("i-max", "Open trace", "", fragments.trace_url(trace, **parameters), "page")


def _compare(trace: str) -> Entry:
    # The page begins with the trace before it of the same origin, and offers others.
    address = f"{reverse('signalscope:compare')}?{urlencode({'b': trace})}"
    return Entry("i-compare", "Compare with\u2026", "another trace", address, "page")


def _about_object(found: Sent, look: Look) -> list[Entry]:
    if not isinstance(found, Emission) or not found.instance or not found.instance.pk:
        return []
    # The object's own model: of an m2m change the sender is the model between.
    model = found.instance.model or found.sender
    if not model:
        return []
    query = _only(sender=model, pk=found.instance.pk)
    return [Entry("i-only", "Only this object", f"{model} #{found.instance.pk}", _shows(look, query))]


def _about_call(call: Call | None, look: Look) -> list[Entry]:
    if call is None:
        return []
    query = _only(receiver=call.receiver)
    return [Entry("i-only", "Only this receiver", wording.short(call.receiver), _shows(look, query))]


def _about_cause(found: Sent, look: Look) -> list[Entry]:
    if isinstance(found, Bypass) or not found.calls:
        return []
    query = _only(cause=found.id)
    return [Entry("i-caused", "Only what this caused", "", _shows(look, query))]


def _about_signal(found: Sent, look: Look) -> list[Entry]:
    if isinstance(found, Bypass):
        return [
            Entry("i-hide", "Hide bypasses", "", _hides(look, look.query, "family", "bypass", exact=False))
        ]
    return [
        Entry("i-only", "Only this signal", found.name, _shows(look, _only(signal=found.signal))),
        Entry("i-hide", "Hide this signal", found.name, _hides(look, look.query, "signal", found.signal)),
    ]


def _about_origin(origin: Origin | None, look: Look) -> list[Entry]:
    label = f"{origin.verb} {origin.title}".strip() if origin else ""
    if not label:
        return []
    return [
        Entry("i-only", "Only this origin", label, _shows(look, _only(origin=label))),
        Entry("i-hide", "Hide this origin", label, _hides(look, look.query, "origin", label, exact=False)),
    ]
