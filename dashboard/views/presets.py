"""Saved filters: those that are built in, and one's own, which the browser keeps in a signed cookie.

Comes in: a name and a filter. Goes out: links, and the cookie that holds them. No table is made in
the watched project's database; each user of a browser has a cookie of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render

from .. import links
from ..query import QuerySyntaxError, parse
from ..security import guarded
from ..stream import fragments
from ..stream.fragments import FLAT, TREE
from .page import page, wants_part

MOST = 20
LONGEST_NAME = 40
MOST_BYTES = 3_800
"""Browsers keep 4,096 bytes of a cookie with its name and attributes: RFC 6265, section 6.1."""

YEAR_S = 365 * 24 * 3_600


class Preset(NamedTuple):
    """A filter under a name."""

    name: str
    query: str


BUILT_IN = (
    Preset("Errors", "is:error"),
    Preset("Slow", "is:slow"),
    Preset("Rolled back", "is:rolled-back"),
    Preset("Bypasses", "is:bypass"),
    Preset("Loops", "is:loop"),
    Preset("N+1 queries", "is:n+1"),
)


class RefusedError(ValueError):
    """What was asked for cannot be done: what is wrong, the value seen, the remedy."""


@guarded
def presets(request: HttpRequest) -> HttpResponse:
    """Show one's presets; a POST saves, renames or deletes one (``do``) first."""
    if request.method == "GET":
        return _shown(request, presets_of(request))
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "POST"])
    before = presets_of(request)
    try:
        after = _done(request, before)
        cookie = _encoded(request, after)
    except RefusedError as refused:
        return _shown(request, before, str(refused))
    if wants_part(request):
        response = _shown(request, after)
    else:
        response = HttpResponseRedirect(fragments.live_url(*_look(request)))
    _keep(request, response, cookie)
    return response


def shown_presets(
    request: HttpRequest, layout: str, query: str, own: list[Preset] | None = None, refused: str = ""
) -> dict[str, Any]:
    """Return what the list's template shows beside the filter in force; ``own`` are those of the request."""
    own = presets_of(request) if own is None else own
    return {
        "own": [(preset, fragments.live_url(layout, preset.query)) for preset in own],
        "built_in": [(preset, fragments.live_url(layout, preset.query)) for preset in BUILT_IN],
        "in_force": query,
        "layout": layout,
        "refused": refused,
        "longest_name": LONGEST_NAME,
    }


def _shown(request: HttpRequest, own: list[Preset], refused: str = "") -> HttpResponse:
    context = shown_presets(request, *_look(request), own, refused)
    if wants_part(request):
        return render(request, "signalscope/presets.html", context)
    return page(
        request, "signalscope/presets_page.html", context, name="presets", status=422 if refused else 200
    )


def _look(request: HttpRequest) -> tuple[str, str]:
    asked = request.POST if request.method == "POST" else request.GET
    try:
        query = str(parse(asked.get("q", "")))
    except QuerySyntaxError:
        query = ""
    return (FLAT if asked.get("layout") == FLAT else TREE), query


# --- what can be done ------------------------------------------------------------------------


def _done(request: HttpRequest, known: list[Preset]) -> list[Preset]:
    asked = request.POST
    does: dict[str, Callable[[], list[Preset]]] = {
        "save": lambda: _saved(known, _named(asked.get("name", "")), _look(request)[1]),
        "rename": lambda: _renamed(known, asked.get("old", ""), _named(asked.get("name", ""))),
        "delete": lambda: [preset for preset in known if preset.name != asked.get("old", "")],
    }
    doing = asked.get("do", "")
    if doing not in does:
        raise RefusedError(f"{doing[:40]!r} is nothing that can be done. Save, rename or delete.")
    return does[doing]()


def _named(text: str) -> str:
    name = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if not name:
        raise RefusedError("A preset needs a name. Type one.")
    if len(name) > LONGEST_NAME:
        raise RefusedError(f"The name has {len(name):,} characters, and may have {LONGEST_NAME}. Shorten it.")
    return name


def _saved(known: list[Preset], name: str, query: str) -> list[Preset]:
    if not query:
        raise RefusedError("No filter is set. Set one, then save it.")
    others = [preset for preset in known if preset.name.casefold() != name.casefold()]
    if len(others) >= MOST:
        raise RefusedError(f"There are {MOST} presets, and no room for more. Delete one.")
    return [*others, Preset(name, query)]


def _renamed(known: list[Preset], old: str, name: str) -> list[Preset]:
    if any(preset.name != old and preset.name.casefold() == name.casefold() for preset in known):
        raise RefusedError(f"There is a preset {name!r} already. Choose another name.")
    return [preset._replace(name=name) if preset.name == old else preset for preset in known]


# --- the cookie ------------------------------------------------------------------------------


def presets_of(request: HttpRequest) -> list[Preset]:
    """Return the presets in the request's cookie; a cookie that is not ours, or damaged, holds none."""
    name = _cookie(request)
    try:
        held = msgspec.convert(
            signing.loads(request.COOKIES.get(name, ""), salt=name), list[tuple[str, str]], strict=True
        )
    except (signing.BadSignature, msgspec.ValidationError, ValueError):
        return []
    return [Preset(*pair) for pair in held[:MOST] if _parses(pair[1])]


def _parses(query: str) -> bool:
    try:
        return not parse(query).matches_everything
    except QuerySyntaxError:
        return False


def _cookie(request: HttpRequest) -> str:
    user = str(getattr(getattr(request, "user", None), "pk", None))
    return f"signalscope_presets_{blake2b(user.encode(errors='surrogatepass'), digest_size=6).hexdigest()}"


def _encoded(request: HttpRequest, held: list[Preset]) -> str:
    encoded = signing.dumps([tuple(preset) for preset in held], salt=_cookie(request), compress=True)
    if len(encoded) > MOST_BYTES:
        raise RefusedError("A browser has no room for that much. Delete a preset, or save a shorter filter.")
    return encoded


def _keep(request: HttpRequest, response: HttpResponse, encoded: str) -> None:
    response.set_cookie(
        _cookie(request),
        encoded,
        max_age=YEAR_S,
        path=links.in_session("", "signalscope:live"),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
