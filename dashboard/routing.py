"""The websocket's address, for a project's ``asgi.py``.

Comes in: ASGI websocket connections. Goes out: ``websocket_application``, with the origin checked
against ``ALLOWED_HOSTS``, the session's user in the scope, and none of it recorded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path

from .causality import suppressed
from .stream.consumers import LiveConsumer
from .stream.fragments import SOCKET

websocket_urlpatterns: list[Any] = [path(SOCKET, cast("Any", LiveConsumer.as_asgi()))]

_checked = AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))


async def websocket_application(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Serve ``/ws/signals/``."""
    with suppressed():
        await _checked(scope, receive, send)
