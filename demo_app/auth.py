"""Keeps the demo's well-known login out of a public site.

Comes in: every login attempt. Goes out: a refusal of ``admin`` / ``admin`` outside DEBUG, else what
Django's own backend says.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

DEMO_LOGIN = ("admin", "admin")


class DemoBackend(ModelBackend):
    """Django's backend, except that ``DEMO_LOGIN`` raises ``PermissionDenied`` unless ``DEBUG`` is on."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user with this name and password, or ``None``."""
        _refuse(username, password)
        return super().authenticate(request, username=username, password=password, **kwargs)

    async def aauthenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Do the same for async callers."""
        _refuse(username, password)
        return await super().aauthenticate(request, username=username, password=password, **kwargs)


def _refuse(username: str | None, password: str | None) -> None:
    # Here and not in the seed alone: a database made with DEBUG on may be served with it off.
    if not settings.DEBUG and (username, password) == DEMO_LOGIN:
        raise PermissionDenied("The login admin / admin works only while DEBUG is on.")
