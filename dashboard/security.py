"""What every answer of Signalscope carries: a strict content security policy, and no caching.

Comes in: a view. Goes out: the same view, open only to who is allowed, unrecorded, its response
with the headers. Nothing has to be added to ``MIDDLEWARE``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseNotFound
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import SimpleTemplateResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from . import access, conf, pipeline
from .causality import suppressed
from .sessions import SessionError

_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:]+")


PUBLIC = frozenset(
    {
        *("live", "rows", "trace", "emission", "history", "graph", "node", "receivers", "receiver"),
        *("complete", "trace_menu", "emission_menu", "graph-export", "entry"),
    }
)
"""The addresses, by name, that answer to everybody where ``SIGNALSCOPE["PUBLIC"]`` is set; to GET alone."""

NOT_PUBLIC = frozenset(
    {
        *("presets", "export", "compare", "session_file", "replay"),
        *("sessions", "import", "delete"),
    }
)
"""Those that do not. ``tests/test_public.py`` wants each address in one of the two."""


def policy() -> str:
    """Return the policy: everything from this host alone, static files also from ``STATIC_URL``'s."""
    own = f"'self'{_static_origin()}"
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {own}",
            f"style-src {own}",
            f"img-src {own} data:",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _static_origin() -> str:
    parts = urlsplit(str(settings.STATIC_URL or ""))
    if parts.scheme not in ("http", "https", "") or not _HOST.fullmatch(parts.netloc):
        return ""
    return f" {parts.scheme}://{parts.netloc}" if parts.scheme else f" {parts.netloc}"


def _in_session(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Let the view read the imported session that its address names, if any (``urls`` adds it)."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, session: str = "", **kwargs: Any) -> HttpResponseBase:
        if not session:
            return view(request, *args, **kwargs)
        try:
            with pipeline.showing(session):
                return view(request, *args, **kwargs)
        except SessionError as error:
            return _no_session(str(error))

    return answer


def _no_session(reason: str) -> HttpResponseBase:
    context = {
        "title": "Not there",
        "reason": reason,
        "remedy": "It may have been deleted. Whoever has its file can import it again.",
        "href": reverse("signalscope:sessions"),
        "action": "All sessions",
    }
    return HttpResponseNotFound(render_to_string("signalscope/alone.html", context))


def _is_hidden(request: HttpRequest) -> bool:
    """Return whether the pages are public, and this is not one of those that are."""
    if not conf.get().PUBLIC:
        return False
    match = request.resolver_match
    if match is None or match.url_name not in PUBLIC or "session" in match.kwargs:
        return True
    return request.method not in ("GET", "HEAD")


def guarded(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Decorate a sync view of Signalscope: access, no recording, headers, the session it shows."""
    inner = access.required(_in_session(view))

    @wraps(inner)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with suppressed():
            response: HttpResponseBase = (
                access.not_public() if _is_hidden(request) else inner(request, *args, **kwargs)
            )
            if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                response.render()
        response.headers["Content-Security-Policy"] = policy()
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
        # The same address answers htmx with a part and the address bar with the page.
        patch_vary_headers(response, ["HX-Request", "Cookie"])
        return response

    return answer
