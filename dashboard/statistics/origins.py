"""What to call an origin, so that the same view, command or thread is one and not many.

Comes in: an origin's entry. Goes out: a short label, a request's path given by its route. The
path is used and not the view's name, because the entry of an open request has no view yet.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from django.conf import settings
from django.urls import resolve

from ..events import Origin

RouteOf = Callable[[str], str | None]

_CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>")
_NUMBERS = re.compile(r"\d+")
# The parts of a path that name one object: a number, a UUID, a long hexadecimal hash.
_IDENTITY = re.compile(
    r"(?<=/)(?:\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,64})(?=/|$)"
)


def route_of(path: str) -> str | None:
    """Return the route that this project's URLconf gives a path (``/posts/<slug>/``), else ``None``."""
    return _route(path, settings.ROOT_URLCONF)


@functools.lru_cache(maxsize=4096)
def _route(path: str, urlconf: str) -> str | None:
    try:
        match = resolve(path, urlconf)
    except Exception:  # noqa: BLE001  a path converter of the app may raise anything at all
        return None
    if "(" not in match.route:
        return "/" + _CONVERTER.sub(r"<\1>", match.route)
    # A regular expression is no reading matter: take what it captured out of the path instead.
    values = {name: str(match.kwargs.get(name, "")) for name in _GROUP.findall(match.route)}
    route = path
    for name, value in sorted(values.items(), key=lambda item: -len(item[1])):
        if value:
            route = route.replace(value, f"<{name}>", 1)
    return route


def origin_label(origin: Origin, route: RouteOf = route_of) -> str:
    """Return what the graph calls an origin, the same for the opened and the closed entry.

    Args:
        origin: either entry of the origin.
        route: gives a request's path its route, or ``None`` where it has none.
    """
    title = origin.title
    if origin.type == "request":
        path = title.partition("?")[0]
        title = route(path) or _IDENTITY.sub("<id>", path)
    elif origin.type == "thread":
        title = _NUMBERS.sub("N", title)
    if origin.verb == origin.type and origin.type == "shell":
        return "shell"
    return f"{origin.verb} {title}".strip() or origin.type
