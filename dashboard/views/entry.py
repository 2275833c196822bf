"""An entry of a kind that this version does not know: its kind, and its JSON as it stands.

Comes in: its number. Goes out: a part for the panel beside the stream, a whole page for its own address.
"""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .. import pipeline, wording
from ..events import Unknown
from ..journal.base import Journal, JournalError
from ..security import guarded
from ..stream import fragments
from .page import page, wants_part

MAX_JSON = 100_000
_HIGHEST = 2**63 - 1


@guarded
def entry(request: HttpRequest, seq: int) -> HttpResponse:
    """Show the entry with this number; those of known kinds have pages of their own."""
    try:
        journal = pipeline.journal()
        found = _find(journal, seq)
        earlier = _before(journal, found) if found else None
        error = ""
    except JournalError as problem:
        found, earlier, error = None, None, str(problem)
    if found is None:
        return _missing(request, error)
    text = json.dumps(found.body, indent=2, ensure_ascii=False, default=str)
    context = {
        "unknown": found,
        "title": wording.unknown(found.kind),
        "address": fragments.unknown_url(found),
        "trace_url": fragments.trace_url(found.trace) if found.trace else "",
        "earlier_url": fragments.unknown_url(earlier) if earlier else "",
        "json": text[:MAX_JSON],
        "json_cut": len(text) > MAX_JSON,
        "sheet": "signalscope/inspector_unknown.html",
    }
    if wants_part(request):
        return render(request, "signalscope/inspector_unknown.html", context)
    return page(request, "signalscope/emission.html", context, name="emission")


def _find(journal: Journal, seq: int) -> Unknown | None:
    for found in journal.read(seq - 1, 1) if 0 < seq <= _HIGHEST else ():
        if isinstance(found, Unknown) and found.seq == seq:
            return found
    return None


def _before(journal: Journal, found: Unknown) -> Unknown | None:
    for earlier in journal.read_kind(found.kind, found.seq, 1):
        if isinstance(earlier, Unknown):
            return earlier
    return None


def _missing(request: HttpRequest, error: str) -> HttpResponse:
    context = {"reason": error or "This entry is not, or no longer, in the journal.", "unread": error}
    if wants_part(request):
        return render(request, "signalscope/inspector_missing.html", context)
    return page(request, "signalscope/missing.html", context, name="emission", status=503 if error else 404)
