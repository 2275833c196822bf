"""The addresses of the pages, within what is shown: a page of an imported session links to pages of it.

Comes in: a page's name, as for Django's ``reverse``. Goes out: its address, below ``sessions/NAME/`` while a
session is shown. Every page that can show a session is linked to through here, never by ``reverse`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import urls

from .sessions import current


def reverse(page: str, args: Sequence[Any] = ()) -> str:
    """Return the address of ``signalscope:NAME`` with these arguments, in the session that is shown."""
    shown = current.shown()
    return urls.reverse(page, args=[shown.session.name, *args] if shown else list(args))


def in_session(session: str, page: str, args: Sequence[Any] = ()) -> str:
    """Return the address of a page of this session; of the live journal where it is empty."""
    return urls.reverse(page, args=[session, *args] if session else list(args))
