"""What can be typed next in the filter's box, as the lines of its list.

Comes in: what the box holds (``q``) and where the cursor stands in it (``at``). Goes out: options
for a listbox, none when nothing fits or the journal cannot be read.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ..journal.base import JournalError
from ..query.completion import Suggestion, complete
from ..query.seen import Seen
from ..security import guarded
from ..sessions import current
from .vocabulary import MOST, vocabulary


@guarded
def completions(request: HttpRequest) -> HttpResponse:
    """Show the suggestions for the term at the cursor; without ``at``, at the end."""
    text = request.GET.get("q", "")
    at = request.GET.get("at", "")
    cursor = int(at) if at.isascii() and at.isdigit() and len(at) < 9 else len(text)
    return render(request, "signalscope/completions.html", {"suggestions": _suggestions(text, cursor)})


def _ask(use: Callable[[Seen], list[Suggestion]]) -> list[Suggestion]:
    shown = current.shown()
    if shown is None:
        return vocabulary.ask(use)
    seen = Seen()
    for entry in shown.journal.read_back(None, MOST):
        seen.add(entry)
    return use(seen)


def _suggestions(text: str, cursor: int) -> list[Suggestion]:
    try:
        return _ask(lambda seen: complete(text, cursor, seen))
    except JournalError:
        # The page says what is wrong with the journal; a box that can be typed in needs no second notice.
        return []
