"""What all pages share: the bars around them, and telling htmx from the address bar.

Comes in: a request and a page's own context. Goes out: the rendered page with navigation,
readouts, scenarios and the health of the recording.
"""

from __future__ import annotations

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string

from .. import conf, links, pipeline
from ..journal.base import Cursor, Extent, JournalError
from ..sampling import Left
from ..sessions import current
from ..stream import fragments, notices, readouts

logger = logging.getLogger(__name__)

NOWHERE = Cursor("none", 0)


def wants_part(request: HttpRequest) -> bool:
    """Return whether htmx asks for a part of the page."""
    return (
        request.headers.get("HX-Request") == "true"
        and request.headers.get("HX-History-Restore-Request") != "true"
    )


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, name: str, status: int = 200
) -> HttpResponse:
    """Render a whole page; ``name`` is the navigation's current entry.

    A view that could not read the journal says so in ``context`` as ``journal_error``; a writer
    that cannot write is told on every page.
    """
    health = pipeline.health()
    head, extent, dropped, left, error = _journal()
    unwritten = None if current.shown() else health.error
    context = context | {"journal_error": context.get("journal_error") or error or unwritten}
    shared = {
        "page": name,
        "health": health,
        "extent": extent,
        "fill": readouts.fill(extent.count),
        "keep": conf.get().KEEP_ENTRIES,
        "ignored": conf.get().IGNORE_SIGNALS,
        "readouts": readouts.readouts(seq=extent.newest, dropped=max(dropped, health.dropped)),
        "sampled": notices.sampled(left),
        "scenarios": scenarios(),
        "editor": bool(conf.get().EDITOR) and not conf.get().PUBLIC,
        "quiet_socket": fragments.socket_url(fragments.NONE, ""),
        "token": notices.token(head, ""),
        "leave": links.in_session("", "signalscope:live"),
    }
    # A view's own values win: its token says up to where its rows were read, and with which counts.
    return render(request, template, shared | context, status=status)


def _journal() -> tuple[Cursor, Extent, int, Left, str]:
    try:
        journal = pipeline.journal()
        dropped, left = pipeline.dropped(journal), pipeline.left_out(journal)
        return journal.head(), journal.extent(), dropped, left, ""
    except JournalError as error:
        return NOWHERE, Extent(0, 0, 0), 0, Left(), str(error)


def scenarios() -> list[Any]:
    """Return what ``SIGNALSCOPE["SCENARIOS"]`` offers: objects with ``title``, ``look_at`` and ``url``."""
    path = getattr(conf.get(), "SCENARIOS", "")
    # What is played here is not heard in a session, and the public does nothing.
    if not path or current.shown() or conf.get().PUBLIC:
        return []
    try:
        return list(import_string(path)())
    except Exception:
        # The page is worth more than its buttons; the system checks name a wrong path.
        logger.exception("SIGNALSCOPE['SCENARIOS'] has the value %r, which gave no scenarios.", path)
        return []
