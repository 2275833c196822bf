"""The websocket's address, for a project's ``asgi.py``.

Comes in: ASGI websocket connections. Goes out: ``websocket_application``, with the origin checked
against ``ALLOWED_HOSTS``, the session's user in the scope where the project has accounts, and none of it
recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, cast

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.apps import apps
from django.core.handlers.asgi import get_script_prefix
from django.urls import path, re_path, set_script_prefix

from .causality import suppressed
from .stream.consumers import LiveConsumer
from .stream.fragments import SOCKET

websocket_urlpatterns: list[Any] = [path(SOCKET, cast("Any", LiveConsumer.as_asgi()))]


async def _nothing_here(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Any]
) -> None:
    """Refuse the handshake (403), as ``URLRouter`` would not: it raises, and the server logs a traceback."""
    await receive()
    await send({"type": "websocket.close"})


_routes = URLRouter([*websocket_urlpatterns, re_path("", cast("Any", _nothing_here))])


@cache
def _checked() -> Any:
    """Return the routes behind what they need. Asked for late: this may be imported before the apps are."""
    # Without accounts there is no model of a user, and channels would look for one.
    known = AuthMiddlewareStack(_routes) if apps.is_installed("django.contrib.auth") else _routes
    return AllowedHostsOriginValidator(known)


async def websocket_application(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Serve ``/ws/signals/``, below the script name where there is one; any other path is refused.

    As Django's handler does for a page: what is rendered for the socket links to pages with that name, and
    a proxy may have taken it off the path.
    """
    script_name = get_script_prefix(scope)
    set_script_prefix(script_name)
    below = {**scope, "path": scope["path"].removeprefix(script_name), "root_path": ""}
    with suppressed():
        await _checked()(below, receive, send)
